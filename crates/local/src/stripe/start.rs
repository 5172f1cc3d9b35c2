//! How a subscription begins.

use serde_json::{Value, json};

use super::StripeState;
use super::payments::{Verdict, declined, verdict};
use super::refusal::{Answer, Refusal};
use super::time::Timer;
use super::values::{members, merge, next_period, number, template, text};

/// For so long a first payment may be missing.
const INCOMPLETE_SECONDS: i64 = 23 * 3_600;
/// Before a trial's end, Stripe says so.
const NOTICE_SECONDS: i64 = 3 * 86_400;

/// What was called a plan before there were prices; items still show it.
pub(super) fn plan(price: &Value) -> Value {
    let mut plan = template("plan");
    let recurring = &price["recurring"];
    merge(
        &mut plan,
        json!({
            "id": price["id"], "active": price["active"], "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"], "created": price["created"], "currency": price["currency"],
            "interval": recurring["interval"], "interval_count": recurring["interval_count"],
            "meter": recurring["meter"], "usage_type": recurring["usage_type"], "product": price["product"],
        }),
    );
    plan
}

impl StripeState {
    /// A price that can be subscribed to.
    pub(super) fn recurring_price(&self, id: &Value, parameter: &str) -> Answer {
        let id = id.as_str().ok_or_else(|| Refusal::required(parameter))?;
        let price = self.find("price", id, parameter)?;
        if price["active"] != true {
            let message =
                format!("The price specified is inactive. This field only accepts active prices. ({id})");
            return Err(Refusal::invalid(&message).param(parameter));
        }
        if price["type"] != "recurring" {
            let message = "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.";
            return Err(Refusal::invalid(message).param(parameter));
        }
        Ok(price)
    }

    pub(super) fn item(
        &mut self,
        subscription: &str,
        price: &Value,
        quantity: &Value,
        period: (i64, i64),
        now: i64,
    ) -> Value {
        let metered = price["recurring"]["usage_type"] == "metered";
        let quantity = if metered { Value::Null } else { json!(quantity.as_i64().unwrap_or(1)) };
        let fields = json!({
            "price": price, "plan": plan(price), "subscription": subscription, "quantity": quantity,
            "current_period_start": period.0, "current_period_end": period.1,
        });
        let mut item = self.make("si", "subscription_item", now, fields);
        if metered && let Some(item) = item.as_object_mut() {
            item.remove("quantity");
        }
        item
    }

    /// Begins a subscription as `order` says, in Stripe's own parameters, and asks for its first payment.
    pub(super) fn start(&mut self, order: &Value, now: i64) -> Answer {
        let customer = self.find(
            "customer",
            order["customer"].as_str().ok_or_else(|| Refusal::required("customer"))?,
            "customer",
        )?;
        let wanted = members(&order["items"]);
        if wanted.is_empty() {
            return Err(Refusal::required("items"));
        }
        let named = |(at, item): (usize, &Value)| {
            self.recurring_price(&item["price"], &format!("items[{at}][price]"))
        };
        let prices: Vec<Value> = wanted.iter().enumerate().map(named).collect::<Answer<_>>()?;
        let Some(first) = prices.first().cloned() else { return Err(Refusal::required("items")) };
        if prices.iter().any(|price| price["currency"] != first["currency"]) {
            return Err(
                Refusal::invalid("All prices on a subscription must have the same currency.").param("items")
            );
        }
        let trial_end = trial_end(order, now)?;
        self.check_card(order, &customer, &prices, trial_end)?;
        let end = trial_end.unwrap_or_else(|| next_period(now, &first["recurring"], now));
        let mut fields = order.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|name, _| {
                [
                    "customer",
                    "metadata",
                    "automatic_tax",
                    "default_payment_method",
                    "payment_settings",
                    "trial_settings",
                    "description",
                    "cancel_at_period_end",
                    "cancel_at",
                    "collection_method",
                ]
                .contains(&name.as_str())
            });
        }
        let mut subscription = self.make("sub", "subscription", now, fields);
        let id = text(&subscription["id"]);
        let items: Vec<Value> = prices
            .iter()
            .zip(wanted)
            .map(|(price, item)| self.item(&id, price, &item["quantity"], (now, end), now))
            .collect();
        let discounts = self.discounts(&order["discounts"], &subscription, now)?;
        merge(
            &mut subscription,
            json!({
                "billing_cycle_anchor": trial_end.unwrap_or(now), "start_date": now, "currency": first["currency"],
                "status": if trial_end.is_some() { "trialing" } else { "incomplete" },
                "trial_start": trial_end.map(|_| now), "trial_end": trial_end, "discounts": discounts,
                "items": { "data": items, "url": format!("/v1/subscription_items?subscription={id}") },
            }),
        );
        if !members(&order["add_invoice_items"]).is_empty() {
            return Err(
                Refusal::invalid("The local Stripe adds no invoice items.").param("add_invoice_items")
            );
        }
        let lines = self.period_lines(&subscription, now);
        let invoice = self.invoice_of(&subscription, "subscription_create", &lines, now);
        subscription["latest_invoice"] = invoice["id"].clone();
        self.put(&subscription);
        self.emit("customer.subscription.created", &subscription, now);
        let invoice = self.keep_draft(invoice, false, now);
        self.finalize(&invoice, now);
        self.plan_ahead(&subscription, now);
        if self.get("subscription", &id).is_some_and(|one| one["status"] == "incomplete") {
            self.timers.insert((now + INCOMPLETE_SECONDS, Timer::Incomplete, id.clone()));
        }
        let waits = order["payment_behavior"] == "default_incomplete";
        if !waits && self.get("invoice", &invoice).is_some_and(|one| one["status"] == "open") {
            self.collect(&invoice, None, now);
        }
        if waits && trial_end.is_some() {
            self.ask_for_card(&id, now);
        }
        self.find("subscription", &id, "id")
    }

    /// Where nobody may begin without paying, nothing begins.
    fn check_card(
        &self,
        order: &Value,
        customer: &Value,
        prices: &[Value],
        trial_end: Option<i64>,
    ) -> Answer<()> {
        let own = order["default_payment_method"].as_str();
        if let Some(id) = own {
            self.find("payment_method", id, "default_payment_method")?;
        }
        let card = own.or_else(|| customer["invoice_settings"]["default_payment_method"].as_str());
        let card = card.and_then(|id| self.get("payment_method", id));
        let behaviour = order["payment_behavior"].as_str();
        let costs = trial_end.is_none() && prices.iter().any(|price| number(&price["unit_amount"]) > 0);
        if card.is_none() && costs && behaviour != Some("default_incomplete") {
            let message = "This customer has no attached payment source or default payment method. Please consider adding a default payment method.";
            return Err(Refusal::invalid(message).code("resource_missing"));
        }
        if behaviour == Some("error_if_incomplete")
            && costs
            && card.is_some_and(|card| verdict(card) != Verdict::Paid)
        {
            return Err(declined(&Value::Null));
        }
        Ok(())
    }

    /// What each item costs for the period it is in; what is metered is paid afterwards.
    pub(super) fn period_lines(&mut self, subscription: &Value, now: i64) -> Vec<Value> {
        let is_trial = subscription["status"] == "trialing";
        let items: Vec<Value> = members(&subscription["items"]).to_vec();
        let mut lines = Vec::new();
        for item in items.iter().filter(|item| item["price"]["recurring"]["usage_type"] != "metered") {
            let quantity = item["quantity"].as_i64().unwrap_or(1);
            let amount = if is_trial { 0 } else { number(&item["price"]["unit_amount"]) * quantity };
            let period = (number(&item["current_period_start"]), number(&item["current_period_end"]));
            lines.push(
                self.line(&super::invoices::Line { item, amount, quantity, period, proration: None }, now),
            );
        }
        lines
    }

    /// What will happen to a subscription by itself.
    pub(super) fn plan_ahead(&mut self, subscription: &Value, now: i64) {
        let id = text(&subscription["id"]);
        for item in members(&subscription["items"]) {
            self.timers.insert((number(&item["current_period_end"]), Timer::Renew, id.clone()));
        }
        if let Some(end) = subscription["cancel_at"].as_i64() {
            self.timers.insert((end, Timer::Renew, id.clone()));
        }
        if let Some(end) = subscription["trial_end"].as_i64().filter(|end| *end > now) {
            self.timers.insert(((end - NOTICE_SECONDS).max(now), Timer::TrialNotice, id));
        }
    }

    /// A card is asked for without a payment.
    fn ask_for_card(&mut self, subscription: &str, now: i64) {
        let Some(mut owner) = self.get("subscription", subscription).cloned() else { return };
        let fields = json!({ "customer": owner["customer"], "_subscription": subscription });
        let intent = self.setup_intent(fields, now);
        owner["pending_setup_intent"] = intent["id"].clone();
        self.put(&owner);
    }
}

/// When a trial ends: at a moment, or so many days from now.
pub(super) fn trial_end(order: &Value, now: i64) -> Answer<Option<i64>> {
    let days = order["trial_period_days"].as_i64().map(|days| now + days * 86_400);
    match order["trial_end"].as_i64().or(days) {
        Some(end) if end <= now => {
            Err(Refusal::invalid("Invalid timestamp: must be an integer Unix timestamp in the future.")
                .param("trial_end"))
        }
        end => Ok(end),
    }
}
