use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Invoice, Stamp, Subscription,
    stamp::{Rank, earliest},
    subscription::Phase,
};

/// So many words of one kind are kept: the first, which decides, and the latest, so that one of
/// them is the first when we hear late that the subscription worked in between.
pub(crate) const WORDS: usize = 24;

/// A time in a subscription's life. Within a second what was said last comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment {
    at: Timestamp,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Created,
    Changed,
    /// Stripe was asked, or it is over.
    Last,
}

impl From<&Stamp> for Moment {
    fn from(stamp: &Stamp) -> Self {
        let place = match stamp.rank {
            Rank::Created => Place::Created,
            Rank::Updated => Place::Changed,
            Rank::Fetched(_) | Rank::Deleted => Place::Last,
        };
        Self { at: stamp.at, place }
    }
}

/// What decides since when a subscription has not been working: when it last worked, and the first
/// words since then that it does not. No later word of the same kind moves that: a subscription
/// whose seats change every day has been failing since the first day all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Episode {
    /// Whether it was ever seen working, failing or paused: what ends without that was an attempt.
    pub(crate) begun: bool,
    /// The latest word that it works.
    worked: Option<Moment>,
    /// The latest payment that settled what was due.
    paid_at: Option<Timestamp>,
    /// When it ended, by the first word about that.
    pub(crate) ended_at: Option<Timestamp>,
    failing: Words,
    paused: Words,
    /// Until when words on it may have been forgotten.
    #[serde(default)]
    pub(crate) forgotten_until: Option<Timestamp>,
}

impl Episode {
    /// Hears of the subscription itself.
    pub(crate) fn hear(&mut self, subscription: &Subscription, stamp: &Stamp) {
        let moment = Moment::from(stamp);
        match subscription.phase() {
            Phase::NotBegun => return,
            Phase::Over => {
                let ended_at = subscription.ended_at.unwrap_or(stamp.at);
                self.ended_at = earliest(self.ended_at, Some(ended_at));
                return;
            }
            Phase::Working => self.worked = self.worked.max(Some(moment)),
            Phase::Failing => self.failing.add(moment),
            Phase::Paused => self.paused.add(moment),
        }
        self.begun = true;
        self.forget_what_is_over();
    }

    /// Begins anew with a subscription of which words until then may have been forgotten. When the
    /// first failure after its latest good word was may be among them, so it counts from that word
    /// on; without one from its creation.
    pub(crate) fn begin_anew(&mut self, created: Timestamp, forgotten_until: Option<Timestamp>) {
        self.worked = self.worked.max(Some(Moment { at: created, place: Place::Created }));
        self.forgotten_until = forgotten_until;
    }

    /// Hears what one event says of an invoice.
    pub(crate) fn hear_invoice(&mut self, news: &Invoice) {
        for at in news.failures() {
            self.failing.add(Moment { at, place: Place::Changed });
        }
        self.paid_at = self.paid_at.max(news.settled_at());
        self.forget_what_is_over();
    }

    fn forget_what_is_over(&mut self) {
        if let Some(worked) = self.worked {
            self.failing.0.retain(|moment| *moment >= worked);
            self.paused.0.retain(|moment| *moment >= worked);
            if self.forgotten_until.is_some_and(|at| worked < Moment { at, place: Place::Last }) {
                self.failing.add(worked);
            }
        }
        self.failing.cut();
        self.paused.cut();
    }

    /// Since when payments have been failing: from the first word of it since the subscription
    /// worked, or since the latest payment where Stripe does not call it working in spite of that.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        let first = self.failing.first()?;
        self.paid_at.max(Some(first))
    }

    /// Since when it has been paused.
    pub(crate) fn paused_since(&self) -> Option<Timestamp> {
        self.paused.first()
    }

    /// When it was heard of last.
    pub(crate) fn last_word(&self) -> Option<Timestamp> {
        let last = |words: &Words| words.0.last().map(|moment| moment.at);
        last(&self.failing).max(last(&self.paused)).max(self.paid_at).max(self.ended_at)
    }
}

/// Moments, rising, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Words(Vec<Moment>);

impl Words {
    fn add(&mut self, moment: Moment) {
        if let Err(place) = self.0.binary_search(&moment) {
            self.0.insert(place, moment);
        }
    }

    fn first(&self) -> Option<Timestamp> {
        self.0.first().map(|moment| moment.at)
    }

    fn cut(&mut self) {
        while self.0.len() > WORDS {
            self.0.remove(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::at;

    #[test]
    fn of_many_words_the_first_and_the_latest_are_kept() {
        let mut words = Words::default();
        for second in 0..3 * i64::try_from(WORDS).unwrap() {
            words.add(Moment { at: at(second), place: Place::Changed });
            words.cut();
            let latest = words.0.len() - 1;
            assert_eq!(words.0.len(), WORDS.min(usize::try_from(second).unwrap() + 1));
            assert_eq!((words.0[0].at, words.0[latest].at), (at(0), at(second)));
        }
    }
}
