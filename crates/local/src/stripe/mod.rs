//! A small fake Stripe: customers, subscriptions and invoices with the wire format of API version
//! 2026-09-30, and signed webhooks.
//!
//! It knows the four things that a developer wants to see happen: somebody subscribes, a payment
//! fails, a payment works, somebody cancels. Nothing happens in it by itself: the virtual clock
//! renews no subscription.

mod delivery;
mod objects;
mod server;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use delivery::secret;
pub(crate) use delivery::{Request, deliver};
pub(crate) use objects::Action;
pub(crate) use server::router;

/// What the fake Stripe remembers: objects by their id, in Stripe's JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StripeState {
    pub customers: BTreeMap<String, Value>,
    pub subscriptions: BTreeMap<String, Value>,
    pub invoices: BTreeMap<String, Value>,
    pub checkout_sessions: BTreeMap<String, Value>,
    /// Events sent as webhooks, the oldest first.
    pub events: VecDeque<Value>,
    /// Counts objects, so that ids are unique and their order is known.
    pub sequence: u64,
    /// Second of the last thing that happened.
    pub last_action: i64,
}
