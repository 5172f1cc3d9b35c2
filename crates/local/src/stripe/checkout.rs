//! Checkout: a page that somebody pays on.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::payments::Verdict;
use super::refusal::{Answer, Refusal};
use super::time::Timer;
use super::values::{members, merge, number, text};

const HOUR: i64 = 3_600;
/// Checkout promises no trial that is shorter.
const SHORTEST_TRIAL: i64 = 48 * HOUR;

pub(super) fn create(state: &mut StripeState, call: &Call) -> Answer {
    if call.text("mode") != Some("subscription") {
        return Err(Refusal::invalid("The local Stripe sells subscriptions only.").param("mode"));
    }
    let success = call.required("success_url")?.to_owned();
    for (name, address) in [("success_url", Some(success.as_str())), ("cancel_url", call.text("cancel_url"))]
    {
        if address.is_some_and(|address| !address.starts_with("http://") && !address.starts_with("https://"))
        {
            let message = "Not a valid URL. URLs must begin with http:// or https://.";
            return Err(Refusal::invalid(message).code("url_invalid").param(name));
        }
    }
    let customer = call.text("customer").map(|id| state.find("customer", id, "customer")).transpose()?;
    check_customer(call, customer.as_ref())?;
    check_trial(call)?;
    let lines = line_items(state, call)?;
    if call.params.contains_key("discounts") && call.params.contains_key("allow_promotion_codes") {
        let message = "You may only specify one of these parameters: allow_promotion_codes, discounts.";
        return Err(Refusal::invalid(message));
    }
    for discount in members(call.get("discounts")) {
        match (discount["promotion_code"].as_str(), discount["coupon"].as_str()) {
            (Some(id), _) => drop(state.usable_promotion(id, call.now)?),
            (None, Some(id)) => drop(state.find("coupon", id, "discounts[0][coupon]")?),
            (None, None) => {}
        }
    }
    let expires_at = call.get("expires_at").as_i64().unwrap_or(call.now + 24 * HOUR);
    if !(call.now + HOUR / 2..=call.now + 24 * HOUR).contains(&expires_at) {
        let message = "`expires_at` must be between 30 minutes and 24 hours from Checkout Session creation.";
        return Err(Refusal::invalid(message).param("expires_at"));
    }
    let shown = call.only(&[
        "allow_promotion_codes",
        "automatic_tax",
        "billing_address_collection",
        "cancel_url",
        "client_reference_id",
        "customer_email",
        "discounts",
        "locale",
        "metadata",
        "payment_method_collection",
        "success_url",
        "tax_id_collection",
    ]);
    let amount: i64 = members(&lines).iter().map(|line| number(&line["amount_total"])).sum();
    let is_trial = super::start::trial_end(call.get("subscription_data"), call.now)?.is_some();
    let due = if is_trial { 0 } else { amount };
    let mut session = state.make("cs_test", "checkout.session", call.now, shown);
    let id = text(&session["id"]);
    merge(
        &mut session,
        json!({
            "customer": call.get("customer"), "expires_at": expires_at, "amount_subtotal": due, "amount_total": due,
            "currency": lines["data"][0]["currency"], "url": format!("{}/pay/{id}", call.url),
            "_line_items": lines, "_subscription_data": call.get("subscription_data"),
        }),
    );
    state.put(&session);
    state.timers.insert((expires_at, Timer::Session, id));
    Ok(session)
}

/// What a known customer is without, Checkout asks for only when it may write it down.
fn check_customer(call: &Call, customer: Option<&Value>) -> Answer<()> {
    let Some(customer) = customer else { return Ok(()) };
    if call.text("customer_email").is_some() {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(Refusal::invalid(message).param("customer"));
    }
    let may = |name: &str| call.get("customer_update")[name] == "auto";
    if call.get("automatic_tax")["enabled"] == true
        && !customer["address"]["country"].is_string()
        && !may("address")
    {
        let message = "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the \
                       Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' \
                       to save the address entered in Checkout to the Customer.";
        return Err(Refusal::invalid(message).code("customer_tax_location_invalid"));
    }
    if call.get("tax_id_collection")["enabled"] == true && !may("name") {
        let message = "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an \
                       existing customer, please set `customer_update[name]` to `auto`.";
        return Err(Refusal::invalid(message).param("tax_id_collection"));
    }
    Ok(())
}

fn check_trial(call: &Call) -> Answer<()> {
    let data = call.get("subscription_data");
    if !data["trial_end"].is_null() && !data["trial_period_days"].is_null() {
        let message = "You may only specify one of these parameters: trial_end, trial_period_days.";
        return Err(Refusal::invalid(message).param("subscription_data[trial_period_days]"));
    }
    if data["trial_end"].as_i64().is_some_and(|end| end < call.now + SHORTEST_TRIAL) {
        let message = "The `subscription_data[trial_end]` has to be at least 2 days in the future.";
        return Err(Refusal::invalid(message).param("subscription_data[trial_end]"));
    }
    if data["trial_period_days"].as_i64().is_some_and(|days| days < 1) {
        let message = "The minimum number of trial period days is 1.";
        return Err(Refusal::invalid(message).param("subscription_data[trial_period_days]"));
    }
    Ok(())
}

fn line_items(state: &mut StripeState, call: &Call) -> Answer {
    let mut data = Vec::new();
    for (at, item) in members(call.get("line_items")).iter().enumerate() {
        let price = state.recurring_price(&item["price"], &format!("line_items[{at}][price]"))?;
        let is_metered = price["recurring"]["usage_type"] == "metered";
        let quantity = match item["quantity"].as_i64() {
            None if is_metered => None,
            None => return Err(Refusal::required(&format!("line_items[{at}][quantity]"))),
            Some(_) if is_metered => {
                let message = "Quantity should not be specified where usage_type is `metered`.";
                return Err(Refusal::invalid(message).param(&format!("line_items[{at}][quantity]")));
            }
            Some(quantity) if quantity < 1 => {
                let message = "This value must be greater than or equal to 1.";
                return Err(Refusal::invalid(message)
                    .code("parameter_invalid_integer")
                    .param(&format!("line_items[{at}][quantity]")));
            }
            quantity => quantity,
        };
        let amount = number(&price["unit_amount"]) * quantity.unwrap_or_default();
        let product = state.get("product", &text(&price["product"]));
        let description = product.map(|product| product["name"].clone()).unwrap_or_default();
        data.push(json!({
            "id": state.id("li"), "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0,
            "amount_total": amount, "currency": price["currency"], "description": description, "price": price,
            "quantity": quantity, "metadata": {}, "adjustable_quantity": null,
        }));
    }
    if data.is_empty() {
        return Err(Refusal::required("line_items"));
    }
    Ok(
        json!({ "object": "list", "has_more": false, "url": "/v1/checkout/sessions/line_items", "data": data }),
    )
}

pub(super) fn retrieve(state: &mut StripeState, call: &Call) -> Answer {
    state.find("checkout.session", call.id(), "id")
}

pub(super) fn list(state: &mut StripeState, call: &Call) -> Answer {
    let filters = ["customer", "subscription", "status", "payment_intent"];
    state.list(call, "/v1/checkout/sessions", "checkout.session", &filters)
}

pub(super) fn list_line_items(state: &mut StripeState, call: &Call) -> Answer {
    let session = state.find("checkout.session", call.id(), "id")?;
    let lines: Vec<&Value> = members(&session["_line_items"]).iter().collect();
    super::lists::page(call, &format!("/v1/checkout/sessions/{}/line_items", call.id()), &lines)
}

pub(super) fn expire(state: &mut StripeState, call: &Call) -> Answer {
    let session = state.find("checkout.session", call.id(), "id")?;
    if session["status"] != "open" {
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{}`.",
            text(&session["status"])
        );
        return Err(Refusal::invalid(&message).param("session"));
    }
    state.expire_session(call.id(), call.now);
    state.find("checkout.session", call.id(), "id")
}

/// What somebody enters on the page.
#[derive(Debug, Default)]
pub(super) struct Entered {
    pub(super) last4: String,
    pub(super) promotion_code: String,
    pub(super) email: String,
}

impl StripeState {
    pub(super) fn expire_session(&mut self, id: &str, now: i64) {
        let Some(mut session) =
            self.get("checkout.session", id).filter(|one| one["status"] == "open").cloned()
        else {
            return;
        };
        session["status"] = json!("expired");
        session["url"] = Value::Null;
        self.put(&session);
        self.emit("checkout.session.expired", &session, now);
    }

    /// Somebody pays: what was ordered begins. A card that is declined leaves everything as it was.
    pub(super) fn complete(&mut self, id: &str, entered: &Entered, now: i64) -> Answer {
        let mut session = self.find("checkout.session", id, "id")?;
        if session["status"] != "open" {
            return Err(Refusal::invalid("This Checkout Session is not open any more."));
        }
        let card = self.card(&entered.last4, "visa", now);
        if let Verdict::Declined(code) = super::payments::verdict(&card) {
            return Err(super::payments::declined(&Value::Null).with("decline_code", json!(code)));
        }
        let discounts = self.wanted_discounts(&session, &entered.promotion_code)?;
        let customer = self.customer_of(&session, entered, now);
        let card = self.attach(&text(&card["id"]), &customer, now)?;
        let items = members(&session["_line_items"])
            .iter()
            .map(|line| json!({ "price": line["price"]["id"], "quantity": line["quantity"] }));
        let mut order = session["_subscription_data"].clone();
        if !order.is_object() {
            order = json!({});
        }
        merge(
            &mut order,
            json!({
                "customer": customer, "items": items.collect::<Vec<_>>(), "discounts": discounts,
                "automatic_tax": { "enabled": session["automatic_tax"]["enabled"] },
                "default_payment_method": card["id"],
            }),
        );
        let subscription = self.start(&order, now)?;
        let invoice = self.find("invoice", &text(&subscription["latest_invoice"]), "invoice")?;
        let is_free = number(&invoice["amount_due"]) == 0;
        let owner = self.find("customer", &customer, "customer")?;
        merge(
            &mut session,
            json!({
                "status": "complete", "payment_status": if is_free { "no_payment_required" } else { "paid" },
                "customer": customer, "subscription": subscription["id"], "invoice": invoice["id"], "url": null,
                "amount_subtotal": invoice["subtotal"], "amount_total": invoice["total"],
                "total_details": { "amount_discount": number(&invoice["subtotal"]) - number(&invoice["total"]) },
                "customer_details": {
                    "address": owner["address"], "email": owner["email"], "name": owner["name"], "phone": owner["phone"],
                    "tax_exempt": owner["tax_exempt"], "tax_ids": [], "business_name": null, "individual_name": null,
                },
            }),
        );
        self.put(&session);
        self.emit("checkout.session.completed", &session, now);
        Ok(session)
    }

    fn wanted_discounts(&self, session: &Value, code: &str) -> Answer {
        if code.is_empty() {
            return Ok(session["discounts"].clone());
        }
        let fits = |one: &&Value| text(&one["code"]).eq_ignore_ascii_case(code) && one["active"] == true;
        let known = self.all("promotion_code").into_iter().find(fits);
        match known.filter(|_| session["allow_promotion_codes"] == true) {
            Some(promotion) => Ok(json!([{ "promotion_code": promotion["id"] }])),
            None => Err(Refusal::invalid("This code is invalid.")),
        }
    }

    fn customer_of(&mut self, session: &Value, entered: &Entered, now: i64) -> String {
        let email = session["customer_email"].as_str().unwrap_or(&entered.email).to_owned();
        let Some(was) = session["customer"].as_str().and_then(|id| self.get("customer", id)).cloned() else {
            let customer = self.make("cus", "customer", now, json!({ "email": email }));
            self.put(&customer);
            self.emit("customer.created", &customer, now);
            return text(&customer["id"]);
        };
        let mut customer = was.clone();
        if customer["email"].is_null() && !email.is_empty() {
            customer["email"] = json!(email);
        }
        self.put(&customer);
        self.emit_change("customer.updated", &was, &customer, now);
        text(&was["id"])
    }
}
