use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::SubscriptionId;

use crate::{
    Invoice, Subscription,
    stamp::{Rank, Stamp},
    subscription::Phase,
    subscription_record::{Snapshot, SubscriptionRecord},
};

/// How many subscriptions of one organization may work at a time. More than one is a mistake that
/// happens (two tabs, two administrators); news of one more than this many is put aside, so that
/// none of them is ever forgotten.
pub(crate) const WORKING: usize = 16;

/// How many are kept of those that live and are not paid.
pub(crate) const UNPAID: usize = 16;

/// How many are kept of those that ended, of attempts that were cancelled, and of those whose
/// invoices alone are known.
pub(crate) const KEPT: usize = 8;

/// The subscriptions of one organization.
///
/// A join-semilattice, and bounded. What works always gets in, whatever there is of the rest, and
/// is never dropped. Of what lives and is not paid those are kept that stood well the longest: what
/// they give is all that such subscriptions give. Of what does not live the latest are kept, so
/// that an old word that comes late does not revive them. About a subscription that may be among
/// the dropped ones Stripe is asked ([`Subscriptions::is_doubtful`]); since when it is not paid is
/// forgotten, so that counts from its creation until a word comes that it works. Attempts, of which
/// there may be any number, need no memory: none of their words can be taken for more than an
/// attempt, so the newest is there to be shown, and that is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscriptions {
    /// By id.
    known: Vec<SubscriptionRecord>,
    /// The newest that never began.
    attempt: Option<Attempt>,
    /// The latest word on any that was dropped.
    dropped_until: Option<Timestamp>,
    /// When the newest was created of those that were dropped while they were not paid.
    #[serde(default)]
    unpaid_dropped: Option<Timestamp>,
}

/// Fields compare in the order they are written in: the newest, by its latest word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Attempt {
    created: Timestamp,
    id: SubscriptionId,
    snapshot: Snapshot,
}

/// What there may be any number of, and is therefore cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Unpaid,
    Ended,
    CanceledAttempt,
    InvoicesAlone,
}

impl Subscriptions {
    pub(crate) fn hear(&mut self, subscription: Subscription, mut stamp: Stamp) {
        let (created, id) = (subscription.created, subscription.id.clone());
        if subscription.phase() == Phase::NotBegun {
            let snapshot = Snapshot::new(subscription, stamp);
            self.attempt = self.attempt.take().max(Some(Attempt { created, id, snapshot }));
            return;
        }
        let (maybe_dropped, until) = (self.may_be_dropped(&subscription, &stamp), self.dropped_until);
        let record = self.record(&id);
        if maybe_dropped && record.snapshot.is_none() {
            record.episode.begin_anew(created, until);
        }
        // Stripe knows all that may have been forgotten.
        if let (Rank::Fetched(_), Some(until)) = (stamp.rank, record.episode.forgotten_until) {
            stamp.at = stamp.at.max(until);
        }
        record.hear(Snapshot::new(subscription, stamp));
        self.cut();
    }

    pub(crate) fn hear_invoice(&mut self, news: &Invoice) {
        if news.failures().next().is_some() || news.settled_at().is_some() {
            self.record(&news.snapshot.subscription).episode.hear_invoice(news);
            self.cut();
        }
    }

    /// Whether this may be one that was dropped when it was not paid.
    fn may_be_dropped(&self, subscription: &Subscription, stamp: &Stamp) -> bool {
        let lives = match subscription.phase() {
            Phase::NotBegun | Phase::Over => false,
            Phase::Failing | Phase::Paused => true,
            Phase::Working => Some(stamp.at) <= self.dropped_until,
        };
        lives && Some(subscription.created) <= self.unpaid_dropped
    }

    fn record(&mut self, id: &SubscriptionId) -> &mut SubscriptionRecord {
        let place = self.known.binary_search_by(|record| record.id.cmp(id)).unwrap_or_else(|place| {
            self.known.insert(place, SubscriptionRecord::new(id.clone()));
            place
        });
        &mut self.known[place]
    }

    fn cut(&mut self) {
        for cut in [Cut::Unpaid, Cut::Ended, Cut::CanceledAttempt, Cut::InvoicesAlone] {
            let of_kind = || self.known.iter().enumerate().filter(|(_, record)| Cut::of(record) == Some(cut));
            if of_kind().count() <= cut.kept() {
                continue;
            }
            let Some((place, _)) = of_kind().min_by_key(|(_, record)| cut.worth(record)) else { continue };
            let dropped = self.known.remove(place);
            if cut == Cut::Unpaid {
                self.unpaid_dropped = self.unpaid_dropped.max(created(&dropped));
            }
            self.dropped_until = self.dropped_until.max(dropped.snapshot.map(|snapshot| snapshot.stamp.at));
        }
    }

    /// Whether this snapshot cannot be added without asking Stripe: the one we have is of the same
    /// second and says something else, or it may be an old word on a subscription that we dropped.
    pub(crate) fn is_doubtful(&self, subscription: &Subscription, stamp: &Stamp) -> bool {
        if matches!(subscription.phase(), Phase::NotBegun | Phase::Over) {
            return false;
        }
        let Some(known) = self.find(&subscription.id).and_then(|record| record.snapshot.as_ref()) else {
            return Some(stamp.at) <= self.dropped_until;
        };
        known.stamp.at == stamp.at
            && known.stamp.event_id != stamp.event_id
            && stamp.rank == Rank::Updated
            && matches!(known.stamp.rank, Rank::Updated | Rank::Fetched(_))
            && known.subscription.phase() != Phase::Over
            && known.subscription != *subscription
    }

    pub(crate) fn find(&self, id: &SubscriptionId) -> Option<&SubscriptionRecord> {
        self.known.iter().find(|record| record.id == *id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SubscriptionRecord> {
        self.known.iter()
    }

    /// The best of all phases.
    pub(crate) fn phase(&self) -> Phase {
        self.known.iter().map(SubscriptionRecord::phase).max().unwrap_or_default()
    }

    /// The one that counts: in the best phase, and of those the newest.
    pub(crate) fn current(&self) -> Option<&SubscriptionRecord> {
        let begun = self.known.iter().filter(|record| record.phase() != Phase::NotBegun);
        begun.max_by_key(|record| (record.phase(), created(record), &record.id))
    }

    /// The one to show: the one that counts, or else the newest attempt.
    pub(crate) fn shown(&self) -> Option<&Subscription> {
        let current = self.current().and_then(|record| record.snapshot.as_ref());
        let canceled = self.known.iter().filter_map(|record| record.snapshot.as_ref());
        let attempts = self.attempt.iter().map(|attempt| &attempt.snapshot).chain(canceled);
        let newest =
            || attempts.max_by_key(|seen| (seen.subscription.phase(), seen.subscription.created, *seen));
        current.or_else(newest).map(|snapshot| &snapshot.subscription)
    }

    /// Whether all that was heard of it is that somebody tried.
    pub(crate) fn is_attempt(&self, id: &SubscriptionId) -> bool {
        let begun = self.find(id).is_some_and(|record| record.episode.begun);
        !begun && self.attempt.as_ref().is_some_and(|attempt| attempt.id == *id)
    }
}

impl Cut {
    fn of(record: &SubscriptionRecord) -> Option<Self> {
        match (record.phase(), &record.snapshot) {
            (Phase::Over, _) => Some(Self::Ended),
            (Phase::NotBegun, Some(_)) => Some(Self::CanceledAttempt),
            (Phase::NotBegun, None) => Some(Self::InvoicesAlone),
            (Phase::Failing | Phase::Paused, _) => Some(Self::Unpaid),
            (Phase::Working, _) => None,
        }
    }

    fn kept(self) -> usize {
        if self == Self::Unpaid { UNPAID } else { KEPT }
    }

    /// What is dropped first is of the least worth.
    fn worth(self, record: &SubscriptionRecord) -> Option<Timestamp> {
        if self == Self::Unpaid { record.unpaid_since() } else { last_word(record) }
    }
}

fn created(record: &SubscriptionRecord) -> Option<Timestamp> {
    record.snapshot.as_ref().map(|snapshot| snapshot.subscription.created)
}

fn last_word(record: &SubscriptionRecord) -> Option<Timestamp> {
    record.snapshot.as_ref().map_or_else(|| record.episode.last_word(), |snapshot| Some(snapshot.stamp.at))
}

#[cfg(test)]
mod tests;
