//! A fake Stripe: the objects of billing with the wire format of Stripe's REST API, pages to pay on, and
//! signed webhooks. It lives on the virtual clock: trials end, periods renew, cards that fail are tried
//! again.
//!
//! An object is JSON with Stripe's own fields. What is not shown begins with `_`. Everything that changes one
//! is a function of the state, the call and the present second, under the lock of the store.

mod buttons;
mod call;
mod catalog;
mod checkout;
mod coupons;
mod customers;
mod delivery;
mod expand;
mod invoices;
mod lists;
mod meters;
mod pages;
mod payments;
mod portal;
mod preview;
mod proration;
mod refusal;
mod routes;
mod server;
mod setup;
mod start;
mod subscriptions;
mod time;
mod values;
mod versions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use buttons::Action;
pub(crate) use delivery::{Manner, Request, deliver, run_deliveries, tell};
use delivery::{Waiting, secret};
use refusal::{Answer, Refusal};
pub(crate) use server::{Fault, router};
use time::Timer;
use values::{difference, text};

use crate::state::capture;

/// Version of the API where nobody asks for another.
const API_VERSION: &str = "2026-09-30.endive";

/// What the fake Stripe remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StripeState {
    /// Objects by what they are, such as `customer`, and by id.
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    /// Events that happened, the oldest first.
    pub events: VecDeque<Value>,
    /// Webhooks that are still to be delivered.
    outbox: Vec<Waiting>,
    /// Webhooks that are with the product now.
    #[serde(skip)]
    delivering: usize,
    /// How webhooks are delivered.
    pub(crate) manner: Manner,
    /// Version of the API that events are written in; the newest where it is empty.
    pub(crate) event_version: String,
    /// Answers by their `Idempotency-Key`.
    answers: BTreeMap<String, server::Kept>,
    /// Answers that are made to go wrong, the next first.
    pub(crate) faults: VecDeque<server::Fault>,
    /// What happens by itself, by its second.
    timers: BTreeSet<(i64, Timer, String)>,
    /// Counts objects, so that ids are unique and their order is known.
    pub sequence: u64,
    /// Second of the last thing that a button did.
    last_action: i64,
    /// Events of the call that is being worked on.
    #[serde(skip)]
    fresh: Vec<Value>,
    /// Id and `Idempotency-Key` of that call; nothing where something happens by itself.
    #[serde(skip)]
    cause: (Option<String>, Option<String>),
}

impl StripeState {
    /// The objects of a kind, the newest first; those that are deleted are no more.
    pub fn all(&self, kind: &str) -> Vec<&Value> {
        let mut all: Vec<_> = self
            .objects
            .get(kind)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|one| one["deleted"] != true)
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse((one["created"].as_i64(), one["_sequence"].as_u64())));
        all
    }

    fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.objects.get(kind)?.get(id)
    }

    /// An object that has to be there, as the parameter of that name says.
    fn find(&self, kind: &str, id: &str, parameter: &str) -> Answer {
        let found = self.get(kind, id).filter(|one| one["deleted"] != true);
        found.cloned().ok_or_else(|| Refusal::missing(kind, id, parameter))
    }

    /// Keeps an object as it is now.
    fn put(&mut self, object: &Value) {
        let of_kind = self.objects.entry(text(&object["object"])).or_default();
        of_kind.insert(text(&object["id"]), object.clone());
    }

    fn id(&mut self, prefix: &str) -> String {
        self.sequence += 1;
        format!("{prefix}_local{:08}", self.sequence)
    }

    /// A new object of a kind: Stripe's fields, with these values.
    fn make(&mut self, prefix: &str, kind: &str, now: i64, fields: Value) -> Value {
        let mut object = values::template(kind);
        object["id"] = json!(self.id(prefix));
        object["created"] = json!(now);
        object["_sequence"] = json!(self.sequence);
        values::merge(&mut object, fields);
        object
    }

    /// Something happened to an object.
    fn emit(&mut self, kind: &str, object: &Value, now: i64) {
        self.emit_with(kind, object, None, now);
    }

    /// An object is another now than it was; what is the same is nothing to tell.
    fn emit_change(&mut self, kind: &str, was: &Value, object: &Value, now: i64) {
        let previous = difference(was, object);
        if previous.as_object().is_some_and(|changed| !changed.is_empty()) {
            self.emit_with(kind, object, Some(previous), now);
        }
    }

    fn emit_with(&mut self, kind: &str, object: &Value, previous: Option<Value>, now: i64) {
        let id = self.id("evt");
        let version = if self.event_version.is_empty() { API_VERSION } else { &self.event_version };
        let mut data = json!({ "object": versions::render(self, object, version) });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let event = json!({
            "id": id, "object": "event", "api_version": version, "created": now, "data": data,
            "livemode": false, "pending_webhooks": 1, "type": kind,
            "request": { "id": self.cause.0, "idempotency_key": self.cause.1 },
        });
        self.fresh.push(event);
    }

    /// Puts what just happened on its way to the product.
    fn send_fresh(&mut self, now: i64) {
        for event in std::mem::take(&mut self.fresh) {
            let waiting = Waiting::new(&event, now + self.manner.delay_seconds);
            let endpoints = self.all("webhook_endpoint");
            let kind = text(&event["type"]);
            let others = endpoints.into_iter().filter(|one| delivery::hears(one, &kind));
            let others: Vec<Waiting> = others.map(|one| waiting.clone().to(one)).collect();
            let is_ours = delivery::is_asked_for(&kind);
            for _ in 0..self.manner.times() {
                self.outbox.extend(is_ours.then(|| waiting.clone()));
                self.outbox.extend(others.iter().cloned());
            }
            capture(&mut self.events, event);
        }
    }
}
