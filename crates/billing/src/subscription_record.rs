use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::SubscriptionId;

use crate::{
    episode::Episode,
    stamp::{Stamp, earliest},
    subscription::{Phase, Subscription},
};

/// A subscription at one time. What is greater counts: the end is final, and before it the latest
/// word.
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

    /// Whether it goes on until somebody cancels it. One that is to end is cancelled already.
    pub(crate) fn goes_on(&self) -> bool {
        let lives = matches!(self.phase(), Phase::Working | Phase::Failing | Phase::Paused);
        let shown = self.snapshot.as_ref().map(|snapshot| &snapshot.subscription);
        lives && shown.is_some_and(|shown| !shown.cancel_at_period_end && shown.cancel_at.is_none())
    }

    /// Since when it has not been working, where it lives and does not.
    pub(crate) fn unpaid_since(&self) -> Option<Timestamp> {
        earliest(self.episode.failing_since(), self.episode.paused_since())
    }
}
