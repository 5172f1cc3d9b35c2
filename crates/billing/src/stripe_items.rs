use jiff::{SignedDuration, Timestamp};
use primitives::OrgId;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use stripe_client::{CustomerId, Event, EventId};
use table::{Index, Item, Key};

use crate::keys;

/// Longer than Stripe keeps and can resend an event (30 days).
const MARKERS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// Time enough to look at what was put aside.
const PARKED_EVENTS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 365);

/// An item holds 400 KB. Events are far smaller; of a larger one the id is kept, by which Stripe
/// gives it for 30 days.
const LARGEST_KEPT_BODY: usize = 300_000;

/// Which organization a customer at Stripe is. Never changes, but that the organization is erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StripeCustomer {
    pub(crate) customer: CustomerId,
    pub(crate) org_id: OrgId,
    /// When the organization's erasure came to it: what Stripe tells since then has no effect.
    #[serde(default)]
    pub(crate) erased_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for StripeCustomer {
    fn key(&self) -> Key {
        customer_key(&self.customer)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.erased_at?.saturating_add(MARKERS_ARE_KEPT).ok()
    }
}

pub(crate) fn customer_key(customer: &CustomerId) -> Key {
    keys::StripeCustomer::key(customer.clone())
}

/// That an event was dealt with, and how. Written together with its effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReceivedEvent {
    event_id: EventId,
    event_type: String,
    created: Timestamp,
    api_version: Option<String>,
    received_at: Timestamp,
    org_id: Option<OrgId>,
    parked: Option<ParkReason>,
    #[serde(default)]
    version: u64,
}

impl ReceivedEvent {
    pub(crate) fn applied(event: &Event, now: Timestamp, org_id: OrgId) -> Self {
        Self::new(event, now, Some(org_id), None)
    }

    pub(crate) fn parked(event: &Event, now: Timestamp, reason: ParkReason) -> Self {
        Self::new(event, now, None, Some(reason))
    }

    pub(crate) fn ignored(event: &Event, now: Timestamp) -> Self {
        Self::new(event, now, None, None)
    }

    fn new(event: &Event, now: Timestamp, org_id: Option<OrgId>, parked: Option<ParkReason>) -> Self {
        Self {
            event_id: event.id.clone(),
            event_type: event.kind.clone(),
            created: event.created,
            api_version: event.api_version.clone(),
            received_at: now,
            org_id,
            parked,
            version: 0,
        }
    }
}

impl Item for ReceivedEvent {
    fn key(&self) -> Key {
        keys::StripeEvent::key(self.event_id.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.received_at.saturating_add(MARKERS_ARE_KEPT).ok()
    }
}

/// Why an event was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// It is about test money where real money counts, or the reverse.
    WrongLivemode,
    /// It happened in another account at Stripe: that of somebody who is connected to ours.
    OtherAccount,
    /// Its object says something we do not understand.
    Unreadable,
    /// It is about nobody.
    NoCustomer,
    /// We do not know yet which organization the customer is. Applied as soon as we do.
    UnknownCustomer,
    /// It names an organization that we do not have: another product or environment on the same
    /// Stripe account.
    ForeignOrg,
    /// It names another organization than the one its customer belongs to, or two at once: one
    /// customer pays for one organization.
    OrgMismatch,
    /// It is about one more working subscription than we keep for an organization.
    TooManySubscriptions,
}

impl ParkReason {
    /// As it is written in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongLivemode => "wrong_livemode",
            Self::OtherAccount => "other_account",
            Self::Unreadable => "unreadable",
            Self::NoCustomer => "no_customer",
            Self::UnknownCustomer => "unknown_customer",
            Self::ForeignOrg => "foreign_org",
            Self::OrgMismatch => "org_mismatch",
            Self::TooManySubscriptions => "too_many_subscriptions",
        }
    }
}

/// One that cannot be read must not spoil its page.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Readable<T> {
    Yes(Box<T>),
    No(IgnoredAny),
}

/// What is known of an event that was put aside, beside its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The event's id at Stripe.
    pub event_id: EventId,
    /// What happened.
    pub event_type: String,
    /// When it happened.
    pub created: Timestamp,
    /// When it was put aside.
    pub parked_at: Timestamp,
    /// Why.
    pub reason: ParkReason,
    /// The customer it waits for, or else the reason.
    pub waits_for: String,
    /// How often applying it failed after what it waited for had come.
    #[serde(default)]
    pub failures: u32,
}

impl Parked {
    pub(crate) fn key(&self) -> Key {
        keys::ParkedStripeEvent::key(self.waits_for.clone(), self.event_id.clone())
    }
}

/// An event that was put aside, whole, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParkedEvent {
    /// All but its body.
    #[serde(flatten)]
    pub about: Parked,
    /// The event as it came; nothing if it is too large to keep.
    pub body: Option<String>,
    #[serde(default)]
    version: u64,
}

impl ParkedEvent {
    pub(crate) fn new(
        event: &Event,
        body: &str,
        now: Timestamp,
        reason: ParkReason,
        customer: Option<&CustomerId>,
    ) -> Self {
        let waits_for = match (reason, customer) {
            (ParkReason::UnknownCustomer, Some(customer)) => customer.to_string(),
            _ => reason.as_str().to_owned(),
        };
        let about = Parked {
            event_id: event.id.clone(),
            event_type: event.kind.clone(),
            created: event.created,
            parked_at: now,
            reason,
            waits_for,
            failures: 0,
        };
        Self { about, body: (body.len() <= LARGEST_KEPT_BODY).then(|| body.to_owned()), version: 0 }
    }
}

impl Item for ParkedEvent {
    fn key(&self) -> Key {
        self.about.key()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        // one that cannot be written down is listed as one that cannot be read
        let summary = serde_json::to_string(&self.about).unwrap_or_default();
        Some(keys::parked(self.about.parked_at, &self.about.event_id, summary))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.about.parked_at.saturating_add(PARKED_EVENTS_ARE_KEPT).ok()
    }
}
