use std::fmt;

use jiff::Timestamp;
use primitives::json;
use serde_json::{Map, Value};

use crate::{
    CheckoutSession, CustomerId, Dispute, EventId, InvalidStripeId, Invoice, Metadata, Refund, Subscription,
    UnreadableObject, fields::Fields,
};

/// The longest name of a kind, and of an API version, that is kept. Stripe's longest is half of it.
/// What is longer is nothing that Stripe sends: see [`UnreadableObject::TooLong`].
const LONGEST_NAME: usize = 128;

/// Those of Stripe's cards have 16 letters and digits.
const LONGEST_FINGERPRINT: usize = 100;
/// The kinds of events that have an effect: what an endpoint of ours has to hear, and all of it.
pub const EVENT_TYPES: [&str; 25] = [
    "charge.dispute.created",
    "charge.refunded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.created",
    "invoice.finalization_failed",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.overdue",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.sent",
    "invoice.updated",
    "invoice.voided",
    "payment_method.attached",
];

/// An event with its object still unread (<https://docs.stripe.com/api/events/object>).
#[derive(Clone)]
pub struct Event {
    /// Its id: the same on every delivery of the event.
    pub id: EventId,
    /// What happened, such as `customer.subscription.updated`; at most 128 bytes of it.
    pub kind: String,
    /// When it happened, to the second: two events of one second have no order.
    pub created: Timestamp,
    /// The API version that `data.object` is written in; nothing on some events of Stripe's own.
    pub api_version: Option<String>,
    /// Whether it is about real money.
    pub livemode: bool,
    /// Whether it happened in another account than the one whose endpoint this is: `account` of
    /// events of connected accounts, `context` of v2 events.
    pub of_other_account: bool,
    too_long: bool,
    object: Option<Value>,
}

/// The body is no Stripe event.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// Not a JSON object.
    #[error("the body is not a Stripe event: expected a JSON object with id, type and created")]
    Json(#[from] serde_json::Error),
    /// A field that every event has is missing or has another type.
    #[error("the body is not a Stripe event: it has no usable {0}")]
    Field(&'static str),
    /// The id has impossible characters.
    #[error("the event's id is impossible")]
    Id(#[from] InvalidStripeId),
}

/// What an event says, as far as we listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A subscription changed; the whole of it as it was then.
    Subscription(SubscriptionChange, Subscription),
    /// An invoice changed; the whole of it as it was then.
    Invoice(InvoiceChange, Invoice),
    /// A buyer finished Checkout.
    CheckoutCompleted(CheckoutSession),
    /// A customer was deleted.
    CustomerDeleted(CustomerId, Metadata),
    /// A customer has a card from now on; what stands for its number, whoever holds it.
    CardAttached(CustomerId, String),
    /// Money was given back.
    Refunded(Refund),
    /// Somebody wants money back from his bank.
    Disputed(Dispute),
    /// Something that has no effect on us, whether we know it or not.
    Other,
}

/// What happened to a subscription. In the order in which they can happen within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubscriptionChange {
    /// It was created.
    Created,
    /// Anything about it changed: also paused, resumed, or its trial is about to end.
    Updated,
    /// It ended.
    Deleted,
}

/// What happened to an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InvoiceChange {
    /// Anything about it changed that is none of the others.
    Updated,
    /// It is written, and to be paid.
    Finalized,
    /// It is paid once somebody has done what the bank asks for.
    ActionRequired,
    /// It was sent to the customer to be paid, and the day it was due is over.
    Overdue,
    /// A payment was tried and failed.
    PaymentFailed,
    Paid,
}

impl Event {
    /// Reads what all events have; see [`Event::read`] for what this one is about.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableEvent> {
        let event = Value::Object(json::from_slice::<Map<String, Value>>(body)?);
        let fields = Fields::of(&event).ok_or(UnreadableEvent::Field("object"))?;
        let text = |name| fields.text(name).map_err(|_| UnreadableEvent::Field(name));
        let (kind, api_version) = (text("type")?, fields.optional_text("api_version"));
        let livemode =
            if fields.has("livemode") { fields.optional("livemode", Value::as_bool) } else { Some(false) };
        Ok(Self {
            id: text("id")?.parse()?,
            created: created(&event["created"]).ok_or(UnreadableEvent::Field("created"))?,
            too_long: [kind, api_version.unwrap_or_default()].iter().any(|name| name.len() > LONGEST_NAME),
            kind: shortened(kind),
            api_version: api_version.map(shortened),
            livemode: livemode.ok_or(UnreadableEvent::Field("livemode"))?,
            of_other_account: fields.has("account") || fields.has("context"),
            object: event["data"].get("object").cloned(),
        })
    }

    /// What the event says, whatever API version it is written in.
    ///
    /// # Errors
    /// When it is of a kind we listen to and its object cannot be read.
    pub fn read(&self) -> Result<Content, UnreadableObject> {
        if self.too_long {
            return Err(UnreadableObject::TooLong);
        }
        let subscription = |change| Ok(Content::Subscription(change, Subscription::read(self.object()?)?));
        let invoice = |change| Ok(Content::Invoice(change, Invoice::read(self.object()?)?));
        match self.kind.as_str() {
            "customer.subscription.created" => subscription(SubscriptionChange::Created),
            "customer.subscription.updated"
            | "customer.subscription.paused"
            | "customer.subscription.resumed"
            | "customer.subscription.trial_will_end"
            | "customer.subscription.pending_update_applied"
            | "customer.subscription.pending_update_expired" => subscription(SubscriptionChange::Updated),
            "customer.subscription.deleted" => subscription(SubscriptionChange::Deleted),
            "invoice.created"
            | "invoice.updated"
            | "invoice.finalization_failed"
            | "invoice.sent"
            | "invoice.marked_uncollectible"
            | "invoice.voided" => invoice(InvoiceChange::Updated),
            "invoice.finalized" => invoice(InvoiceChange::Finalized),
            "invoice.payment_action_required" => invoice(InvoiceChange::ActionRequired),
            "invoice.overdue" => invoice(InvoiceChange::Overdue),
            "invoice.payment_failed" => invoice(InvoiceChange::PaymentFailed),
            "invoice.paid" | "invoice.payment_succeeded" => invoice(InvoiceChange::Paid),
            "checkout.session.completed" => {
                Ok(Content::CheckoutCompleted(CheckoutSession::read(self.object()?)?))
            }
            "customer.deleted" => {
                let customer = self.object()?;
                Ok(Content::CustomerDeleted(customer.id("id")?, customer.metadata()))
            }
            "payment_method.attached" => {
                let method = self.object()?;
                let print = method.object("card").and_then(|card| card.optional_text("fingerprint"));
                let print = print.filter(|print| (1..=LONGEST_FINGERPRINT).contains(&print.len()));
                Ok(match (method.id_if_any("customer").ok().flatten(), print) {
                    (Some(customer), Some(print)) => Content::CardAttached(customer, print.to_owned()),
                    _ => Content::Other,
                })
            }
            "charge.refunded" => Ok(Content::Refunded(Refund::read(self.object()?)?)),
            "charge.dispute.created" => Ok(Content::Disputed(Dispute::read(self.object()?)?)),
            _ => Ok(Content::Other),
        }
    }

    fn object(&self) -> Result<Fields<'_>, UnreadableObject> {
        self.object.as_ref().and_then(Fields::of).ok_or(UnreadableObject::Missing)
    }
}

/// Seconds in v1 events, RFC 3339 in v2 events.
fn created(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => Timestamp::from_second(other.as_i64()?).ok(),
    }
}

fn shortened(name: &str) -> String {
    name[..name.floor_char_boundary(LONGEST_NAME)].to_owned()
}

/// Without the object, which holds personal data.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("created", &self.created)
            .field("api_version", &self.api_version)
            .field("livemode", &self.livemode)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
