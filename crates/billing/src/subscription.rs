use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{
    CustomerId, PauseBehavior, PauseCollection, PriceId, SubscriptionId, SubscriptionStatus,
};

use crate::{episode::Episode, stamp::Stamp};

/// A Stripe subscription as one event, or Stripe's own answer, showed it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id at Stripe.
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
    /// When the trial that Stripe runs ends or ended.
    pub trial_end: Option<Timestamp>,
    /// Begin of the period paid for.
    pub current_period_start: Option<Timestamp>,
    /// End of the period paid for.
    pub current_period_end: Option<Timestamp>,
    /// Whether its invoices are not collected for now.
    #[serde(default)]
    pub pause_collection: Option<PauseCollection>,
    /// What is subscribed to.
    pub price: Option<PriceId>,
    /// How many of it.
    pub quantity: Option<u64>,
}

impl From<stripe_client::Subscription> for Subscription {
    fn from(seen: stripe_client::Subscription) -> Self {
        Self {
            id: seen.id,
            customer: seen.customer,
            status: seen.status,
            created: seen.created,
            cancel_at_period_end: seen.cancel_at_period_end,
            cancel_at: seen.cancel_at,
            ended_at: seen.ended_at,
            trial_end: seen.trial_end,
            current_period_start: seen.current_period_start,
            current_period_end: seen.current_period_end,
            pause_collection: seen.pause_collection,
            price: seen.price,
            quantity: seen.quantity,
        }
    }
}

/// What a subscription means for the organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing was ever paid or tried out; as good as no subscription.
    #[default]
    NotBegun,
    /// It ended.
    Over,
    /// Stripe's trial ended without a payment method, or its invoices are cancelled for now.
    Paused,
    /// A payment is due and was not made.
    Failing,
    /// In good standing.
    Working,
}

impl Subscription {
    pub(crate) fn phase(&self) -> Phase {
        match self.status {
            SubscriptionStatus::Incomplete | SubscriptionStatus::IncompleteExpired => Phase::NotBegun,
            SubscriptionStatus::Canceled => Phase::Over,
            SubscriptionStatus::Paused => Phase::Paused,
            SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => Phase::Failing,
            SubscriptionStatus::Trialing | SubscriptionStatus::Active if self.is_given_no_service() => {
                Phase::Paused
            }
            SubscriptionStatus::Trialing | SubscriptionStatus::Active => Phase::Working,
        }
    }

    /// Stripe's word for invoices that are cancelled one after the other: the seller is "unable to provide
    /// services". The other two behaviours are a seller's gift
    /// (docs/decisions/0019-what-a-subscription-gives.md).
    fn is_given_no_service(&self) -> bool {
        self.pause_collection.is_some_and(|pause| pause.behavior == PauseBehavior::Void)
    }
}

/// A subscription at one time. What is greater counts: the end is final, and before it the latest word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    over: bool,
    pub(crate) stamp: Stamp,
    pub(crate) subscription: Subscription,
}

impl Snapshot {
    pub(crate) fn new(subscription: Subscription, stamp: Stamp) -> Self {
        Self { over: subscription.phase() == Phase::Over, stamp, subscription }
    }
}

/// What is known of one subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubscriptionRecord {
    pub(crate) id: SubscriptionId,
    /// What it looks like; nothing as long as only its invoices were heard of.
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) episode: Episode,
}

impl SubscriptionRecord {
    pub(crate) fn new(id: SubscriptionId) -> Self {
        Self { id, snapshot: None, episode: Episode::default() }
    }

    pub(crate) fn hear(&mut self, snapshot: Snapshot) {
        self.episode.hear(&snapshot.subscription, &snapshot.stamp);
        self.snapshot = self.snapshot.take().max(Some(snapshot));
    }

    /// What it means. One that ended, and was never seen otherwise, was an attempt.
    pub(crate) fn phase(&self) -> Phase {
        let shown = self.snapshot.as_ref().map_or(Phase::NotBegun, |shown| shown.subscription.phase());
        if self.episode.begun { shown } else { Phase::NotBegun }
    }

    /// Since when it has not been working, where it lives and does not.
    pub(crate) fn unpaid_since(&self) -> Option<Timestamp> {
        earliest(self.episode.failing_since(), self.episode.paused_since())
    }
}

/// The earlier of those that there are.
pub(crate) fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}
