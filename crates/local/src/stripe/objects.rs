//! Stripe's objects and what the four actions do to them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::StripeState;
use crate::state::capture;

/// Version of the API in events.
const API_VERSION: &str = "2026-09-30.endive";
/// What the price is called that somebody subscribes to who names none.
pub(super) const LOOKUP_KEY: &str = "business_month";
/// Amount of an invoice, cents.
const AMOUNT: i64 = 3_900;
/// Days that a billing period has here.
const PERIOD_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

/// Something that happens at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Somebody goes through Checkout.
    Subscribe,
    /// The next invoice is not paid.
    PaymentFailed,
    /// The open invoice is paid, or the next one.
    Paid,
    /// The subscription ends now.
    Cancel,
}

impl Action {
    pub(crate) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "subscribe" => Self::Subscribe,
            "payment_failed" => Self::PaymentFailed,
            "paid" => Self::Paid,
            "cancel" => Self::Cancel,
            _ => return None,
        })
    }
}

impl StripeState {
    /// Lets an action happen for an organization and returns the events that tell of it, in order.
    pub(crate) fn act(
        &mut self,
        action: Action,
        (org_id, lookup_key): (&str, &str),
        now: Timestamp,
    ) -> Result<Vec<Value>, String> {
        // Stripe's times are whole seconds. Two actions never share one, as two clicks would not,
        // so that their order is known.
        let now = now.as_second().max(self.last_action + 1);
        self.last_action = now;
        let events = match action {
            Action::Subscribe => self.subscribe(org_id, lookup_key, now),
            Action::PaymentFailed => self.payment_failed(&self.live_subscription(org_id)?, now),
            Action::Paid => self.paid(&self.live_subscription(org_id)?, now),
            Action::Cancel => self.cancel(&self.live_subscription(org_id)?, now),
        };
        for event in &events {
            capture(&mut self.events, event.clone());
        }
        Ok(events)
    }

    fn id(&mut self, prefix: &str) -> String {
        self.sequence += 1;
        format!("{prefix}_local{:08}", self.sequence)
    }

    fn live_subscription(&self, org_id: &str) -> Result<String, String> {
        self.subscriptions
            .iter()
            .rev()
            .find(|(_, subscription)| {
                subscription["metadata"]["org_id"] == org_id && subscription["status"] != "canceled"
            })
            .map(|(id, _)| id.clone())
            .ok_or_else(|| format!("{org_id} has no subscription; subscribe first"))
    }

    fn event(&mut self, kind: &str, object: &Value, previous: Option<Value>, now: i64) -> Value {
        let id = self.id("evt");
        let request = self.id("req");
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": now,
            "data": data,
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": request, "idempotency_key": null },
            "type": kind,
        })
    }

    fn subscribe(&mut self, org_id: &str, lookup_key: &str, now: i64) -> Vec<Value> {
        let known = self
            .customers
            .iter()
            .find(|(_, customer)| customer["metadata"]["org_id"] == org_id)
            .map(|(id, _)| id.clone());
        let customer = known.unwrap_or_else(|| {
            let id = self.id("cus");
            self.customers.insert(id.clone(), customer(&id, org_id, now));
            id
        });
        let subscription_id = self.id("sub");
        let item_id = self.id("si");
        let ids = (&*subscription_id, &*item_id, &*customer);
        let mut subscription = subscription(ids, org_id, lookup_key, now);
        let invoice = self.invoice(&subscription_id, &customer, org_id, "subscription_create", now);
        subscription["latest_invoice"] = invoice["id"].clone();
        let invoice = self.settle(invoice, now);
        let session_id = self.id("cs_test");
        let session = checkout_session(&session_id, &customer, &subscription_id, &invoice, org_id, now);
        self.checkout_sessions.insert(session_id, session.clone());
        self.subscriptions.insert(subscription_id, subscription.clone());
        vec![
            self.event("checkout.session.completed", &session, None, now),
            self.event("customer.subscription.created", &subscription, None, now),
            self.event("invoice.paid", &invoice, None, now),
        ]
    }

    fn payment_failed(&mut self, subscription_id: &str, now: i64) -> Vec<Value> {
        let (customer, org_id) = self.owner(subscription_id);
        let mut invoice = match self.open_invoice(subscription_id) {
            Some(invoice) => invoice,
            None => self.invoice(subscription_id, &customer, &org_id, "subscription_cycle", now),
        };
        invoice["attempted"] = json!(true);
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_i64().unwrap_or_default() + 1);
        invoice["next_payment_attempt"] = json!(now + 3 * DAY_SECONDS);
        self.invoices.insert(invoice["id"].as_str().unwrap_or_default().to_owned(), invoice.clone());
        let latest = invoice["id"].clone();
        let updated =
            self.change(subscription_id, &[("status", json!("past_due")), ("latest_invoice", latest)], now);
        let failed = self.event("invoice.payment_failed", &invoice, None, now);
        vec![failed, updated]
    }

    fn paid(&mut self, subscription_id: &str, now: i64) -> Vec<Value> {
        let (customer, org_id) = self.owner(subscription_id);
        let invoice = match self.open_invoice(subscription_id) {
            Some(invoice) => invoice,
            None => self.invoice(subscription_id, &customer, &org_id, "subscription_cycle", now),
        };
        let invoice = self.settle(invoice, now);
        let latest = invoice["id"].clone();
        if let Some(item) =
            self.subscriptions.get_mut(subscription_id).map(|one| &mut one["items"]["data"][0])
        {
            item["current_period_start"] = json!(now);
            item["current_period_end"] = json!(now + PERIOD_DAYS * DAY_SECONDS);
        }
        let updated =
            self.change(subscription_id, &[("status", json!("active")), ("latest_invoice", latest)], now);
        let paid = self.event("invoice.paid", &invoice, None, now);
        vec![paid, updated]
    }

    fn cancel(&mut self, subscription_id: &str, now: i64) -> Vec<Value> {
        let Some(subscription) = self.subscriptions.get_mut(subscription_id) else { return Vec::new() };
        subscription["status"] = json!("canceled");
        subscription["canceled_at"] = json!(now);
        subscription["ended_at"] = json!(now);
        subscription["cancellation_details"]["reason"] = json!("cancellation_requested");
        let subscription = subscription.clone();
        vec![self.event("customer.subscription.deleted", &subscription, None, now)]
    }

    /// Changes a subscription and returns its `customer.subscription.updated`.
    fn change(&mut self, subscription_id: &str, changes: &[(&str, Value)], now: i64) -> Value {
        let mut previous = json!({});
        let mut subscription = self.subscriptions.get(subscription_id).cloned().unwrap_or_default();
        for (name, value) in changes {
            if subscription[*name] != *value {
                previous[*name] = std::mem::replace(&mut subscription[*name], value.clone());
            }
        }
        self.subscriptions.insert(subscription_id.to_owned(), subscription.clone());
        self.event("customer.subscription.updated", &subscription, Some(previous), now)
    }

    fn owner(&self, subscription_id: &str) -> (String, String) {
        let subscription = self.subscriptions.get(subscription_id).cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&subscription["customer"]), text(&subscription["metadata"]["org_id"]))
    }

    fn open_invoice(&self, subscription_id: &str) -> Option<Value> {
        self.invoices
            .values()
            .find(|invoice| {
                invoice["status"] == "open"
                    && invoice["parent"]["subscription_details"]["subscription"] == subscription_id
            })
            .cloned()
    }

    fn settle(&mut self, mut invoice: Value, now: i64) -> Value {
        invoice["status"] = json!("paid");
        invoice["amount_paid"] = invoice["amount_due"].clone();
        invoice["amount_remaining"] = json!(0);
        invoice["attempted"] = json!(true);
        invoice["attempt_count"] = json!(invoice["attempt_count"].as_i64().unwrap_or_default() + 1);
        invoice["next_payment_attempt"] = Value::Null;
        invoice["status_transitions"]["paid_at"] = json!(now);
        self.invoices.insert(invoice["id"].as_str().unwrap_or_default().to_owned(), invoice.clone());
        invoice
    }

    fn invoice(&mut self, subscription: &str, customer: &str, org_id: &str, reason: &str, now: i64) -> Value {
        let (id, line) = (self.id("in"), self.id("il"));
        let subscription_details = json!({ "subscription": subscription, "metadata": { "org_id": org_id } });
        json!({
            "id": id, "object": "invoice", "livemode": false, "created": now, "currency": "usd",
            "customer": customer, "status": "open", "billing_reason": reason,
            "collection_method": "charge_automatically", "auto_advance": true,
            "amount_due": AMOUNT, "amount_paid": 0, "amount_remaining": AMOUNT, "amount_overpaid": 0, "amount_shipping": 0,
            "subtotal": AMOUNT, "total": AMOUNT, "attempted": false, "attempt_count": 0, "next_payment_attempt": now,
            "starting_balance": 0, "ending_balance": 0, "discounts": [], "default_tax_rates": [], "metadata": {},
            "period_start": now, "period_end": now, "number": format!("LOCAL-{:04}", self.sequence),
            "hosted_invoice_url": null, "invoice_pdf": null, "last_finalization_error": null,
            "parent": {
                "type": "subscription_details", "quote_details": null, "subscription_details": subscription_details,
            },
            "lines": {
                "object": "list", "has_more": false, "url": format!("/v1/invoices/{id}/lines"),
                "data": [{
                    "id": line, "object": "line_item", "amount": AMOUNT, "currency": "usd", "invoice": id, "quantity": 1,
                    "livemode": false, "metadata": { "org_id": org_id }, "discountable": true, "discounts": [],
                    "period": { "start": now, "end": now + PERIOD_DAYS * DAY_SECONDS }, "subtotal": AMOUNT,
                }],
            },
            "status_transitions": {
                "finalized_at": now, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
            },
        })
    }
}

fn customer(id: &str, org_id: &str, now: i64) -> Value {
    json!({
        "id": id, "object": "customer", "created": now, "livemode": false, "balance": 0, "currency": "usd",
        "email": null, "name": null, "phone": null, "description": null, "address": null, "shipping": null,
        "default_source": null, "delinquent": false, "discount": null, "invoice_prefix": "LOCAL",
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": "pm_card_visa", "footer": null, "rendering_options": null,
        },
        "metadata": { "org_id": org_id }, "preferred_locales": [], "tax_exempt": "none", "test_clock": null,
    })
}

fn subscription((id, item, customer): (&str, &str, &str), org_id: &str, lookup_key: &str, now: i64) -> Value {
    let price = json!({
        "id": format!("price_local_{lookup_key}"), "object": "price", "active": true, "billing_scheme": "per_unit", "created": now, "currency": "usd",
        "livemode": false, "lookup_key": lookup_key, "metadata": {}, "nickname": null, "product": format!("prod_local_{lookup_key}"),
        "recurring": { "interval": "month", "interval_count": 1, "meter": null, "usage_type": "licensed" },
        "tax_behavior": "unspecified", "tiers_mode": null, "type": "recurring",
        "unit_amount": AMOUNT, "unit_amount_decimal": AMOUNT.to_string(),
    });
    json!({
        "id": id, "object": "subscription", "application": null, "automatic_tax": { "enabled": false, "liability": null },
        "billing_cycle_anchor": now, "billing_mode": { "type": "flexible" }, "cancel_at": null,
        "cancel_at_period_end": false, "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically", "created": now, "currency": "usd", "customer": customer,
        "days_until_due": null, "default_payment_method": "pm_card_visa", "default_tax_rates": [], "description": null,
        "discounts": [], "ended_at": null, "latest_invoice": null, "livemode": false,
        "metadata": { "org_id": org_id }, "next_pending_invoice_item_invoice": null, "pause_collection": null,
        "pending_setup_intent": null, "pending_update": null, "schedule": null, "start_date": now, "status": "active",
        "test_clock": null, "trial_end": null, "trial_start": null,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
        "items": {
            "object": "list", "has_more": false, "url": format!("/v1/subscription_items?subscription={id}"),
            "data": [{
                "id": item, "object": "subscription_item", "created": now, "metadata": {}, "price": price, "quantity": 1,
                "subscription": id, "tax_rates": [], "discounts": [], "billing_thresholds": null,
                "current_period_start": now, "current_period_end": now + PERIOD_DAYS * DAY_SECONDS,
            }],
        },
    })
}

fn checkout_session(
    id: &str,
    customer: &str,
    subscription: &str,
    invoice: &Value,
    org_id: &str,
    now: i64,
) -> Value {
    json!({
        "id": id, "object": "checkout.session", "created": now, "expires_at": now + DAY_SECONDS, "livemode": false,
        "client_reference_id": org_id, "customer": customer, "subscription": subscription, "invoice": invoice["id"],
        "mode": "subscription", "status": "complete", "payment_status": "paid", "currency": "usd",
        "amount_subtotal": AMOUNT, "amount_total": AMOUNT, "metadata": { "org_id": org_id },
        "payment_method_types": ["card"], "success_url": "http://localhost:3000/", "cancel_url": null, "url": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(events: &[Value]) -> Vec<&str> {
        events.iter().map(|event| event["type"].as_str().unwrap()).collect()
    }

    #[test]
    fn every_event_is_read_by_the_client() {
        let mut stripe = StripeState::default();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut seconds = Vec::new();
        for action in [Action::Subscribe, Action::PaymentFailed, Action::Paid, Action::Paid, Action::Cancel] {
            for event in stripe.act(action, ("org_1", LOOKUP_KEY), now).unwrap() {
                let parsed = stripe_client::Event::parse(event.to_string().as_bytes()).unwrap();
                let content = parsed.read().unwrap();
                assert!(!matches!(content, stripe_client::Content::Other), "{content:?}");
                seconds.push(event["created"].as_i64().unwrap());
            }
        }
        assert!(seconds.is_sorted());
        seconds.dedup();
        assert_eq!(seconds.len(), 5);
    }

    #[test]
    fn a_subscription_lives_its_life() {
        let mut stripe = StripeState::default();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        assert!(stripe.act(Action::Paid, ("org_1", LOOKUP_KEY), now).is_err());
        let events = stripe.act(Action::Subscribe, ("org_1", LOOKUP_KEY), now).unwrap();
        assert_eq!(
            kinds(&events),
            ["checkout.session.completed", "customer.subscription.created", "invoice.paid"]
        );
        assert_eq!(events[0]["data"]["object"]["client_reference_id"], "org_1");
        assert_eq!(events[1]["data"]["object"]["metadata"]["org_id"], "org_1");
        let events = stripe.act(Action::PaymentFailed, ("org_1", LOOKUP_KEY), now).unwrap();
        assert_eq!(kinds(&events), ["invoice.payment_failed", "customer.subscription.updated"]);
        assert_eq!(events[1]["data"]["previous_attributes"]["status"], "active");
        assert_eq!(events[1]["data"]["object"]["status"], "past_due");
        let failed = events[0]["data"]["object"]["id"].clone();
        let events = stripe.act(Action::Paid, ("org_1", LOOKUP_KEY), now).unwrap();
        assert_eq!(events[0]["data"]["object"]["id"], failed, "the open invoice is the one that is paid");
        assert_eq!(events[1]["data"]["object"]["status"], "active");
        let events = stripe.act(Action::Cancel, ("org_1", LOOKUP_KEY), now).unwrap();
        assert_eq!(kinds(&events), ["customer.subscription.deleted"]);
        assert!(stripe.act(Action::Cancel, ("org_1", LOOKUP_KEY), now).is_err());
        let again = stripe.act(Action::Subscribe, ("org_1", LOOKUP_KEY), now).unwrap();
        assert_eq!(again[0]["data"]["object"]["customer"], stripe.customers.keys().next().unwrap().as_str());
        assert_eq!(stripe.customers.len(), 1);
    }
}
