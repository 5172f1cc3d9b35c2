use ::access::{AccessLevel, AccessSchedule, Plan};
use jiff::{SignedDuration, Timestamp};
use stripe_client::SubscriptionStatus;

use crate::{Account, Rules, stamp::earliest, subscription::Phase, subscription_record::SubscriptionRecord};

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
    /// What the organization's use rests on now. The best of trial and subscriptions counts: of
    /// what does not work any more, that which stood well the longest.
    pub fn standing(&self, now: Timestamp, rules: &Rules) -> Standing {
        if self.stripe.phase() == Phase::Working {
            return Standing::Subscribed;
        }
        if self.trial.is_active(now) {
            return Standing::Trial(self.trial.ends_at);
        }
        let of_trial = (self.trial.ends_at, Standing::Lapsed(self.trial.ends_at));
        let of_subscriptions = self.stripe.records().filter_map(|record| record.good_until(rules));
        of_subscriptions
            .fold(of_trial, |best, other| {
                std::cmp::max_by_key(best, other, |(until, standing)| (*until, standing.is_failing()))
            })
            .1
    }

    /// How much the organization may use now: the one place that decides it.
    pub fn access(&self, now: Timestamp, rules: &Rules) -> Access {
        self.standing(now, rules).access(now, rules)
    }

    /// The same for all time from now on, if nothing else happens.
    pub(crate) fn schedule(&self, now: Timestamp, rules: &Rules) -> AccessSchedule {
        let first = self.access(now, rules);
        let steps = std::iter::successors(first.until, |at| self.access(*at, rules).until);
        let (plan, seats) = self.plan(now, rules);
        AccessSchedule::new(first.level, steps.map(|at| (at, self.access(at, rules).level)))
            .under(plan, seats)
    }

    /// What the organization subscribed to, or tries out, and for how many people that is.
    pub(crate) fn plan(&self, now: Timestamp, rules: &Rules) -> (&'static Plan, Option<u32>) {
        match (self.standing(now, rules), self.stripe.subscription()) {
            (Standing::Trial(_), _) => (Plan::of_trial(), Some(Plan::seats_on_trial())),
            (_, Some(subscription)) if self.stripe.phase() != Phase::NotBegun => {
                let plan = Plan::of_price(subscription.lookup_key.as_deref());
                (plan, plan.seats)
            }
            _ => (Plan::of_trial(), Plan::of_trial().seats),
        }
    }
}

impl SubscriptionRecord {
    /// Until when a subscription that does not work stood well, its grace included, and what that
    /// means. Every word can only make it earlier, but for a payment: nobody gets more by
    /// cancelling what he does not pay.
    fn good_until(&self, rules: &Rules) -> Option<(Timestamp, Standing)> {
        let phase = self.phase();
        if phase == Phase::NotBegun {
            return None;
        }
        let shown = self.snapshot.as_ref().map(|snapshot| &snapshot.subscription);
        let trial_end =
            shown.filter(|shown| shown.status == SubscriptionStatus::Paused).and_then(|it| it.trial_end);
        let other_end = match phase {
            Phase::Over => earliest(self.episode.ended_at, self.episode.paused_since()),
            _ => earliest(trial_end, self.episode.paused_since()),
        };
        let since = self.episode.failing_since();
        let grace_ends = since.map(|since| since.saturating_add(rules.grace()).unwrap_or(Timestamp::MAX));
        let until = earliest(grace_ends, other_end)?;
        let standing = match since {
            Some(since) if phase == Phase::Failing && grace_ends == Some(until) => {
                Standing::PaymentFailed(since)
            }
            _ => Standing::Lapsed(until),
        };
        Some((until, standing))
    }
}

impl Standing {
    fn is_failing(self) -> bool {
        matches!(self, Self::PaymentFailed(_))
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Trial(_) => "trial",
            Self::PaymentFailed(_) => "payment failed",
            Self::Lapsed(_) => "lapsed",
        }
    }

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
