//! Subscriptions: what is asked of them, and what payments do to them.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::payments::Verdict;
use super::proration::{Behaviour, Change};
use super::refusal::{Answer, Refusal};
use super::values::{members, merge, text};

pub(super) fn create(state: &mut StripeState, call: &Call) -> Answer {
    let order = Value::Object(call.params.clone());
    state.start(&order, call.now)
}

pub(super) fn retrieve(state: &mut StripeState, call: &Call) -> Answer {
    state.find("subscription", call.id(), "id")
}

/// All that are not over, unless a status is asked for.
pub(super) fn list(state: &mut StripeState, call: &Call) -> Answer {
    let status = call.text("status");
    let price = call.text("price");
    let fits = |one: &&Value| {
        let own = one["status"].as_str().unwrap_or_default();
        let is_over = matches!(own, "canceled" | "incomplete_expired");
        let by_status = match status {
            None => own != "canceled",
            Some("all") => true,
            Some("ended") => is_over,
            Some(status) => own == status,
        };
        by_status
            && (call.get("customer").is_null() || one["customer"] == *call.get("customer"))
            && price.is_none_or(|id| members(&one["items"]).iter().any(|item| item["price"]["id"] == id))
            && super::lists::in_range(&one["created"], call.get("created"))
    };
    let all: Vec<&Value> = state.all("subscription").into_iter().filter(fits).collect();
    super::lists::page(call, "/v1/subscriptions", &all)
}

pub(super) fn search(state: &mut StripeState, call: &Call) -> Answer {
    state.search(call, "/v1/subscriptions/search", "subscription")
}

pub(super) fn update(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("subscription", call.id(), "id")?;
    refuse_ended(&was)?;
    let mut subscription = was.clone();
    let own = [
        "metadata",
        "description",
        "default_payment_method",
        "payment_settings",
        "pause_collection",
        "cancellation_details",
        "automatic_tax",
        "trial_settings",
        "collection_method",
    ];
    merge(&mut subscription, call.only(&own));
    if call.params.contains_key("discounts") {
        subscription["discounts"] = json!(state.discounts(call.get("discounts"), &was, call.now)?);
    }
    set_end(&mut subscription, call);
    let change = Change::read(call, &subscription)?;
    let mut outcome = state.changed(&subscription, &change)?;
    if call.text("payment_behavior") == Some("error_if_incomplete") && outcome.invoices_now {
        let card = state.card_for(&json!({ "customer": was["customer"], "parent": {
            "subscription_details": { "subscription": was["id"] } } }));
        if card.is_none_or(|card| super::payments::verdict(&card) != Verdict::Paid) {
            return Err(super::payments::declined(&Value::Null));
        }
    }
    let invoice = outcome.invoices_now.then(|| {
        let mut lines = state.pending_lines(call.id(), true);
        lines.append(&mut outcome.lines);
        state.invoice_of(&outcome.subscription, "subscription_update", &lines, call.now)
    });
    if let Some(invoice) = &invoice {
        outcome.subscription["latest_invoice"] = invoice["id"].clone();
    }
    state.put(&outcome.subscription);
    state.emit_change("customer.subscription.updated", &was, &outcome.subscription, call.now);
    state.keep_pending(&outcome.subscription, outcome.lines, call.now);
    // What is planned stays so, where the change moves no end: a trial's is told of once.
    let ends = |one: &Value| json!([one["trial_end"], one["cancel_at"], super::proration::period(one).1]);
    if ends(&was) != ends(&outcome.subscription) {
        state.plan_ahead(&outcome.subscription, call.now);
    }
    if let Some(invoice) = invoice {
        let id = state.keep_draft(invoice, false, call.now);
        state.finalize(&id, call.now);
        state.collect(&id, None, call.now);
    }
    state.find("subscription", call.id(), "id")
}

fn refuse_ended(subscription: &Value) -> Answer<()> {
    if matches!(subscription["status"].as_str(), Some("canceled" | "incomplete_expired")) {
        let message = format!("No such subscription: '{}'", text(&subscription["id"]));
        return Err(Refusal::new(http::StatusCode::NOT_FOUND, "invalid_request_error", &message)
            .code("resource_missing")
            .param("id"));
    }
    Ok(())
}

/// Whether it ends by itself, and when.
fn set_end(subscription: &mut Value, call: &Call) {
    if let Some(ends) = call.get("cancel_at_period_end").as_bool() {
        let end = members(&subscription["items"]).first().map(|item| item["current_period_end"].clone());
        subscription["cancel_at_period_end"] = json!(ends);
        subscription["cancel_at"] = if ends { end.unwrap_or_default() } else { Value::Null };
    } else if call.params.contains_key("cancel_at") {
        subscription["cancel_at"] = call.get("cancel_at").clone();
        subscription["cancel_at_period_end"] = json!(false);
    } else {
        return;
    }
    let ends = !subscription["cancel_at"].is_null();
    if ends && subscription["canceled_at"].is_null() {
        subscription["canceled_at"] = json!(call.now);
    } else if !ends {
        subscription["canceled_at"] = Value::Null;
    }
    subscription["cancellation_details"]["reason"] =
        if ends { json!("cancellation_requested") } else { Value::Null };
}

pub(super) fn cancel(state: &mut StripeState, call: &Call) -> Answer {
    let mut subscription = state.find("subscription", call.id(), "id")?;
    refuse_ended(&subscription)?;
    merge(&mut subscription, call.only(&["cancellation_details"]));
    state.put(&subscription);
    if call.flag("prorate") || call.flag("invoice_now") {
        let item_changes =
            members(&subscription["items"]).iter().map(|item| json!({ "id": item["id"], "deleted": true }));
        let change = Change {
            items: json!(item_changes.collect::<Vec<_>>()),
            at: call.now,
            now: call.now,
            trial_end: None,
            resets: false,
            behaviour: if call.flag("prorate") { Behaviour::Create } else { Behaviour::None },
        };
        let outcome = state.changed(&subscription, &change)?;
        state.keep_pending(&subscription, outcome.lines, call.now);
    }
    if call.flag("invoice_now") {
        let lines = state.pending_lines(call.id(), true);
        let invoice = state.invoice_of(&subscription, "subscription_update", &lines, call.now);
        let id = state.keep_draft(invoice, false, call.now);
        state.finalize(&id, call.now);
        state.collect(&id, None, call.now);
    }
    state.end_subscription(call.id(), Some("cancellation_requested"), call.now);
    state.find("subscription", call.id(), "id")
}

/// Begins a paused one again, with a period of its own.
pub(super) fn resume(state: &mut StripeState, call: &Call) -> Answer {
    let was = state.find("subscription", call.id(), "id")?;
    if was["status"] != "paused" {
        return Err(Refusal::invalid("Only paused subscriptions can be resumed."));
    }
    let mut subscription = was.clone();
    subscription["status"] = json!("active");
    subscription["billing_cycle_anchor"] = json!(call.now);
    super::time::set_period(&mut subscription, call.now, call.now);
    let lines = state.period_lines(&subscription, call.now);
    let invoice = state.invoice_of(&subscription, "subscription_cycle", &lines, call.now);
    subscription["latest_invoice"] = invoice["id"].clone();
    state.put(&subscription);
    state.emit_change("customer.subscription.updated", &was, &subscription, call.now);
    state.emit("customer.subscription.resumed", &subscription, call.now);
    state.plan_ahead(&subscription, call.now);
    let id = state.keep_draft(invoice, false, call.now);
    state.finalize(&id, call.now);
    state.collect(&id, None, call.now);
    state.find("subscription", call.id(), "id")
}

impl StripeState {
    /// The subscriptions of a customer that are not over, the newest first.
    pub(super) fn live_subscriptions(&self, customer: &str) -> Vec<Value> {
        let is_live = |one: &&Value| {
            one["customer"] == customer
                && !matches!(one["status"].as_str(), Some("canceled" | "incomplete_expired"))
        };
        self.all("subscription").into_iter().filter(is_live).cloned().collect()
    }

    /// Ends a subscription now; its open invoices are not tried again.
    pub(super) fn end_subscription(&mut self, id: &str, reason: Option<&str>, now: i64) {
        let Some(mut subscription) = self.get("subscription", id).cloned() else { return };
        let never_began = subscription["status"] == "incomplete";
        subscription["status"] = json!(if never_began { "incomplete_expired" } else { "canceled" });
        subscription["ended_at"] = json!(now);
        if subscription["canceled_at"].is_null() {
            subscription["canceled_at"] = json!(now);
        }
        if let Some(reason) = reason {
            subscription["cancellation_details"]["reason"] = json!(reason);
        }
        self.put(&subscription);
        for mut invoice in self.open_invoices(id) {
            invoice["next_payment_attempt"] = Value::Null;
            invoice["auto_advance"] = json!(false);
            if never_began {
                invoice["status"] = json!("void");
                invoice["status_transitions"]["voided_at"] = json!(now);
            }
            self.put(&invoice);
        }
        // One that never began is no more without having been: it is told as a change.
        let kind =
            if never_began { "customer.subscription.updated" } else { "customer.subscription.deleted" };
        self.emit(kind, &subscription, now);
    }

    pub(super) fn open_invoices(&self, subscription: &str) -> Vec<Value> {
        let fits = |one: &&Value| {
            one["status"] == "open" && one["parent"]["subscription_details"]["subscription"] == subscription
        };
        self.all("invoice").into_iter().filter(fits).cloned().collect()
    }

    fn owner(&self, invoice: &Value) -> Option<Value> {
        let id = invoice["parent"]["subscription_details"]["subscription"].as_str()?;
        self.get("subscription", id).cloned()
    }

    /// A subscription whose latest invoice is paid goes on.
    pub(super) fn after_payment(&mut self, invoice: &Value, card: Option<&str>, now: i64) {
        let Some(was) = self.owner(invoice) else { return };
        let mut subscription = was.clone();
        let keeps = subscription["payment_settings"]["save_default_payment_method"] == "on_subscription";
        if let Some(card) = card.filter(|_| keeps || invoice["billing_reason"] == "subscription_create") {
            subscription["default_payment_method"] = json!(card);
        }
        let is_late = matches!(was["status"].as_str(), Some("incomplete" | "past_due" | "unpaid"));
        if is_late && was["latest_invoice"] == invoice["id"] {
            subscription["status"] = json!("active");
        }
        self.put(&subscription);
        self.emit_change("customer.subscription.updated", &was, &subscription, now);
    }

    /// A subscription whose invoice is not paid is late; after the last try it ends, or is unpaid.
    pub(super) fn after_failure(&mut self, invoice: &Value, is_last: bool, now: i64) {
        let Some(was) = self.owner(invoice) else { return };
        if is_last && self.manner.cancels_unpaid && was["status"] != "canceled" {
            self.end_subscription(&text(&was["id"]), Some("payment_failed"), now);
            return;
        }
        let status = match was["status"].as_str() {
            Some("active" | "trialing" | "past_due") if is_last => "unpaid",
            Some("active" | "trialing") => "past_due",
            _ => return,
        };
        let mut subscription = was.clone();
        subscription["status"] = json!(status);
        self.put(&subscription);
        self.emit_change("customer.subscription.updated", &was, &subscription, now);
    }
}
