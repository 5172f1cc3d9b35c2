use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{EventId, SubscriptionChange};

/// Says which of two snapshots of one object is the later one. Fields compare in the order they are
/// written in.
///
/// Stripe's times have whole seconds, and it promises no order of delivery
/// (<https://docs.stripe.com/webhooks#event-ordering>). Within one second the rank decides; the
/// event id, which is random, decides only so that every order of delivery ends in the same state:
/// see [`crate::StripeState::is_doubtful`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// When the event happened.
    pub at: Timestamp,
    /// Its place within the second.
    pub rank: Rank,
    /// The event that brought the snapshot.
    pub event_id: EventId,
}

/// The order of snapshots within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// The object's first.
    Created,
    /// Any change.
    Updated,
    /// Asked of Stripe, at this time of ours, because two changes of one second contradicted each
    /// other.
    Fetched(Timestamp),
    /// The object's last.
    Deleted,
}

impl From<SubscriptionChange> for Rank {
    fn from(change: SubscriptionChange) -> Self {
        match change {
            SubscriptionChange::Created => Self::Created,
            SubscriptionChange::Updated => Self::Updated,
            SubscriptionChange::Deleted => Self::Deleted,
        }
    }
}

/// The earlier of those that there are.
pub(crate) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}
