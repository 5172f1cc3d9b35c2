//! How an organization pays, from the first click to the last invoice, at the local Stripe.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product};

const CHECKOUTS: &str = "/v1/billing/checkouts";
const SUBSCRIPTION: &str = "/v1/billing/subscription";
const INTENTS: &str = "/v1/billing/subscription-intents";
const DETAILS: &str = "/v1/billing/details";
const TAX_IDS: &str = "/v1/billing/tax-ids";
const INVOICES: &str = "/v1/billing/invoices";

/// A form of plain words.
fn formed(request: RequestBuilder, form: &[(&str, &str)]) -> RequestBuilder {
    let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
    request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"))
}

/// What somebody asks for who wants this plan.
pub(crate) fn wish(plan: &str) -> Value {
    json!({ "plan": plan, "interval": "month", "return_to": "/done", "cancel_to": "/settings/billing" })
}

impl Product {
    /// Chooses something on a page of Stripe's; gives the status, which is 303 where the page is left.
    pub(crate) async fn choose(&self, page: &str, action: &str) -> u16 {
        self.choose_of(page, action, "").await
    }

    /// The same for one of several things on the page.
    pub(crate) async fn choose_of(&self, page: &str, action: &str, what: &str) -> u16 {
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let answer = formed(http.post(page), &[("action", action), ("id", what)]).send().await.unwrap();
        let status = answer.status().as_u16();
        self.settle().await;
        status
    }

    /// What Stripe says to whoever has our key.
    pub(crate) async fn at_stripe(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
        let url = &self.cloud.template().functions["api-billing"].environment["STRIPE_API_URL"];
        let request = reqwest::Client::new().request(method, format!("{}{path}", url.trim_end_matches('/')));
        let request = request.bearer_auth(self.stripe_document()["api_key"].as_str().unwrap());
        let request = if form.is_empty() { request } else { formed(request, form) };
        let body = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"))
    }

    /// From now on Stripe tells of each thing so many seconds after it.
    pub(crate) async fn told_after(&self, seconds: u32) {
        let manner = self.request(Method::PUT, "/_local/api/stripe/manner");
        let told = self.send(manner.json(&json!({ "delay_seconds": seconds }))).await;
        assert!(told.status.is_success(), "{told:?}");
    }

    /// Subscribes on Stripe's page, with a card that this button stands for.
    pub(crate) async fn subscribed(&self, token: &str, plan: &str, card: &str) {
        let opened = self.post_as(CHECKOUTS, token, &wish(plan)).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{opened:?}");
        assert_eq!(self.choose(&opened.text("/url"), card).await, 303);
    }

    pub(crate) async fn change(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        self.send(self.request(method, path).bearer_auth(token).json(body)).await
    }

    async fn told_times(&self, names: &[&str]) -> BTreeMap<String, usize> {
        self.settle().await;
        let mut told = BTreeMap::new();
        for name in self.events().await.into_iter().filter(|name| names.contains(&name.as_str())) {
            *told.entry(name).or_insert(0) += 1;
        }
        told
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_subscribes_in_the_trial_changes_the_plan_leaves_and_stays() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    // while the account is not set up for it
    let price = "/v1/prices/price_local_team_month";
    product.at_stripe(Method::POST, price, &[("active", "false")]).await;
    let early = product.post_as(CHECKOUTS, &ada, &wish("team")).await;
    assert_eq!(refused(&early), (503, "upstream_unavailable"));
    product.at_stripe(Method::POST, price, &[("active", "true")]).await;
    let trial_end = product.get(SUBSCRIPTION, &ada).await.text("/trial/trial_ends_at");
    let opened = product.post_as(CHECKOUTS, &ada, &wish("team")).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{opened:?}");
    let page = opened.text("/url");
    // a card that is refused leaves it open
    assert_ne!(product.choose(&page, "declined").await, 303);
    let path = format!("{CHECKOUTS}/{}", opened.text("/id"));
    assert_eq!(product.get(&path, &ada).await.text("/status"), "open");
    assert_eq!(product.post_as(CHECKOUTS, &ada, &wish("team")).await.body, opened.body);
    assert_eq!(product.choose(&page, "pay").await, 303);
    let paid = product.get(&path, &ada).await;
    assert_eq!((paid.text("/status"), &paid.body["url"]), ("completed".into(), &Value::Null));
    let subscribed = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!(
        (subscribed.text("/status"), subscribed.text("/access/level")),
        ("trialing".into(), "full".into())
    );
    let ends = subscribed.text("/current_period_end");
    assert_eq!(ends[..16], trial_end[..16], "the days that are left stay free");
    assert_eq!(product.get("/v1/entitlements", &ada).await.text("/plan"), "team");
    for path in [CHECKOUTS, INTENTS] {
        let body =
            if path == CHECKOUTS { wish("team") } else { json!({ "plan": "team", "interval": "year" }) };
        let again = product.post_as(path, &ada, &body).await;
        assert_eq!(refused(&again), (409, "already_subscribed"), "{path}");
    }

    let preview =
        product.post_as(&format!("{SUBSCRIPTION}/preview"), &ada, &json!({ "plan": "business" })).await;
    assert_eq!((preview.status, preview.text("/currency")), (StatusCode::OK, "usd".into()), "{preview:?}");
    let new = json!({ "plan": "business", "proration_at": preview.body["proration_at"] });
    for _ in 0..2 {
        let changed = product.change(Method::PATCH, SUBSCRIPTION, &ada, &new).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
        // at once, whenever Stripe's events come
        assert_eq!(product.get("/v1/entitlements", &ada).await.text("/plan"), "business");
    }
    for (act, ends) in [("cancel", true), ("cancel", true), ("resume", false), ("resume", false)] {
        let body = if act == "cancel" {
            json!({ "reason": "too_expensive", "comment": "a test" })
        } else {
            Value::Null
        };
        let answer = product.post_as(&format!("{SUBSCRIPTION}/{act}"), &ada, &body).await;
        assert_eq!(
            (answer.status, &answer.body["cancel_at_period_end"]),
            (StatusCode::OK, &json!(ends)),
            "{answer:?}"
        );
        product.settle().await;
    }
    // what the answer said, and then Stripe's event, was told once
    let names = [
        "checkout.started",
        "checkout.completed",
        "subscription.activated",
        "subscription.updated",
        "subscription.canceled",
        "entitlements.updated",
    ];
    let told = product.told_times(&names).await;
    let expected = [
        ("checkout.completed", 1),
        ("checkout.started", 1),
        ("entitlements.updated", 2),
        ("subscription.activated", 1),
        ("subscription.updated", 3),
    ];
    assert_eq!(told, expected.map(|(name, count)| (name.to_owned(), count)).into());
    for number in 0..10 {
        product.invite(&ada, &format!("p{number}@example.com"), "member").await;
    }
    let seats = product.get("/v1/billing/seats", &ada).await;
    assert_eq!(seats.body, json!({ "used": 11, "pending": 10, "cap": null }));
    let small = product.change(Method::PATCH, SUBSCRIPTION, &ada, &json!({ "plan": "starter" })).await;
    assert_eq!(refused(&small), (409, "too_many_seats"));
    let wrong = product.change(Method::PATCH, SUBSCRIPTION, &ada, &json!({ "plan": "gold" })).await;
    assert_eq!((wrong.problem(), wrong.text("/errors/0/pointer")), ("invalid_request", "/plan".into()));
    let early = json!({ "plan": "team", "proration_at": "2020-01-01T00:00:00.000Z" });
    let early = product.change(Method::PATCH, SUBSCRIPTION, &ada, &early).await;
    assert_eq!(
        early.text("/errors/0/pointer"),
        "/proration_at",
        "whoever chooses the time chooses the price"
    );
    // seats alone were news since then: brought to Stripe together, or one by one, some of them while a word
    // of Stripe's on one before was late
    let mut now = product.told_times(&names).await;
    let updated = now.insert("subscription.updated".to_owned(), 3);
    assert!(updated.is_some_and(|times| (4..=30).contains(&times)), "{updated:?}");
    assert_eq!(now, told);
    let customers = product.at_stripe(Method::GET, "/v1/customers", &[]).await;
    assert_eq!(customers["data"].as_array().unwrap().len(), 1, "{customers}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_page_of_ours_a_subscription_begins_when_it_is_paid_and_not_before() {
    for trial in [true, false] {
        let product = Product::start().await;
        let (mut ada, org_id) = product.owner("ada@example.com", "acme").await;
        if !trial {
            product.jump(SignedDuration::from_hours(15 * 24)).await;
            ada = product.signed_in_to("ada@example.com", &org_id).await;
        }
        let body = json!({ "plan": "team", "interval": "month" });
        let begun = product.post_as(INTENTS, &ada, &body).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
        let again = product.post_as(INTENTS, &ada, &body).await;
        assert_eq!((again.status, &again.body), (StatusCode::OK, &begun.body));
        product.settle().await;
        let confirm = format!("{INTENTS}/{}/confirm", begun.text("/id"));
        let early = product.post_nothing(&confirm, &ada).await;
        assert_eq!(refused(&early), (409, "payment_incomplete"), "{early:?}");
        assert!(product.told_times(&["subscription.activated"]).await.is_empty());
        let (eve, _) = product.owner("eve@example.com", "beta").await;
        assert_eq!(product.post_nothing(&confirm, &eve).await.status, StatusCode::NOT_FOUND);

        let secret = begun.text("/client_secret");
        let kind = if trial { "setup_intents" } else { "payment_intents" };
        let path = format!("/v1/{kind}/{}/confirm", secret.split("_secret").next().unwrap());
        let paid = [("payment_method", "pm_card_visa"), ("client_secret", &*secret)];
        let paid = product.at_stripe(Method::POST, &path, &paid).await;
        assert_eq!(paid["status"], "succeeded", "{paid}");
        for _ in 0..2 {
            let confirmed = product.post_nothing(&confirm, &ada).await;
            let status = if trial { "trialing" } else { "active" };
            assert_eq!(
                (confirmed.status, confirmed.text("/status")),
                (StatusCode::OK, status.into()),
                "{confirmed:?}"
            );
            product.settle().await;
        }
        let told = product.told_times(&["checkout.completed", "subscription.activated"]).await;
        assert_eq!(told.values().collect::<Vec<_>>(), [&1, &1], "{told:?}");
        assert_eq!(
            refused(&product.post_as(CHECKOUTS, &ada, &wish("team")).await),
            (409, "already_subscribed")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_payment_changes_nothing_and_invoices_are_the_organizations_own() {
    let product = Product::start().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    product.jump(SignedDuration::from_hours(15 * 24)).await;
    let ada = product.signed_in_to("ada@example.com", &org_id).await;
    product.subscribed(&ada, "team", "later").await;
    let shown = product.get(SUBSCRIPTION, &ada).await;
    assert_eq!((shown.text("/status"), shown.text("/access/level")), ("active".into(), "full".into()));
    let dear = product.change(Method::PATCH, SUBSCRIPTION, &ada, &json!({ "plan": "business" })).await;
    assert_eq!(refused(&dear), (402, "payment_failed"), "{dear:?}");
    product.settle().await;
    assert_eq!(product.get("/v1/entitlements", &ada).await.text("/plan"), "team");

    let listed = product.get(&format!("{INVOICES}?status=paid"), &ada).await;
    let first = listed.body["items"][0].clone();
    assert_eq!((&first["status"], &first["amount_paid"]), (&json!("paid"), &json!(1_900)), "{listed:?}");
    let path = format!("{INVOICES}/{}", first["id"].as_str().unwrap());
    assert_eq!(product.get(&path, &ada).await.body, first);
    assert!(first["pay_url"].is_string() && first["paid_at"].is_string(), "{first}");
    let (_, key) = product.api_key(&ada, &["billing:read"]).await;
    assert_eq!(product.get(&path, &key).await.body, first);
    let (eve, _) = product.owner("eve@example.com", "beta").await;
    assert_eq!(product.get(INVOICES, &eve).await.body, json!({ "items": [], "next_cursor": null }));
    let named = product.change(Method::PATCH, DETAILS, &eve, &json!({ "company_name": "Beta" })).await;
    assert_eq!(named.status, StatusCode::OK, "{named:?}");
    for path in [path.clone(), format!("{INVOICES}/in_nothing"), format!("{INVOICES}/a%2Fb")] {
        assert_eq!(refused(&product.get(&path, &eve).await), (404, "not_found"), "{path}");
    }
    let cursor = format!("{INVOICES}?cursor={}", first["id"].as_str().unwrap());
    let foreign = product.get(&cursor, &eve).await;
    assert!(
        foreign.problem_or_empty() == "invalid_cursor" || foreign.body["items"] == json!([]),
        "{foreign:?}"
    );

    // a bank takes money back: Stripe tells of the charge, and not of whom it was
    let charges = product.at_stripe(Method::GET, "/v1/charges", &[]).await;
    let charge = charges["data"].as_array().unwrap().last().unwrap();
    let dispute = |number: u8, charge: &Value| {
        let object = json!({ "id": "dp_1", "object": "dispute", "charge": charge, "amount": 1_900, "currency": "usd",
            "reason": "fraudulent" });
        json!({ "id": format!("evt_dispute_{number}"), "type": "charge.dispute.created", "livemode": false,
            "created": product.cloud.clock().now().as_second(), "data": { "object": object } })
    };
    for (outcome, event) in [
        ("applied", dispute(1, &charge["id"])),
        ("duplicate", dispute(1, &charge["id"])),
        ("ignored", dispute(2, &json!("ch_of_nobody"))),
    ] {
        assert_eq!(product.hook(&event).await.text("/outcome"), outcome, "{event}");
    }
    assert_eq!(product.told_times(&["payment.disputed"]).await.values().sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pays_is_said_before_and_after_anybody_does() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let nothing = json!({ "company_name": null, "email": null, "address": null });
    assert_eq!(product.get(DETAILS, &ada).await.body, nothing);
    let portal = product.post_as("/v1/billing/portal-sessions", &ada, &json!({ "return_to": "/" })).await;
    assert_eq!(refused(&portal), (409, "no_customer"));
    let new = json!({ "company_name": "Acme GmbH", "email": "bills@acme.example",
        "address": { "line1": "Ring 1", "country": "AT" } });
    let said = product.change(Method::PATCH, DETAILS, &ada, &new).await;
    assert_eq!(said.status, StatusCode::OK, "{said:?}");
    let moved = json!({ "email": null, "address": { "city": "Wien", "line1": null } });
    let said = product.change(Method::PATCH, DETAILS, &ada, &moved).await;
    assert_eq!(
        (said.text("/company_name"), &said.body["email"]),
        ("Acme GmbH".into(), &Value::Null),
        "{said:?}"
    );
    assert_eq!((said.text("/address/city"), said.text("/address/country")), ("Wien".into(), "AT".into()));
    assert_eq!(said.body["address"]["line1"], Value::Null);
    assert_eq!(product.get(DETAILS, &ada).await.body, said.body);
    assert_eq!(product.change(Method::PATCH, DETAILS, &ada, &json!({})).await.body, said.body);

    let id = json!({ "type": "eu_vat", "value": "ATU12345678" });
    let added = product.post_as(TAX_IDS, &ada, &id).await;
    assert_eq!(
        (added.status, added.text("/value")),
        (StatusCode::CREATED, "ATU12345678".into()),
        "{added:?}"
    );
    assert_eq!(product.post_as(TAX_IDS, &ada, &id).await.body["id"], added.body["id"], "once");
    let wrong = product.post_as(TAX_IDS, &ada, &json!({ "type": "eu_vat", "value": "none" })).await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.text("/errors/0/code")),
        (422, "invalid_tax_id".into()),
        "{wrong:?}"
    );
    assert_eq!(product.get(TAX_IDS, &ada).await.body["items"].as_array().unwrap().len(), 1);
    let path = format!("{TAX_IDS}/{}", added.text("/id"));
    assert_eq!(product.delete(&path, &ada).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.delete(&path, &ada).await.status, StatusCode::NOT_FOUND);
    let anew = product.post_as(TAX_IDS, &ada, &id).await;
    assert_ne!(
        anew.body["id"], added.body["id"],
        "what was removed is added, and not what was answered before"
    );
    assert_eq!(product.get(TAX_IDS, &ada).await.body["items"][0]["id"], anew.body["id"]);
    let portal = product.post_as("/v1/billing/portal-sessions", &ada, &json!({ "return_to": "/" })).await;
    assert_eq!(portal.status, StatusCode::CREATED, "{portal:?}");
    let told = product.told("billing_details.updated").await;
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(!json!(told).to_string().contains("Wien"), "what was said is at Stripe alone");
}
