//! Everything the local cloud remembers besides the table: one value behind one lock, so that a
//! saved copy is always consistent.

mod fifo;
mod object;
mod queue;
mod secret;
mod store;

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use fifo::Fifo;
pub(crate) use fifo::Sent;
pub(crate) use object::Object;
pub(crate) use queue::NewMessage;
pub use queue::{Counts, Message, Queue};
pub(crate) use secret::{CURRENT, PENDING, Refusal};
pub use secret::{Secret, SecretVersion};
pub(crate) use store::Store;

use crate::demo::Demo;
use crate::dns::DnsName;
use crate::stripe::StripeState;

/// How many mails, pushes, events and so on are kept; the oldest go first.
pub const CAPTURE_LIMIT: usize = 1_000;

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Milliseconds that the virtual clock is ahead of the machine's.
    pub clock_offset_milliseconds: i64,
    /// Whether a reset has begun and not ended.
    pub is_resetting: bool,
    /// Queues by name.
    pub queues: BTreeMap<String, Queue>,
    /// Batches of messages and records that are with a function now; not kept over a restart.
    #[serde(skip)]
    pub processing: usize,
    /// Sent mails, the oldest first.
    pub mails: VecDeque<Mail>,
    /// Sent SMS, the oldest first.
    pub messages: VecDeque<TextMessage>,
    /// Sent pushes, the oldest first.
    pub pushes: VecDeque<Push>,
    /// Topic publications, the oldest first.
    pub notifications: VecDeque<Notification>,
    /// SNS platform endpoints by ARN.
    pub endpoints: BTreeMap<String, PlatformEndpoint>,
    /// Events put on a bus, the oldest first.
    pub events: VecDeque<BusEvent>,
    /// Secrets by ARN.
    pub secrets: BTreeMap<String, Secret>,
    /// `CreateTable` requests that the tables on disk were made from, by name.
    pub table_definitions: BTreeMap<String, Value>,
    /// Last stream record that a function is done with, by table and function.
    pub checkpoints: BTreeMap<String, String>,
    /// Files, by bucket and name.
    pub objects: BTreeMap<String, BTreeMap<String, Object>>,
    /// When schedules ran and will run, by name.
    pub schedules: BTreeMap<String, ScheduleState>,
    /// The fake Stripe.
    pub stripe: StripeState,
    /// What DNS says, by name: lower case, without the last dot.
    pub dns: BTreeMap<String, DnsName>,
    /// The demo company, once it is built.
    pub demo: Option<Demo>,
}

/// A mail that would have been sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mail {
    /// SES message id.
    pub id: String,
    /// When it was sent, on the virtual clock.
    pub at: Timestamp,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    pub subject: String,
    /// Plain text part.
    pub text: Option<String>,
    /// HTML part.
    pub html: Option<String>,
    /// Other headers.
    pub headers: BTreeMap<String, String>,
}

/// An SMS that would have been sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextMessage {
    /// SNS message id.
    pub id: String,
    /// When it was sent, on the virtual clock.
    pub at: Timestamp,
    /// Phone number, E.164.
    pub to: String,
    pub text: String,
    /// What SNS is told beside: the sender's name, and how much it matters.
    pub attributes: BTreeMap<String, String>,
}

/// A push that would have been sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Push {
    /// SNS message id.
    pub id: String,
    /// When it was sent, on the virtual clock.
    pub at: Timestamp,
    /// `APNS`, `GCM` …, from the endpoint's ARN.
    pub platform: String,
    /// Device token.
    pub token: String,
    /// Endpoint it went to.
    pub endpoint_arn: String,
    /// Message as published; JSON per platform when it was published so.
    pub message: Value,
    /// Message attributes.
    pub attributes: BTreeMap<String, String>,
}

/// A publication to a topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// SNS message id.
    pub id: String,
    /// When it was sent, on the virtual clock.
    pub at: Timestamp,
    pub topic_arn: String,
    pub subject: Option<String>,
    pub message: String,
}

/// An SNS platform endpoint: one app on one device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlatformEndpoint {
    pub arn: String,
    /// Application it belongs to.
    pub application_arn: String,
    /// Device token.
    pub token: String,
    /// Whether SNS sends to it.
    pub enabled: bool,
    /// `CustomUserData`.
    pub user_data: Option<String>,
}

/// An event on a bus.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BusEvent {
    /// EventBridge's id.
    pub id: String,
    /// When it was put, on the virtual clock.
    pub at: Timestamp,
    pub bus: String,
    pub source: String,
    pub detail_type: String,
    pub detail: Value,
    pub matched_rules: Vec<String>,
}

/// When a schedule runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScheduleState {
    /// The next run, on the virtual clock.
    pub next_run: Timestamp,
    /// The last run, on the virtual clock.
    pub last_run: Option<Timestamp>,
}

/// Keeps a capture, and forgets the oldest when there are too many.
pub(crate) fn capture<T>(kept: &mut VecDeque<T>, item: T) {
    if kept.len() >= CAPTURE_LIMIT {
        kept.pop_front();
    }
    kept.push_back(item);
}

/// A fresh random id, as AWS gives to messages and requests.
pub(crate) fn random_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
