//! What happens by itself, at its second of the virtual clock.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::StripeState;
use super::invoices::Line;
use super::values::{members, next_period, number, text};

/// What is due. The order is the order within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Timer {
    /// A trial ends in three days.
    TrialNotice,
    /// A period, a trial or a subscription ends.
    Renew,
    /// A draft becomes an invoice.
    Finalize,
    /// An invoice that was not paid is tried again.
    Retry,
    /// A first payment did not come.
    Incomplete,
    /// Nobody finished Checkout.
    Session,
}

/// The next period of all items begins at `start`.
pub(super) fn set_period(subscription: &mut Value, start: i64, now: i64) {
    let anchor = subscription["billing_cycle_anchor"].as_i64().unwrap_or(now);
    for item in subscription["items"]["data"].as_array_mut().into_iter().flatten() {
        let end = next_period(anchor, &item["price"]["recurring"], start);
        (item["current_period_start"], item["current_period_end"]) = (json!(start), json!(end));
    }
}

impl StripeState {
    /// The second of what happens next by itself.
    pub(crate) fn next_timer(&self) -> Option<i64> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// The second of the next webhook.
    pub(crate) fn next_delivery(&self) -> Option<i64> {
        self.outbox.iter().map(|one| one.due).min()
    }

    /// Whether something is due by itself.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.timers.first().is_some_and(|(at, ..)| *at <= now)
    }

    /// Lets happen what is due, one after the other, each at its own second.
    pub(crate) fn tick(&mut self, now: i64) {
        if !self.is_due(now) {
            return;
        }
        self.cause = (None, None);
        while let Some((at, timer, id)) = self.timers.first().filter(|(at, ..)| *at <= now).cloned() {
            self.timers.remove(&(at, timer, id.clone()));
            match timer {
                Timer::TrialNotice => self.tell_of_trial(&id, at),
                Timer::Renew => self.renew(&id, at),
                Timer::Finalize => {
                    let advances = self.get("invoice", &id).is_some_and(|one| one["auto_advance"] == true);
                    if advances {
                        self.finalize(&id, at);
                        self.collect(&id, None, at);
                    }
                }
                Timer::Retry => {
                    let is_wanted =
                        self.get("invoice", &id).is_some_and(|one| one["next_payment_attempt"] == at);
                    if is_wanted {
                        self.collect(&id, None, at);
                    }
                }
                Timer::Incomplete => {
                    if self.get("subscription", &id).is_some_and(|one| one["status"] == "incomplete") {
                        self.end_subscription(&id, None, at);
                    }
                }
                Timer::Session => self.expire_session(&id, at),
            }
            self.send_fresh(at);
        }
        self.forget_answers(now);
    }

    fn tell_of_trial(&mut self, id: &str, now: i64) {
        let Some(subscription) = self.get("subscription", id).cloned() else { return };
        let left = number(&subscription["trial_end"]) - now;
        // A trial that was made longer meanwhile is told of later.
        if subscription["status"] == "trialing" && left <= 3 * 86_400 {
            self.emit("customer.subscription.trial_will_end", &subscription, now);
        }
    }

    /// The end of a period: the next one begins, or the subscription ends.
    pub(super) fn renew(&mut self, id: &str, now: i64) {
        let Some(was) = self.get("subscription", id).cloned() else { return };
        let status = text(&was["status"]);
        if !matches!(status.as_str(), "active" | "trialing" | "past_due" | "unpaid") {
            return;
        }
        if was["cancel_at"].as_i64().is_some_and(|end| end <= now) {
            self.bill_usage_at_end(&was, now);
            return self.end_subscription(id, None, now);
        }
        if super::proration::period(&was).1 > now {
            return;
        }
        let mut subscription = was.clone();
        if status == "trialing" {
            if self.ends_without_card(&was, now) {
                return;
            }
            subscription["status"] = json!("active");
        }
        let mut lines = self.usage_lines(&was, now);
        set_period(&mut subscription, now, now);
        lines.append(&mut self.pending_lines(id, true));
        lines.append(&mut self.period_lines(&subscription, now));
        let invoice = self.invoice_of(&subscription, "subscription_cycle", &lines, now);
        subscription["latest_invoice"] = invoice["id"].clone();
        self.put(&subscription);
        self.emit_change("customer.subscription.updated", &was, &subscription, now);
        self.plan_ahead(&subscription, now);
        // What was not paid until the end is not tried to be paid for the next period: its invoices stay
        // drafts.
        let is_paused = subscription["pause_collection"].is_object();
        self.keep_draft(invoice, status != "unpaid" && !is_paused, now);
    }

    /// What becomes of a trial that ends without a card, where it does not simply go on.
    fn ends_without_card(&mut self, was: &Value, now: i64) -> bool {
        let has_card = self
            .card_for(&json!({ "customer": was["customer"], "parent": {
            "subscription_details": { "subscription": was["id"] } } }))
            .is_some();
        let id = text(&was["id"]);
        match was["trial_settings"]["end_behavior"]["missing_payment_method"].as_str() {
            Some("cancel") if !has_card => self.end_subscription(&id, None, now),
            Some("pause") if !has_card => {
                let mut subscription = was.clone();
                subscription["status"] = json!("paused");
                self.put(&subscription);
                self.emit_change("customer.subscription.updated", was, &subscription, now);
                self.emit("customer.subscription.paused", &subscription, now);
            }
            _ => return false,
        }
        true
    }

    /// What was used in the period that ends now.
    fn usage_lines(&mut self, subscription: &Value, now: i64) -> Vec<Value> {
        let customer = text(&subscription["customer"]);
        let mut lines = Vec::new();
        for item in members(&subscription["items"]).to_vec() {
            let meter = item["price"]["recurring"]["meter"]
                .as_str()
                .and_then(|id| self.get("billing.meter", id))
                .cloned();
            let Some(meter) = meter else { continue };
            let period = (number(&item["current_period_start"]), number(&item["current_period_end"]));
            #[expect(clippy::cast_possible_truncation, reason = "usage in whole units, as it is billed here")]
            let quantity = self.usage(&meter, &customer, period.0, period.1).ceil() as i64;
            let amount = number(&item["price"]["unit_amount"]) * quantity;
            lines.push(self.line(&Line { item: &item, amount, quantity, period, proration: None }, now));
        }
        lines
    }

    /// What was used until a subscription ends is paid all the same.
    fn bill_usage_at_end(&mut self, subscription: &Value, now: i64) {
        let mut lines = self.usage_lines(subscription, now);
        lines.append(&mut self.pending_lines(&text(&subscription["id"]), true));
        if lines.is_empty() {
            return;
        }
        let invoice = self.invoice_of(subscription, "subscription_cycle", &lines, now);
        self.keep_draft(invoice, true, now);
    }
}
