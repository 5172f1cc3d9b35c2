//! A change in the middle of a period: what was paid and not used comes back, what is used from now on is
//! paid, by the second (<https://docs.stripe.com/billing/subscriptions/prorations>).

use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::invoices::Line;
use super::refusal::{Answer, Refusal};
use super::start::plan;
use super::values::{members, next_period, number, text};

/// What becomes of the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It is on the next invoice.
    Create,
    /// It is invoiced at once.
    Invoice,
    None,
}

/// What is to change.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) items: Value,
    pub(super) behaviour: Behaviour,
    /// From when the difference is counted.
    pub(super) at: i64,
    pub(super) now: i64,
    pub(super) trial_end: Option<i64>,
    /// Whether a new period begins now.
    pub(super) resets: bool,
}

impl Change {
    /// From the parameters of a change, or of a preview of one.
    pub(super) fn read(call: &Call, subscription: &Value) -> Answer<Self> {
        let details = if call.get("subscription_details").is_object() {
            call.get("subscription_details").clone()
        } else {
            Value::Object(call.params.clone())
        };
        let behaviour = match details["proration_behavior"].as_str() {
            None | Some("create_prorations") => Behaviour::Create,
            Some("always_invoice") => Behaviour::Invoice,
            Some("none") => Behaviour::None,
            Some(other) => {
                let message = format!(
                    "Invalid proration_behavior: must be one of create_prorations, none, or always_invoice ({other})"
                );
                return Err(Refusal::invalid(&message).param("proration_behavior"));
            }
        };
        let at = details["proration_date"].as_i64().unwrap_or(call.now);
        let period = period(subscription);
        if details["proration_date"].is_i64() && !(period.0..=period.1).contains(&at) {
            let message = "Cannot specify a proration date outside of the current period.";
            return Err(Refusal::invalid(message).param("proration_date"));
        }
        let trial_end = match (&details["trial_end"], details["trial_end"].as_i64()) {
            (_, Some(end)) if end > call.now => Some(end),
            (_, Some(_)) => {
                return Err(Refusal::invalid("The trial end must be in the future.").param("trial_end"));
            }
            (word, None) if *word == "now" => Some(call.now),
            _ => None,
        };
        let resets = details["billing_cycle_anchor"] == "now";
        Ok(Self { items: details["items"].clone(), behaviour, at, now: call.now, trial_end, resets })
    }
}

/// What a change comes to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) subscription: Value,
    pub(super) lines: Vec<Value>,
    pub(super) invoices_now: bool,
}

pub(super) fn period(subscription: &Value) -> (i64, i64) {
    let first = members(&subscription["items"]).first();
    first.map_or((0, 0), |item| (number(&item["current_period_start"]), number(&item["current_period_end"])))
}

/// The part of an amount for what is left of a period, rounded to the cent.
fn share(amount: i64, at: i64, (start, end): (i64, i64)) -> i64 {
    let (left, whole) = (i128::from(end - at), i128::from((end - start).max(1)));
    let exact = i128::from(amount) * left * 2 + whole;
    i64::try_from(exact.div_euclid(whole * 2)).unwrap_or_default()
}

fn cost(item: &Value) -> i64 {
    number(&item["price"]["unit_amount"]) * item["quantity"].as_i64().unwrap_or(1)
}

fn is_metered(item: &Value) -> bool {
    item["price"]["recurring"]["usage_type"] == "metered"
}

impl StripeState {
    /// A subscription with a change in it, and the lines of the difference. Nothing is kept yet.
    pub(super) fn changed(&mut self, subscription: &Value, change: &Change) -> Answer<Outcome> {
        let now = change.now;
        let before: Vec<Value> = members(&subscription["items"]).to_vec();
        let after = self.changed_items(subscription, change)?;
        let mut changed = subscription.clone();
        let interval = |items: &[Value]| {
            items.first().map(|item| item["price"]["recurring"].clone()).unwrap_or_default()
        };
        let (old, new) = (interval(&before), interval(&after));
        let differs = ["interval", "interval_count"].iter().any(|name| old[*name] != new[*name]);
        let is_trial = subscription["status"] == "trialing";
        let ends_trial = is_trial && change.trial_end == Some(now);
        let begins = (differs && !is_trial && !after.is_empty()) || ends_trial || change.resets;
        let period = period(subscription);
        changed["items"]["data"] = json!(after);
        let is_paid = matches!(subscription["status"].as_str(), Some("active" | "past_due"));
        let mut lines = Vec::new();
        if is_paid && change.behaviour != Behaviour::None {
            lines = self.differences(&before, &after, (change.at, period), begins, now);
        }
        if let Some(end) = change.trial_end.filter(|end| *end > now) {
            changed["trial_end"] = json!(end);
            changed["billing_cycle_anchor"] = json!(end);
            changed["status"] = json!("trialing");
            if changed["trial_start"].is_null() {
                changed["trial_start"] = json!(now);
            }
            for item in changed["items"]["data"].as_array_mut().into_iter().flatten() {
                item["current_period_end"] = json!(end);
            }
        }
        if begins {
            if ends_trial {
                changed["trial_end"] = json!(now);
                changed["status"] = json!("active");
            }
            changed["billing_cycle_anchor"] = json!(now);
            let end = next_period(now, &new, now);
            for item in changed["items"]["data"].as_array_mut().into_iter().flatten() {
                (item["current_period_start"], item["current_period_end"]) = (json!(now), json!(end));
            }
            lines.append(&mut self.period_lines(&changed, now));
        }
        let invoices_now = begins || (change.behaviour == Behaviour::Invoice && !lines.is_empty());
        Ok(Outcome { subscription: changed, lines, invoices_now })
    }

    fn changed_items(&mut self, subscription: &Value, change: &Change) -> Answer<Vec<Value>> {
        let mut items: Vec<Value> = members(&subscription["items"]).to_vec();
        for (at, wanted) in members(&change.items).iter().enumerate() {
            let price = match &wanted["price"] {
                Value::Null => None,
                id => Some(self.recurring_price(id, &format!("items[{at}][price]"))?),
            };
            let Some(id) = wanted["id"].as_str() else {
                let price = price.ok_or_else(|| Refusal::required(&format!("items[{at}][price]")))?;
                if items.iter().any(|item| item["price"]["id"] == price["id"]) {
                    let message = format!(
                        "This subscription already has an item with the price {}.",
                        text(&price["id"])
                    );
                    return Err(Refusal::invalid(&message).param(&format!("items[{at}][price]")));
                }
                let (owner, period) = (text(&subscription["id"]), period(subscription));
                items.push(self.item(&owner, &price, &wanted["quantity"], period, change.now));
                continue;
            };
            let found = items.iter().position(|item| item["id"] == id);
            let found = found
                .ok_or_else(|| Refusal::missing("subscription_item", id, &format!("items[{at}][id]")))?;
            if wanted["deleted"] == true {
                items.remove(found);
                continue;
            }
            if let Some(price) = price {
                items[found]["plan"] = plan(&price);
                items[found]["price"] = price;
            }
            if let Some(quantity) = wanted["quantity"].as_i64() {
                items[found]["quantity"] = json!(quantity);
            }
        }
        Ok(items)
    }

    /// Credits for what is not used any more, debits for what is used instead; where a new period begins,
    /// that one is paid as a whole.
    fn differences(
        &mut self,
        before: &[Value],
        after: &[Value],
        (at, period): (i64, (i64, i64)),
        begins: bool,
        now: i64,
    ) -> Vec<Value> {
        let same = |own: &Value, other: &Value| {
            own["id"] == other["id"]
                && own["price"]["id"] == other["price"]["id"]
                && own["quantity"] == other["quantity"]
        };
        let stays = |item: &&Value, others: &[Value]| !begins && others.iter().any(|other| same(item, other));
        let mut lines = Vec::new();
        let left = (at, period.1);
        for item in before.iter().filter(|item| !is_metered(item) && !stays(item, after)) {
            let line = Line {
                item,
                amount: -share(cost(item), at, period),
                quantity: item["quantity"].as_i64().unwrap_or(1),
                period: left,
                proration: Some("Unused time on"),
            };
            lines.push(self.line(&line, now));
        }
        for item in after.iter().filter(|item| !begins && !is_metered(item) && !stays(item, before)) {
            let line = Line {
                item,
                amount: share(cost(item), at, period),
                quantity: item["quantity"].as_i64().unwrap_or(1),
                period: left,
                proration: Some("Remaining time on"),
            };
            lines.push(self.line(&line, now));
        }
        lines
    }

    /// Keeps lines for the next invoice of a subscription.
    pub(super) fn keep_pending(&mut self, subscription: &Value, lines: Vec<Value>, now: i64) {
        for line in lines {
            let fields = json!({
                "customer": subscription["customer"], "amount": line["amount"], "net_amount": line["amount"],
                "currency": line["currency"], "description": line["description"], "period": line["period"],
                "proration": line["parent"]["subscription_item_details"]["proration"], "quantity": line["quantity"],
                "date": now, "pricing": line["pricing"], "_line": line,
                "parent": { "type": "subscription_details", "subscription_details": { "subscription": subscription["id"] } },
            });
            let item = self.make("ii", "invoiceitem", now, fields);
            self.put(&item);
            self.emit("invoiceitem.created", &item, now);
        }
    }

    /// The lines that wait for a subscription's next invoice, the oldest first. They wait no more where they
    /// are taken.
    pub(super) fn pending_lines(&mut self, subscription: &str, are_taken: bool) -> Vec<Value> {
        let waits = |one: &&Value| {
            one["invoice"].is_null() && one["parent"]["subscription_details"]["subscription"] == subscription
        };
        let mut items: Vec<Value> = self.all("invoiceitem").into_iter().filter(waits).cloned().collect();
        items.reverse();
        items
            .into_iter()
            .map(|mut item| {
                if are_taken {
                    item["invoice"] = json!("taken");
                    self.put(&item);
                }
                let mut line = item["_line"].clone();
                line["parent"]["subscription_item_details"]["invoice_item"] = item["id"].clone();
                line
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_counted_by_the_second() {
        assert_eq!(share(3_000, 15, (0, 30)), 1_500);
        assert_eq!(share(1_000, 20, (0, 30)), 333);
        assert_eq!(share(1_000, 10, (0, 30)), 667);
        assert_eq!(share(2_000, 0, (0, 30)), 2_000);
        assert_eq!(share(2_000, 30, (0, 30)), 0);
    }
}
