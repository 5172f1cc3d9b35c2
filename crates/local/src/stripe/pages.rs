//! The pages that people see at Stripe: Checkout, the portal, and the bank's question whether it is them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::checkout::Entered;
use super::refusal::Answer;
use super::server::page_call;
use super::values::{members, number, text};
use super::{StripeState, payments};
use crate::engine::Engine;

/// No scripts. Forms lead back to the product, wherever it is, so their targets are free.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = "body{font:16px/1.5 system-ui;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1a1f36}\
                     button{font:inherit;padding:.5rem 1rem;margin:.25rem .25rem .25rem 0}input{font:inherit;padding:.4rem}\
                     .error{color:#b3093c}table{border-collapse:collapse}td{padding:.2rem .8rem .2rem 0}";
/// Digits of the card that asks for its owner, once they have answered.
const CONFIRMED: &str = "3155";

#[derive(Clone)]
struct World {
    engine: Arc<Engine>,
    url: String,
}

/// What a form sends.
#[derive(Debug, Default, Deserialize)]
struct Sent {
    #[serde(default)]
    action: String,
    /// What it is about, where there are several.
    #[serde(default)]
    id: String,
    #[serde(default)]
    promotion_code: String,
    #[serde(default)]
    email: String,
}

/// Routes of the pages, at the address of the API.
pub(super) fn router(engine: Arc<Engine>, url: &str) -> Router {
    Router::new()
        .route("/pay/{id}", get(checkout).post(pay))
        .route("/portal/{id}", get(portal).post(use_portal))
        .route("/invoice/{id}", get(invoice).post(pay_invoice))
        .route("/authenticate/{id}", get(question).post(answer))
        .with_state(World { engine, url: url.to_owned() })
}

impl World {
    fn read(&self, kind: &str, id: &str) -> Option<Value> {
        self.engine.store.read(|state| state.stripe.get(kind, id).cloned())
    }

    /// Does what somebody chose, and sends what it caused on its way.
    async fn change<T>(&self, change: impl FnOnce(&mut StripeState, i64) -> Answer<T>) -> Answer<T> {
        let now = self.engine.clock.now().as_second();
        let result = self.engine.store.change(|state| {
            state.stripe.tick(now);
            let result = change(&mut state.stripe, now);
            state.stripe.send_fresh(now);
            result
        });
        self.engine.store.settle().await;
        result
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

fn money(amount: &Value, currency: &Value) -> String {
    let amount = number(amount);
    let sign = if amount < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02} {}",
        amount.abs() / 100,
        amount.abs() % 100,
        escaped(&text(currency).to_uppercase())
    )
}

fn page(status: StatusCode, title: &str, error: Option<&str>, body: &str) -> Response {
    let error = error
        .map(|error| format!("<p class=\"error\" role=\"alert\">{}</p>", escaped(error)))
        .unwrap_or_default();
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>{error}{body}</main></html>"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn gone(what: &str) -> Response {
    page(StatusCode::NOT_FOUND, "Nothing here", None, &format!("<p>There is no such {what}.</p>"))
}

fn see(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address.to_owned())]).into_response()
}

fn button(action: &str, id: &str, label: &str) -> String {
    format!(
        "<form method=\"post\"><input type=\"hidden\" name=\"id\" value=\"{}\">\
         <button name=\"action\" value=\"{action}\">{label}</button></form>",
        escaped(id)
    )
}

async fn checkout(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    match world.read("checkout.session", &id) {
        Some(session) => checkout_page(&session, None),
        None => gone("Checkout session"),
    }
}

fn checkout_page(session: &Value, error: Option<&str>) -> Response {
    let status = text(&session["status"]);
    if status != "open" {
        let body = format!("<p>This Checkout session is {status}.</p>");
        return page(StatusCode::OK, "Checkout", error, &body);
    }
    let lines = members(&session["_line_items"]).iter().map(|line| {
        let amount = money(&line["amount_total"], &line["currency"]);
        let quantity = line["quantity"].as_i64().map(|quantity| format!("{quantity} × ")).unwrap_or_default();
        format!("<tr><td>{quantity}{}</td><td>{amount}</td></tr>", escaped(&text(&line["description"])))
    });
    let field = |name: &str, label: &str| format!("<p><label>{label} <input name=\"{name}\"></label></p>");
    let mut fields = String::new();
    if session["customer"].is_null() && session["customer_email"].is_null() {
        fields += &field("email", "Mail address");
    }
    if session["allow_promotion_codes"] == true {
        fields += &field("promotion_code", "Promotion code");
    }
    let body = format!(
        "<table>{}</table><p>To pay today: <strong>{}</strong></p><form method=\"post\">{fields}\
         <button name=\"action\" value=\"pay\">Pay</button>\
         <button name=\"action\" value=\"declined\">Pay by a card that is declined</button>\
         <button name=\"action\" value=\"later\">Pay by a card that fails later</button>\
         <button name=\"action\" value=\"3ds\">Pay by a card with 3-D Secure</button>\
         <button name=\"action\" value=\"back\">Back</button></form>",
        lines.collect::<String>(),
        money(&session["amount_total"], &session["currency"])
    );
    page(StatusCode::OK, "Checkout", error, &body)
}

async fn pay(Shared(world): Shared<World>, Path(id): Path<String>, Form(sent): Form<Sent>) -> Response {
    let Some(session) = world.read("checkout.session", &id) else { return gone("Checkout session") };
    let last4 = match sent.action.as_str() {
        "back" => return see(session["cancel_url"].as_str().unwrap_or("/")),
        "3ds" => return three_d_secure(&sent),
        "confirmed" => CONFIRMED,
        "declined" => "0002",
        "later" => "0341",
        "refused" => {
            return checkout_page(&session, Some("We are unable to authenticate your payment method."));
        }
        _ => "4242",
    };
    let entered = Entered { last4: later(last4), promotion_code: sent.promotion_code, email: sent.email };
    let fails_later = last4 == "0341";
    let paid = world
        .change(|stripe, now| {
            let session = stripe.complete(&id, &entered, now)?;
            if fails_later {
                stripe.use_card(&text(&session["customer"]), "0341", now)?;
            }
            Ok(session)
        })
        .await;
    match paid {
        Ok(session) => see(&text(&session["success_url"]).replace("{CHECKOUT_SESSION_ID}", &id)),
        Err(refusal) => checkout_page(&session, Some(&text(&refusal.error["message"]))),
    }
}

/// The card that fails later pays at first.
fn later(last4: &str) -> String {
    if last4 == "0341" { "4242".to_owned() } else { last4.to_owned() }
}

/// The bank asks; what was entered before is kept in the form.
fn three_d_secure(sent: &Sent) -> Response {
    let body = format!(
        "<p>Your bank asks whether it is you.</p><form method=\"post\">\
         <input type=\"hidden\" name=\"promotion_code\" value=\"{}\"><input type=\"hidden\" name=\"email\" value=\"{}\">\
         <button name=\"action\" value=\"confirmed\">It is me</button>\
         <button name=\"action\" value=\"refused\">It is not me</button></form>",
        escaped(&sent.promotion_code),
        escaped(&sent.email)
    );
    page(StatusCode::OK, "3-D Secure", None, &body)
}

async fn portal(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    portal_page(&world, &id, None)
}

fn portal_page(world: &World, id: &str, error: Option<&str>) -> Response {
    let Some(session) = world.read("billing_portal.session", id) else { return gone("portal session") };
    let customer = text(&session["customer"]);
    let (subscriptions, invoices) = world.engine.store.read(|state| {
        let invoices =
            state.stripe.all("invoice").into_iter().filter(|one| one["customer"] == customer.as_str());
        (state.stripe.live_subscriptions(&customer), invoices.cloned().collect::<Vec<_>>())
    });
    let own = subscriptions.iter().map(|one| {
        let id = text(&one["id"]);
        let (action, label, ending) = if one["cancel_at"].is_null() {
            ("cancel", "Cancel at the end of the period", "")
        } else {
            ("resume", "Do not cancel", ", ends with its period")
        };
        format!("<p>{id} ({}{ending})</p>{}", text(&one["status"]), button(action, &id, label))
    });
    let rows = invoices.iter().map(|one| {
        let amount = money(&one["total"], &one["currency"]);
        let pay =
            if one["status"] == "open" { button("pay", &text(&one["id"]), "Pay") } else { String::new() };
        let name = one["number"].as_str().unwrap_or("draft");
        format!("<tr><td>{name}</td><td>{amount}</td><td>{}</td><td>{pay}</td></tr>", text(&one["status"]))
    });
    let body = format!(
        "<h2>Subscriptions</h2>{}<h2>Card</h2>{}{}<h2>Invoices</h2><table>{}</table>{}",
        own.collect::<String>(),
        button("card_good", "", "Use a card that pays"),
        button("card_bad", "", "Use a card that fails"),
        rows.collect::<String>(),
        button("back", "", "Back")
    );
    page(StatusCode::OK, "Billing", error, &body)
}

async fn use_portal(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Response {
    let Some(session) = world.read("billing_portal.session", &id) else { return gone("portal session") };
    if sent.action == "back" {
        return see(session["return_url"].as_str().unwrap_or("/"));
    }
    let url = world.url.clone();
    let used = world
        .change(|stripe, now| stripe.use_portal(&session, &sent.action, &sent.id, &page_call(&url, now)))
        .await;
    match used {
        Ok(()) => see(&format!("/portal/{id}")),
        Err(refusal) => portal_page(&world, &id, Some(&text(&refusal.error["message"]))),
    }
}

async fn invoice(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    invoice_page(&world, &id, None)
}

fn invoice_page(world: &World, id: &str, error: Option<&str>) -> Response {
    let Some(invoice) = world.read("invoice", id) else { return gone("invoice") };
    let lines = members(&invoice["lines"]).iter().map(|line| {
        let amount = money(&line["amount"], &line["currency"]);
        format!("<tr><td>{}</td><td>{amount}</td></tr>", escaped(&text(&line["description"])))
    });
    let mut body = format!(
        "<table>{}</table><p>Total {}, {}</p>",
        lines.collect::<String>(),
        money(&invoice["total"], &invoice["currency"]),
        text(&invoice["status"])
    );
    if invoice["status"] == "open" {
        body += &button("pay", id, "Pay");
        body += &button("declined", id, "Pay by a card that is declined");
    }
    page(StatusCode::OK, "Invoice", error, &body)
}

async fn pay_invoice(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Response {
    let last4 = if sent.action == "declined" { "0341" } else { "4242" };
    let paid = world
        .change(|stripe, now| {
            let card = stripe.card(last4, "visa", now);
            match stripe.collect(&id, Some(card), now) {
                payments::Verdict::Paid => Ok(()),
                _ => Err(payments::declined(&Value::Null)),
            }
        })
        .await;
    let error = paid.err().map(|refusal| text(&refusal.error["message"]));
    invoice_page(&world, &id, error.as_deref())
}

async fn question(Shared(world): Shared<World>, Path(id): Path<String>) -> Response {
    let Some(intent) = world.read("payment_intent", &id) else { return gone("payment") };
    let body = if intent["status"] == "requires_action" {
        format!(
            "<p>Your bank asks whether it is you who pays {}.</p>{}{}",
            money(&intent["amount"], &intent["currency"]),
            button("confirmed", &id, "It is me"),
            button("refused", &id, "It is not me")
        )
    } else {
        format!("<p>This payment is {}.</p>", text(&intent["status"]))
    };
    page(StatusCode::OK, "3-D Secure", None, &body)
}

async fn answer(Shared(world): Shared<World>, Path(id): Path<String>, Form(sent): Form<Sent>) -> Response {
    let is_me = sent.action == "confirmed";
    let done = world.change(|stripe, now| stripe.authenticate(&id, is_me, now)).await;
    match done {
        Ok(()) => see(&format!("/authenticate/{id}")),
        Err(refusal) => page(refusal.status, "3-D Secure", Some(&text(&refusal.error["message"])), ""),
    }
}
