//! What an organization is told while its payments fail, and full use goes on for a while.

use access::Tenant;
use jiff::{SignedDuration, Timestamp};
use primitives::OrgId;
use serde::{Deserialize, Serialize};
use table::{Changes, Index, Item, Key};

use crate::{Rules, keys};

/// Days after the first failure on which people are reminded. Of the failure itself they are told at once.
const REMINDERS: [u8; 4] = [3, 7, 14, 20];

/// That payments of an organization fail, and what it was told of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grace {
    org_id: OrgId,
    /// Since when they fail.
    since: Timestamp,
    /// When full use ends; at once where it is over.
    pub(crate) ends_at: Timestamp,
    /// The day of the latest reminder, and with it of all before it; 0 where there was none.
    reminded: u8,
    #[serde(default)]
    version: u64,
}

impl Item for Grace {
    fn key(&self) -> Key {
        keys::Grace::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        let next = self.outstanding().next()?;
        Some(keys::grace_notice(self.on(next), Tenant::trusted(self.org_id)))
    }
}

impl Grace {
    /// Payments fail since then. Reminders whose day is over already are never given.
    fn begun(org_id: OrgId, since: Timestamp, now: Timestamp, rules: &Rules) -> Self {
        let ends_at = since.saturating_add(rules.grace()).unwrap_or(Timestamp::MAX);
        let grace = Self { org_id, since, ends_at, reminded: 0, version: 0 };
        let missed = grace.due(now).unwrap_or_default();
        grace.after(missed)
    }

    /// When the reminder of this day is due.
    pub(crate) fn on(&self, day: u8) -> Timestamp {
        let days = SignedDuration::from_hours(24 * i64::from(day));
        self.since.saturating_add(days).unwrap_or(Timestamp::MAX)
    }

    /// Those that are still to be given; none when it is too late.
    fn outstanding(&self) -> impl Iterator<Item = u8> {
        REMINDERS.into_iter().filter(|day| *day > self.reminded && self.on(*day) < self.ends_at)
    }

    /// The day of the reminder to give now: after a pause the latest one that is due.
    pub(crate) fn due(&self, now: Timestamp) -> Option<u8> {
        self.outstanding().take_while(|day| self.on(*day) <= now).last()
    }

    /// The same after the reminder of this day: neither it nor one before is due any more.
    pub(crate) fn after(self, day: u8) -> Self {
        Self { reminded: day, ..self }
    }

    /// How many days are left, begun ones included.
    pub(crate) fn days_left(&self, now: Timestamp) -> u32 {
        let left = u64::try_from(self.ends_at.duration_since(now).as_secs()).unwrap_or_default();
        u32::try_from(left.div_ceil(24 * 60 * 60)).unwrap_or(u32::MAX)
    }
}

/// What it means for that when payments have been failing since then, and not as it was before: it begins,
/// begins anew, or is over.
pub(crate) fn towards(
    org_id: OrgId,
    (before, since): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
    rules: &Rules,
) -> Changes {
    let grace = match (before, since) {
        _ if before == since => return Changes::new(),
        (_, Some(since)) => Grace::begun(org_id, since, now, rules),
        // a grace that had no time: nobody who learns from Stripe needs to be allowed to delete
        (before, None) => {
            let since = before.unwrap_or(now);
            Grace { org_id, since, ends_at: since, reminded: 0, version: 0 }
        }
    };
    Changes::new().overwrite(&grace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{DAY, at};

    fn org_id() -> OrgId {
        crate::samples::account().org_id
    }

    fn begun(now: i64) -> Grace {
        Grace::begun(org_id(), at(0), at(now), &Rules::default())
    }

    #[test]
    fn each_reminder_has_its_day_and_comes_once() {
        let mut grace = begun(0);
        let mut given = Vec::new();
        for hour in 0..24 * 40 {
            let now = at(hour * 3_600);
            if let Some(day) = grace.due(now) {
                given.push((day, hour / 24, grace.days_left(now)));
                grace = grace.after(day);
            }
        }
        assert_eq!(given, [(3, 3, 18), (7, 7, 14), (14, 14, 7), (20, 20, 1)]);
        assert!(grace.index().is_none());
    }

    #[test]
    fn what_is_heard_late_or_looked_at_late_is_told_once() {
        assert_eq!(begun(8 * DAY).reminded, 7, "those days are over");
        assert_eq!(begun(8 * DAY).due(at(8 * DAY)), None);
        assert_eq!(begun(0).due(at(15 * DAY)), Some(14), "after a pause the latest");
        assert_eq!(begun(0).due(at(3 * DAY - 1)), None);
        assert_eq!(begun(0).due(at(3 * DAY)), Some(3));
    }

    #[test]
    fn a_short_grace_has_fewer() {
        let rules = Rules { grace_days: 7, ..Rules::default() };
        let grace = Grace::begun(org_id(), at(0), at(0), &rules);
        assert_eq!(grace.outstanding().collect::<Vec<_>>(), [3], "on its last moment nothing is left to do");
        assert_eq!(grace.days_left(at(3 * DAY + 1)), 4);
        assert_eq!(grace.days_left(at(9 * DAY)), 0);
    }
}
