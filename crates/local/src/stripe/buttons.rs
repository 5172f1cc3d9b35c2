//! What the buttons of the local page do: each lets something happen to an organization's subscription at
//! once, and gives the events that tell of it, so that they can be delivered doubled or in another order.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::StripeState;
use super::call::Call;
use super::checkout::Entered;
use super::refusal::{Answer, Refusal};
use super::server::page_call;
use super::values::text;
use crate::state::capture;

/// What the price is called that somebody subscribes to who names none.
pub(super) const LOOKUP_KEY: &str = "business_month";
/// Amount of a price that nobody made, cents.
const AMOUNT: i64 = 3_900;

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

    /// The events that tell of it, in order. All others that belong to it are left out: who presses a button
    /// wants to see what each of these does.
    fn told(self) -> &'static [&'static str] {
        match self {
            Self::Subscribe => {
                &["checkout.session.completed", "customer.subscription.created", "invoice.paid"]
            }
            Self::PaymentFailed => &["invoice.payment_failed", "customer.subscription.updated"],
            Self::Paid => &["invoice.paid", "customer.subscription.updated"],
            Self::Cancel => &["customer.subscription.deleted"],
        }
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
        self.tick(now);
        let done = match action {
            Action::Subscribe => self.subscribe(org_id, lookup_key, now),
            _ => match self.of_organization(org_id) {
                None => return Err(format!("{org_id} has no subscription; subscribe first")),
                Some(own) => self.happen(action, &own, now),
            },
        };
        let fresh = std::mem::take(&mut self.fresh);
        done.map_err(|refusal| text(&refusal.error["message"]))?;
        self.last_action = now;
        let events: Vec<Value> =
            action.told().iter().filter_map(|kind| self.told_last(&fresh, kind)).collect();
        for event in &events {
            capture(&mut self.events, event.clone());
        }
        Ok(events)
    }

    /// The last event of a kind, with the object as it is in the end.
    fn told_last(&self, fresh: &[Value], kind: &str) -> Option<Value> {
        let mut event = fresh.iter().rfind(|event| event["type"] == kind)?.clone();
        let object = &event["data"]["object"];
        let now = self.get(object["object"].as_str()?, object["id"].as_str()?)?;
        let version = text(&event["api_version"]);
        event["data"]["object"] = super::versions::render(self, now, &version);
        Some(event)
    }

    fn of_organization(&self, org_id: &str) -> Option<Value> {
        let fits = |one: &&Value| {
            one["metadata"]["org_id"] == org_id
                && !matches!(one["status"].as_str(), Some("canceled" | "incomplete_expired"))
        };
        self.all("subscription").into_iter().find(fits).cloned()
    }

    /// Through Checkout, with a card that pays.
    fn subscribe(&mut self, org_id: &str, lookup_key: &str, now: i64) -> Answer<()> {
        let known = self.all("customer").into_iter().find(|one| one["metadata"]["org_id"] == org_id);
        let customer = if let Some(known) = known {
            text(&known["id"])
        } else {
            let customer = self.make("cus", "customer", now, json!({ "metadata": { "org_id": org_id } }));
            self.put(&customer);
            text(&customer["id"])
        };
        let price = self.price_of(lookup_key, now);
        let metadata = json!({ "org_id": org_id });
        let params = json!({
            "mode": "subscription", "customer": customer, "client_reference_id": org_id, "metadata": metadata,
            "line_items": [{ "price": price, "quantity": 1 }], "subscription_data": { "metadata": metadata },
            "success_url": "http://localhost:3000/",
        });
        let call = Call { params: params.as_object().cloned().unwrap_or_default(), ..page_call("", now) };
        let session = super::checkout::create(self, &call)?;
        let entered = Entered { last4: "4242".to_owned(), ..Entered::default() };
        self.complete(&text(&session["id"]), &entered, now).map(drop)
    }

    /// The price of a lookup key; where nobody made one, it is there all the same.
    fn price_of(&mut self, lookup_key: &str, now: i64) -> String {
        if let Some(price) = self.all("price").into_iter().find(|one| one["lookup_key"] == lookup_key) {
            return text(&price["id"]);
        }
        let (id, product) = (format!("price_local_{lookup_key}"), format!("prod_local_{lookup_key}"));
        let fields = json!({ "id": product, "name": lookup_key, "updated": now });
        let product = self.make("prod", "product", now, fields);
        self.put(&product);
        let interval = if lookup_key.ends_with("_year") { "year" } else { "month" };
        let recurring = json!({
            "interval": interval, "interval_count": 1, "meter": null, "usage_type": "licensed",
            "trial_period_days": null,
        });
        let fields = json!({
            "id": id, "lookup_key": lookup_key, "product": product["id"], "recurring": recurring,
            "unit_amount": AMOUNT, "unit_amount_decimal": AMOUNT.to_string(),
        });
        let price = self.make("price", "price", now, fields);
        self.put(&price);
        id
    }

    fn happen(&mut self, action: Action, own: &Value, now: i64) -> Answer<()> {
        let (id, customer) = (text(&own["id"]), text(&own["customer"]));
        if action == Action::Cancel {
            self.end_subscription(&id, Some("cancellation_requested"), now);
            return Ok(());
        }
        // A card that fails goes on failing when the invoice is tried again, until somebody pays.
        let last4 = if action == Action::Paid { "4242" } else { "0341" };
        let was = own.clone();
        let card = self.card(last4, "visa", now);
        let card = self.attach(&text(&card["id"]), &customer, now).or_else(|_: Refusal| Ok(card))?;
        let mut subscription = was.clone();
        subscription["default_payment_method"] = card["id"].clone();
        self.put(&subscription);
        let open = self.open_invoices(&id).into_iter().next().map(|one| text(&one["id"]));
        let invoice = match open {
            Some(invoice) => invoice,
            None => self.next_invoice(&subscription, now),
        };
        self.collect(&invoice, None, now);
        // What changed besides the card is told, as seen from before.
        let after = self.find("subscription", &id, "id")?;
        self.emit_change("customer.subscription.updated", &was, &after, now);
        Ok(())
    }

    /// The next period begins now, and its invoice is open.
    fn next_invoice(&mut self, was: &Value, now: i64) -> String {
        let mut subscription = was.clone();
        subscription["status"] = json!("active");
        subscription["billing_cycle_anchor"] = json!(now);
        super::time::set_period(&mut subscription, now, now);
        let lines = self.period_lines(&subscription, now);
        let invoice = self.invoice_of(&subscription, "subscription_cycle", &lines, now);
        subscription["latest_invoice"] = invoice["id"].clone();
        self.put(&subscription);
        self.plan_ahead(&subscription, now);
        let id = self.keep_draft(invoice, false, now);
        self.finalize(&id, now);
        id
    }

    /// What the local page shows.
    pub(crate) fn overview(&self) -> Value {
        json!({
            "customers": self.all("customer"), "subscriptions": self.all("subscription"), "invoices": self.all("invoice"),
            "events": self.events.iter().rev().collect::<Vec<_>>(), "manner": self.manner,
            "checkout_sessions": self.all("checkout.session"), "waiting": self.waiting(),
        })
    }
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
        assert_eq!(again[0]["data"]["object"]["customer"], stripe.all("customer")[0]["id"]);
        assert_eq!(stripe.all("customer").len(), 1);
    }
}
