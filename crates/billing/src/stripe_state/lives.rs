//! Ten lives of subscriptions, in the words in which Stripe tells them, and what the organization may use as
//! they are lived.

use ::access::AccessLevel::{self, ExportOnly, Full, Grace, ReadOnly, Suspended};
use serde_json::{Value, json};
use stripe_client::{Event, EventId};

use crate::{
    Fact, Subscription,
    news::News,
    samples::{DAY, account, at},
};

/// One event of Stripe's.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// The second of the account's life in which it happens.
    pub(super) second: i64,
    /// What it says, for people.
    pub(super) text: String,
    /// What it says, for the account.
    pub(super) facts: Vec<Fact>,
}

/// What happens to one organization.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) name: &'static str,
    /// In the order of time.
    pub(super) words: Vec<Word>,
    /// The level on some days, when all that happened until then was heard of.
    pub(super) lived: Vec<(i64, AccessLevel)>,
}

impl Life {
    fn new(name: &'static str, lived: &[(i64, AccessLevel)]) -> Self {
        Self { name, words: Vec::new(), lived: lived.to_vec() }
    }

    /// What Stripe answers in the end to whoever asks for the subscriptions.
    pub(super) fn truth(&self) -> Vec<Subscription> {
        let mut truth: Vec<Subscription> = Vec::new();
        for fact in self.words.iter().flat_map(|word| &word.facts) {
            if let Fact::Subscription(seen, _) = fact {
                truth.retain(|known| known.id != seen.id);
                truth.push(seen.clone());
            }
        }
        truth
    }

    fn say(mut self, second: i64, kind: &str, what: &str, object: &Value) -> Self {
        let id = format!("evt_{}", self.words.len() + 1);
        let body = json!({ "id": id, "object": "event", "type": kind, "livemode": true, "pending_webhooks": 1,
            "api_version": "2025-09-30.clover", "created": at(second).as_second(),
            "data": { "object": object } });
        let event = Event::parse(body.to_string().as_bytes()).unwrap();
        let news = News::read(&event, true).unwrap().unwrap();
        self.words.push(Word { second, text: format!("{kind}: {what}"), facts: news.facts });
        self
    }

    /// A subscription, on this day; `more` replaces what is otherwise as usual.
    fn subscription(self, second: i64, change: &str, (id, status): (&str, &str), more: &Value) -> Self {
        let period = [second / DAY, second / DAY + 30].map(|day| at(day * DAY).as_second());
        let item = json!({ "id": format!("si_{id}"), "quantity": 3, "current_period_start": period[0],
            "current_period_end": period[1], "price": { "id": "price_1", "lookup_key": "team_month_eur" } });
        let mut object = json!({ "id": id, "object": "subscription", "customer": "cus_1", "status": status,
            "created": at(DAY).as_second(), "cancel_at_period_end": false, "items": { "data": [item] },
            "metadata": { "org_id": account().org_id } });
        let mut what = format!("{id} is {status}");
        for (name, value) in more.as_object().unwrap() {
            object[name] = value.clone();
            what = format!("{what}, {name}: {value}");
        }
        let kind = format!("customer.subscription.{change}");
        self.say(second, &kind, &what, &object)
    }

    /// An invoice of a subscription: `(number, why it was made, attempts)`.
    fn invoice(
        self,
        second: i64,
        change: &str,
        of: &str,
        (number, reason, attempts): (i64, &str, u32),
    ) -> Self {
        let (status, paid) = if change == "paid" { ("paid", 14_700) } else { ("open", 0) };
        let id = format!("in_{number}");
        let object = json!({ "id": id, "object": "invoice", "customer": "cus_1", "status": status,
            "created": at(number * DAY).as_second(), "amount_due": 14_700, "amount_paid": paid,
            "currency": "eur", "attempt_count": attempts, "billing_reason": reason, "metadata": {},
            "parent": { "subscription_details": { "subscription": of,
                "metadata": { "org_id": account().org_id } } } });
        let kind = format!("invoice.{change}");
        self.say(second, &kind, &format!("{id} of {of}, attempt {attempts}"), &object)
    }

    /// Somebody subscribes on the first day, and pays.
    fn begun(self) -> Self {
        self.subscription(DAY, "created", ("sub_1", "incomplete"), &json!({}))
            .invoice(DAY + 2, "paid", "sub_1", (1, "subscription_create", 1))
            .subscription(DAY + 2, "updated", ("sub_1", "active"), &json!({}))
    }

    fn card_fails(self) -> Self {
        self.invoice(31 * DAY, "payment_failed", "sub_1", (31, "subscription_cycle", 1))
            .subscription(31 * DAY + 1, "updated", ("sub_1", "past_due"), &json!({}))
            .invoice(34 * DAY, "payment_failed", "sub_1", (31, "subscription_cycle", 2))
    }
}

fn seconds(day: i64) -> i64 {
    at(day * DAY).as_second()
}

/// The ten of them.
pub(super) fn lives() -> Vec<Life> {
    [tried(), paid(), changed()].concat()
}

fn tried() -> Vec<Life> {
    let trial = json!({ "trial_end": seconds(14) });
    let session = json!({ "id": "cs_1", "object": "checkout.session", "customer": "cus_1",
        "subscription": "sub_1", "client_reference_id": account().org_id, "metadata": {} });
    let converted = Life::new("a trial is converted", &[(9, Full), (12, Full), (14, Full), (500, Full)])
        .subscription(10 * DAY, "created", ("sub_1", "trialing"), &trial)
        .say(10 * DAY + 1, "checkout.session.completed", "by cus_1", &session)
        .subscription(11 * DAY, "trial_will_end", ("sub_1", "trialing"), &trial)
        .subscription(14 * DAY, "updated", ("sub_1", "active"), &trial)
        .invoice(14 * DAY + 1, "finalized", "sub_1", (14, "subscription_cycle", 0))
        .invoice(14 * DAY + 3_600, "paid", "sub_1", (14, "subscription_cycle", 1));
    let lapsed = [(13, Full), (14, ReadOnly), (27, ReadOnly), (28, Suspended), (58, ExportOnly)];
    let lapsed = Life::new("a trial lapses", &lapsed)
        .subscription(12 * DAY, "created", ("sub_1", "incomplete"), &json!({}))
        .invoice(12 * DAY + 1, "payment_failed", "sub_1", (12, "subscription_create", 1))
        .subscription(13 * DAY, "updated", ("sub_1", "incomplete_expired"), &json!({}));
    vec![converted, lapsed]
}

fn paid() -> Vec<Life> {
    let failed = Life::new("a card fails, and is paid", &[(30, Full), (32, Grace), (35, Full), (500, Full)])
        .begun()
        .card_fails()
        .invoice(35 * DAY - 2, "paid", "sub_1", (31, "subscription_cycle", 3))
        .subscription(35 * DAY - 1, "updated", ("sub_1", "active"), &json!({}));
    let end = [(32, Grace), (51, Grace), (52, ReadOnly), (61, ReadOnly), (66, Suspended), (96, ExportOnly)];
    let end = Life::new("a card fails to the end", &end)
        .begun()
        .card_fails()
        .subscription(45 * DAY, "updated", ("sub_1", "unpaid"), &json!({}))
        .subscription(60 * DAY, "deleted", ("sub_1", "canceled"), &json!({ "ended_at": seconds(60) }));
    let leaving = json!({ "cancel_at_period_end": true, "cancel_at": seconds(31) });
    let over = json!({ "ended_at": seconds(31) });
    let canceled = [(11, Full), (30, Full), (31, ReadOnly), (45, Suspended), (75, ExportOnly)];
    let canceled = Life::new("it is cancelled at the period's end", &canceled)
        .begun()
        .subscription(10 * DAY, "updated", ("sub_1", "active"), &leaving)
        .subscription(31 * DAY, "deleted", ("sub_1", "canceled"), &over);
    let anew = json!({ "created": seconds(50) });
    let again = Life::new("it is cancelled, and begun again", &[(32, ReadOnly), (46, Suspended), (51, Full)])
        .begun()
        .subscription(31 * DAY, "deleted", ("sub_1", "canceled"), &over)
        .subscription(50 * DAY, "created", ("sub_2", "incomplete"), &anew)
        .invoice(50 * DAY + 2, "paid", "sub_2", (50, "subscription_create", 1))
        .subscription(50 * DAY + 2, "updated", ("sub_2", "active"), &anew);
    vec![failed, end, canceled, again]
}

fn changed() -> Vec<Life> {
    let scale = json!({ "items": { "data": [{ "id": "si_1", "quantity": 3,
        "price": { "id": "price_2", "lookup_key": "scale_month_eur" } }] } });
    let upgraded = Life::new("it is upgraded, with a proration", &[(11, Full), (500, Full)])
        .begun()
        .subscription(10 * DAY, "updated", ("sub_1", "active"), &scale)
        .invoice(10 * DAY, "finalized", "sub_1", (10, "subscription_update", 0))
        .invoice(10 * DAY, "paid", "sub_1", (10, "subscription_update", 1))
        .invoice(31 * DAY, "paid", "sub_1", (31, "subscription_cycle", 1));
    let pause = json!({ "pause_collection": { "behavior": "void", "resumes_at": null } });
    let paused =
        Life::new("it is paused, and goes on", &[(19, Full), (21, ReadOnly), (35, Suspended), (41, Full)])
            .begun()
            .subscription(20 * DAY, "updated", ("sub_1", "active"), &pause)
            .invoice(31 * DAY, "voided", "sub_1", (31, "subscription_cycle", 0))
            .subscription(40 * DAY, "updated", ("sub_1", "active"), &json!({}));
    let dispute = json!({ "id": "dp_1", "object": "dispute", "charge": "ch_1", "amount": 14_700,
        "currency": "eur", "reason": "fraudulent" });
    let charge = json!({ "id": "ch_1", "object": "charge", "customer": "cus_1", "amount_refunded": 14_700,
        "currency": "eur", "metadata": {} });
    let disputed = Life::new("a payment is disputed", &[(21, Full), (26, Full), (500, Full)])
        .begun()
        .say(20 * DAY, "charge.dispute.created", "ch_1", &dispute)
        .say(25 * DAY, "charge.refunded", "ch_1", &charge)
        .invoice(31 * DAY, "paid", "sub_1", (31, "subscription_cycle", 1));
    let gone = Life::new(
        "the customer is deleted",
        &[(19, Full), (20, ReadOnly), (34, Suspended), (64, ExportOnly)],
    )
    .begun()
    .subscription(20 * DAY, "deleted", ("sub_1", "canceled"), &json!({ "ended_at": seconds(20) }))
    .say(20 * DAY, "customer.deleted", "cus_1", &json!({ "id": "cus_1", "metadata": {} }));
    vec![upgraded, paused, disputed, gone]
}

/// Names an event that nobody sent.
pub(super) fn event_id(name: &str) -> EventId {
    format!("evt_{name}").parse().unwrap()
}
