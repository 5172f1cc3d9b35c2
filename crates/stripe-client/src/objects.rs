use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CheckoutSessionId, CustomerId, InvalidStripeId, InvoiceId, PriceId, SubscriptionId, wire};

/// The object lacks something we need or says something we do not know, so guessing would be wrong.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableObject {
    /// A field is missing or has another type.
    #[error("the Stripe object does not have the expected fields")]
    Fields(#[from] serde_json::Error),
    /// An id has impossible characters.
    #[error("the Stripe object holds an impossible id")]
    Id(#[from] InvalidStripeId),
    /// A time is out of range.
    #[error("the Stripe object holds an impossible time")]
    Time(#[from] jiff::Error),
    /// A status that this version of the code does not know.
    #[error("the Stripe object has the unknown status {0:?}")]
    Status(String),
    /// The event has no `data.object`.
    #[error("the Stripe event carries no object")]
    Missing,
}

/// The key-value pairs that we, or whoever created the object, attached to it.
pub type Metadata = BTreeMap<String, String>;

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every status there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The status as Stripe writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            fn read(text: &str) -> Result<Self, UnreadableObject> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|status| status.as_str() == text)
                    .ok_or_else(|| UnreadableObject::Status(text.to_owned()))
            }
        }
    };
}

statuses! {
    /// What Stripe says of a subscription (<https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses>).
    SubscriptionStatus {
        /// The first payment has not succeeded yet; there are 23 hours for it.
        Incomplete = "incomplete",
        /// The first payment never came. Final.
        IncompleteExpired = "incomplete_expired",
        /// In a trial that Stripe runs.
        Trialing = "trialing",
        /// In good standing.
        Active = "active",
        /// The latest invoice's payment failed; Stripe retries.
        PastDue = "past_due",
        /// Stripe has given up retrying and leaves invoices open.
        Unpaid = "unpaid",
        /// Over. Final.
        Canceled = "canceled",
        /// The trial ended without a payment method.
        Paused = "paused",
    }
}

statuses! {
    /// What Stripe says of an invoice (<https://docs.stripe.com/invoicing/overview#invoice-statuses>).
    InvoiceStatus {
        /// Still being written.
        Draft = "draft",
        /// Final and to be paid.
        Open = "open",
        /// Given up, though it may still be paid or voided.
        Uncollectible = "uncollectible",
        /// Cancelled.
        Void = "void",
        /// Paid.
        Paid = "paid",
    }
}

/// A subscription as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When it is going to end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When Stripe's trial ends or ended.
    pub trial_end: Option<Timestamp>,
    /// Begin of the period paid for: of the item that ends last, where items have periods of their own.
    pub current_period_start: Option<Timestamp>,
    /// End of the period paid for.
    pub current_period_end: Option<Timestamp>,
    /// What is subscribed to: the first item's price.
    pub price: Option<PriceId>,
    /// How many of it.
    pub quantity: Option<u64>,
    /// What was attached to it.
    pub metadata: Metadata,
}

/// An invoice as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// The subscription it is for, if any.
    pub subscription: Option<SubscriptionId>,
    /// Where it stands; nothing on a preview.
    pub status: Option<InvoiceStatus>,
    /// When it was created.
    pub created: Timestamp,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    pub amount_paid: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// How often a payment was tried.
    pub attempt_count: u32,
    /// When Stripe tries next.
    pub next_payment_attempt: Option<Timestamp>,
    /// What was attached to the subscription when the invoice was made, and to the invoice itself (which wins).
    pub metadata: Metadata,
}

/// A finished Checkout session as far as we look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Its id.
    pub id: CheckoutSessionId,
    /// Who pays.
    pub customer: Option<CustomerId>,
    /// The subscription that came out of it.
    pub subscription: Option<SubscriptionId>,
    /// What we called the buyer when we made the session.
    pub client_reference_id: Option<String>,
    /// What was attached to it.
    pub metadata: Metadata,
}

fn time(seconds: i64) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_second(seconds)
}

fn optional_time(seconds: Option<i64>) -> Result<Option<Timestamp>, jiff::Error> {
    seconds.map(time).transpose()
}

impl TryFrom<wire::Subscription> for Subscription {
    type Error = UnreadableObject;

    fn try_from(object: wire::Subscription) -> Result<Self, UnreadableObject> {
        let items = object.items.map(|items| items.data).unwrap_or_default();
        let last = items.iter().max_by_key(|item| item.current_period_end);
        let item_start = last.and_then(|item| item.current_period_start);
        let item_end = last.and_then(|item| item.current_period_end);
        let quantity = items.first().and_then(|item| item.quantity);
        let price = items.into_iter().next().and_then(|item| item.price);
        Ok(Self {
            id: object.id.try_into()?,
            customer: object.customer.try_into()?,
            status: SubscriptionStatus::read(&object.status)?,
            created: time(object.created)?,
            cancel_at_period_end: object.cancel_at_period_end.unwrap_or(false),
            cancel_at: optional_time(object.cancel_at)?,
            ended_at: optional_time(object.ended_at)?,
            trial_end: optional_time(object.trial_end)?,
            current_period_start: optional_time(item_start.or(object.current_period_start))?,
            current_period_end: optional_time(item_end.or(object.current_period_end))?,
            price: price.map(|price| price.id.try_into()).transpose()?,
            quantity,
            metadata: object.metadata.unwrap_or_default(),
        })
    }
}

impl TryFrom<wire::Invoice> for Invoice {
    type Error = UnreadableObject;

    fn try_from(object: wire::Invoice) -> Result<Self, UnreadableObject> {
        let details = object.parent.and_then(|parent| parent.subscription_details);
        let (subscription, details_metadata) =
            details.map_or((None, None), |details| (details.subscription, details.metadata));
        let mut metadata = details_metadata
            .or(object.subscription_details.and_then(|details| details.metadata))
            .unwrap_or_default();
        metadata.extend(object.metadata.unwrap_or_default());
        Ok(Self {
            id: object.id.try_into()?,
            customer: object.customer.map(TryInto::try_into).transpose()?,
            subscription: subscription.or(object.subscription).map(TryInto::try_into).transpose()?,
            status: object.status.as_deref().map(InvoiceStatus::read).transpose()?,
            created: time(object.created)?,
            amount_due: object.amount_due,
            amount_paid: object.amount_paid,
            currency: object.currency,
            attempt_count: object.attempt_count.unwrap_or(0),
            next_payment_attempt: optional_time(object.next_payment_attempt)?,
            metadata,
        })
    }
}

impl TryFrom<wire::CheckoutSession> for CheckoutSession {
    type Error = UnreadableObject;

    fn try_from(object: wire::CheckoutSession) -> Result<Self, UnreadableObject> {
        Ok(Self {
            id: object.id.try_into()?,
            customer: object.customer.map(TryInto::try_into).transpose()?,
            subscription: object.subscription.map(TryInto::try_into).transpose()?,
            client_reference_id: object.client_reference_id,
            metadata: object.metadata.unwrap_or_default(),
        })
    }
}
