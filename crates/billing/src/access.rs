use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Account, Rules, subscription::Phase};

/// How much of the product an organization may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessLevel {
    /// Everything.
    Full,
    /// Everything, with a warning: a payment failed.
    Grace,
    /// Reading, exporting and paying.
    ReadOnly,
    /// Paying.
    Suspended,
    /// Exporting and paying.
    ExportOnly,
}

/// The access level at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// How much may be used.
    pub level: AccessLevel,
    /// When that ends if nothing else happens: at this instant the next level holds.
    pub until: Option<Timestamp>,
}

/// What an organization's use of the product rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On a working subscription.
    Subscribed,
    /// On our free trial, until then.
    Trial(Timestamp),
    /// On a subscription whose payments fail, since then.
    PaymentFailed(Timestamp),
    /// On nothing, since then: the trial or the subscription ended.
    Lapsed(Timestamp),
}

impl Account {
    /// What the organization's use rests on now. The best of trial and subscription counts.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let current = self.stripe.current();
        let phase = current.map_or(Phase::NotBegun, |record| record.subscription.phase());
        if phase == Phase::Working {
            return Standing::Subscribed;
        }
        if self.trial.is_active(now) {
            return Standing::Trial(self.trial.ends_at);
        }
        if let Some(since) = self.stripe.failing_since() {
            return Standing::PaymentFailed(since);
        }
        let ended = current.and_then(|record| {
            let subscription = &record.subscription;
            match phase {
                Phase::Over => Some(subscription.ended_at.unwrap_or(record.stamp.at)),
                Phase::Paused => Some(subscription.trial_end.unwrap_or(record.stamp.at)),
                Phase::NotBegun | Phase::Failing | Phase::Working => None,
            }
        });
        Standing::Lapsed(ended.map_or(self.trial.ends_at, |ended| ended.max(self.trial.ends_at)))
    }

    /// How much the organization may use now: the one place that decides it.
    pub fn access(&self, now: Timestamp, rules: &Rules) -> Access {
        self.standing(now).access(now, rules)
    }
}

impl Standing {
    /// The table of standings and times.
    pub fn access(self, now: Timestamp, rules: &Rules) -> Access {
        use AccessLevel::{ExportOnly, Full, Grace, ReadOnly, Suspended};
        match self {
            Self::Subscribed => Access { level: Full, until: None },
            Self::Trial(ends_at) => Access { level: Full, until: Some(ends_at) },
            Self::PaymentFailed(since) => descend(
                since,
                now,
                &[(Grace, rules.grace()), (ReadOnly, rules.read_only()), (Suspended, rules.suspended())],
                ExportOnly,
            ),
            Self::Lapsed(since) => descend(
                since,
                now,
                &[(ReadOnly, rules.read_only()), (Suspended, rules.suspended())],
                ExportOnly,
            ),
        }
    }
}

fn descend(
    since: Timestamp,
    now: Timestamp,
    steps: &[(AccessLevel, SignedDuration)],
    last: AccessLevel,
) -> Access {
    let mut until = since;
    for (level, length) in steps {
        until = until.saturating_add(*length).unwrap_or(Timestamp::MAX);
        if now < until {
            return Access { level: *level, until: Some(until) };
        }
    }
    Access { level: last, until: None }
}

#[cfg(test)]
mod tests;
