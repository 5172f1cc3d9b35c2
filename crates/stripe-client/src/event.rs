use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{CheckoutSession, EventId, InvalidStripeId, Invoice, Subscription, UnreadableObject, wire};

/// An event with its object still unread (<https://docs.stripe.com/api/events/object>).
#[derive(Clone)]
pub struct Event {
    /// Its id: the same on every delivery of the event.
    pub id: EventId,
    /// What happened, such as `customer.subscription.updated`.
    pub kind: String,
    /// When it happened, to the second: two events of one second have no order.
    pub created: Timestamp,
    /// The API version that `data.object` is written in; nothing on some events of Stripe's own.
    pub api_version: Option<String>,
    /// Whether it is about real money.
    pub livemode: bool,
    object: Option<Box<RawValue>>,
}

/// The body is no Stripe event.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// Not JSON, or without the fields every event has.
    #[error("the body is not a Stripe event: expected JSON with id, type and created")]
    Fields(#[from] serde_json::Error),
    /// The id has impossible characters.
    #[error("the event's id is impossible")]
    Id(#[from] InvalidStripeId),
    /// The time is out of range.
    #[error("the event's time is impossible")]
    Time(#[from] jiff::Error),
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
    /// Something we do not listen to.
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
    /// A payment was tried and failed.
    PaymentFailed,
    /// It is paid.
    Paid,
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    r#type: String,
    created: serde_json::Value,
    api_version: Option<String>,
    #[serde(default)]
    livemode: bool,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    object: Option<Box<RawValue>>,
}

impl Event {
    /// Reads what all events have; see [`Event::read`] for what this one is about.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableEvent> {
        let event: Wire = serde_json::from_slice(body)?;
        // Seconds in v1 events, RFC 3339 in v2 events.
        let created = match event.created {
            serde_json::Value::String(text) => text.parse()?,
            other => Timestamp::from_second(serde_json::from_value(other)?)?,
        };
        Ok(Self {
            id: event.id.try_into()?,
            kind: event.r#type,
            created,
            api_version: event.api_version,
            livemode: event.livemode,
            object: event.data.and_then(|data| data.object),
        })
    }

    /// What the event says, whatever API version it is written in.
    ///
    /// # Errors
    /// When it is of a kind we listen to and its object cannot be read.
    pub fn read(&self) -> Result<Content, UnreadableObject> {
        Ok(match self.kind.as_str() {
            "customer.subscription.created" => {
                Content::Subscription(SubscriptionChange::Created, self.object::<wire::Subscription, _>()?)
            }
            "customer.subscription.updated"
            | "customer.subscription.paused"
            | "customer.subscription.resumed"
            | "customer.subscription.trial_will_end"
            | "customer.subscription.pending_update_applied"
            | "customer.subscription.pending_update_expired" => {
                Content::Subscription(SubscriptionChange::Updated, self.object::<wire::Subscription, _>()?)
            }
            "customer.subscription.deleted" => {
                Content::Subscription(SubscriptionChange::Deleted, self.object::<wire::Subscription, _>()?)
            }
            "invoice.created"
            | "invoice.updated"
            | "invoice.finalized"
            | "invoice.finalization_failed"
            | "invoice.payment_action_required"
            | "invoice.sent"
            | "invoice.overdue"
            | "invoice.marked_uncollectible"
            | "invoice.voided" => {
                Content::Invoice(InvoiceChange::Updated, self.object::<wire::Invoice, _>()?)
            }
            "invoice.payment_failed" => {
                Content::Invoice(InvoiceChange::PaymentFailed, self.object::<wire::Invoice, _>()?)
            }
            "invoice.paid" | "invoice.payment_succeeded" => {
                Content::Invoice(InvoiceChange::Paid, self.object::<wire::Invoice, _>()?)
            }
            "checkout.session.completed" => {
                Content::CheckoutCompleted(self.object::<wire::CheckoutSession, _>()?)
            }
            _ => Content::Other,
        })
    }

    /// The id of the customer the event's object belongs to, where it names one, whatever kind of event it is.
    pub fn customer(&self) -> Option<crate::CustomerId> {
        #[derive(Deserialize)]
        struct Owned {
            customer: String,
        }
        let owned: Owned = serde_json::from_str(self.object.as_deref()?.get()).ok()?;
        owned.customer.try_into().ok()
    }

    fn object<W, T>(&self) -> Result<T, UnreadableObject>
    where
        W: DeserializeOwned,
        T: TryFrom<W, Error = UnreadableObject>,
    {
        let object = self.object.as_deref().ok_or(UnreadableObject::Missing)?;
        serde_json::from_str::<W>(object.get())?.try_into()
    }
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
