//! What an invoice would say.

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::proration::{Change, period};
use super::refusal::{Answer, Refusal};
use super::values::{members, next_period, text};

/// The next invoice of a subscription, with a change or without; nothing is kept.
pub(super) fn create(state: &mut StripeState, call: &Call) -> Answer {
    let sequence = state.sequence;
    let preview = make(state, call);
    // Nothing was made: no id was used up either, and nothing happened.
    state.sequence = sequence;
    preview
}

fn make(state: &mut StripeState, call: &Call) -> Answer {
    let Some(id) = call.text("subscription") else { return of_new(state, call) };
    let subscription = state.find("subscription", id, "subscription")?;
    if matches!(subscription["status"].as_str(), Some("canceled" | "incomplete_expired")) {
        let message = "No upcoming invoices for customer: the subscription is canceled.";
        return Err(Refusal::invalid(message).code("invoice_upcoming_none"));
    }
    let change = Change::read(call, &subscription)?;
    let mut outcome = state.changed(&subscription, &change)?;
    let mut lines = state.pending_lines(id, false);
    lines.append(&mut outcome.lines);
    let mut at = call.now;
    if !outcome.invoices_now && !outcome.subscription["cancel_at_period_end"].as_bool().unwrap_or_default() {
        // The next invoice by itself is the next period's.
        let (_, end) = period(&outcome.subscription);
        let mut next = outcome.subscription.clone();
        next["status"] = json!("active");
        super::time::set_period(&mut next, end, end);
        lines.append(&mut state.period_lines(&next, call.now));
        at = end;
    }
    let invoice = state.invoice_of(&outcome.subscription, "upcoming", &lines, call.now);
    Ok(as_preview(invoice, at))
}

/// For a subscription that is not there yet.
fn of_new(state: &mut StripeState, call: &Call) -> Answer {
    let details = call.get("subscription_details");
    if members(&details["items"]).is_empty() {
        return Err(Refusal::required("subscription"));
    }
    let customer = call.text("customer").map(|id| state.find("customer", id, "customer")).transpose()?;
    let mut subscription = super::values::template("subscription");
    let mut items = Vec::new();
    for (at, item) in members(&details["items"]).iter().enumerate() {
        let price =
            state.recurring_price(&item["price"], &format!("subscription_details[items][{at}][price]"))?;
        let end = next_period(call.now, &price["recurring"], call.now);
        subscription["currency"] = price["currency"].clone();
        items.push(state.item("", &price, &item["quantity"], (call.now, end), call.now));
    }
    subscription["id"] = Value::Null;
    subscription["customer"] = customer.map(|customer| customer["id"].clone()).unwrap_or_default();
    subscription["items"]["data"] = json!(items);
    if let Some(end) = super::start::trial_end(details, call.now)? {
        (subscription["status"], subscription["trial_end"]) = (json!("trialing"), json!(end));
    }
    let lines = state.period_lines(&subscription, call.now);
    let invoice = state.invoice_of(&subscription, "upcoming", &lines, call.now);
    Ok(as_preview(invoice, call.now))
}

fn as_preview(mut invoice: Value, at: i64) -> Value {
    let id = text(&invoice["id"]).replace("in_", "upcoming_in_");
    for line in invoice["lines"]["data"].as_array_mut().into_iter().flatten() {
        line["invoice"] = json!(id);
    }
    invoice["lines"]["url"] = json!(format!("/v1/invoices/{id}/lines"));
    invoice["id"] = json!(id);
    invoice["status"] = json!("draft");
    invoice["next_payment_attempt"] = json!(at);
    invoice["created"] = json!(at);
    invoice
}
