use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A free trial without a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ends: at this instant it is over.
    #[serde(rename = "trial_ends_at")]
    pub ends_at: Timestamp,
    /// How often it was extended.
    #[serde(rename = "trial_extended_count")]
    pub extended_count: u32,
    /// Whether it is what was left of a trial that another organization of the same company had begun.
    #[serde(default)]
    pub shared: bool,
    /// The latest notice given, and with it all before it.
    last_notice: Option<TrialNotice>,
}

/// How often a trial may be extended.
pub const MOST_EXTENSIONS: u32 = 2;

/// What an organization is told about its trial, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialNotice {
    SevenDaysLeft,
    ThreeDaysLeft,
    OneDayLeft,
    /// It is over.
    Ended,
}

impl TrialNotice {
    /// All of them, in the order of time.
    pub const ALL: [Self; 4] = [Self::SevenDaysLeft, Self::ThreeDaysLeft, Self::OneDayLeft, Self::Ended];

    /// How many days are left when it is given.
    pub fn days_left(self) -> u8 {
        match self {
            Self::SevenDaysLeft => 7,
            Self::ThreeDaysLeft => 3,
            Self::OneDayLeft => 1,
            Self::Ended => 0,
        }
    }
}

impl Trial {
    /// A trial that begins now. Notices that such a trial is too short for are never given.
    pub fn start(now: Timestamp, length: SignedDuration) -> Self {
        Self::until(now.saturating_add(length).unwrap_or(Timestamp::MAX), now, false)
    }

    /// The same, with an end that is known. One that is over at once gives no notices at all.
    pub fn until(ends_at: Timestamp, now: Timestamp, shared: bool) -> Self {
        let trial = Self { started_at: now, ends_at, extended_count: 0, shared, last_notice: None };
        let last_notice = trial.due(now);
        Self { last_notice, ..trial }
    }

    /// The trial with so much time more: from its end on, or from now on where it is over. Its notices are
    /// given anew. Nothing where it was extended as often as may be.
    pub fn extended(&self, by: SignedDuration, now: Timestamp) -> Option<Self> {
        let ends_at = self.ends_at.max(now).saturating_add(by).unwrap_or(Timestamp::MAX);
        let again =
            Self { extended_count: self.extended_count + 1, ..Self::until(ends_at, now, self.shared) };
        (self.extended_count < MOST_EXTENSIONS).then_some(Self { started_at: self.started_at, ..again })
    }

    /// Whether it still runs.
    pub fn is_active(&self, now: Timestamp) -> bool {
        now < self.ends_at
    }

    /// When the next notice is to be given: what the sparse index is sorted by.
    pub fn next_notice_at(&self) -> Option<Timestamp> {
        self.outstanding().map(|notice| self.given_at(notice)).next()
    }

    /// The notice to give now. After a pause it is the latest one due; those before it would be
    /// stale.
    pub fn due(&self, now: Timestamp) -> Option<TrialNotice> {
        self.outstanding().take_while(|notice| self.given_at(*notice) <= now).last()
    }

    /// The trial after the notice was given: neither it nor an earlier one is due any more.
    #[must_use]
    pub fn after(self, notice: TrialNotice) -> Self {
        Self { last_notice: self.last_notice.max(Some(notice)), ..self }
    }

    fn outstanding(&self) -> impl Iterator<Item = TrialNotice> {
        let last = self.last_notice;
        TrialNotice::ALL.into_iter().filter(move |notice| Some(*notice) > last)
    }

    fn given_at(&self, notice: TrialNotice) -> Timestamp {
        let left = SignedDuration::from_hours(24 * i64::from(notice.days_left()));
        self.ends_at.saturating_sub(left).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);
    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    fn start() -> Timestamp {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }

    fn trial() -> Trial {
        Trial::start(start(), DAY * 14)
    }

    #[test]
    fn is_active_to_the_second() {
        let end = start() + DAY * 14;
        assert!(trial().is_active(end - SECOND));
        assert!(!trial().is_active(end));
    }

    #[test]
    fn gives_each_notice_once_at_its_time() {
        let mut trial = trial();
        let mut given = Vec::new();
        while let Some(at) = trial.next_notice_at() {
            assert_eq!(trial.due(at - SECOND), None);
            let notice = trial.due(at).unwrap();
            trial = trial.after(notice);
            assert_eq!(trial.due(at), None);
            given.push((notice, at.duration_since(start()).as_hours() / 24));
        }
        let expected = TrialNotice::ALL.into_iter().zip([7, 11, 13, 14]).collect::<Vec<_>>();
        assert_eq!(given, expected);
    }

    #[test]
    fn skips_stale_notices() {
        let late = trial().due(start() + DAY * 12).unwrap();
        assert_eq!(late, TrialNotice::ThreeDaysLeft);
        assert_eq!(trial().after(late).next_notice_at(), Some(start() + DAY * 13));
        assert_eq!(trial().due(start() + DAY * 100), Some(TrialNotice::Ended));
        assert_eq!(trial().after(TrialNotice::Ended).next_notice_at(), None);
    }

    #[test]
    fn never_gives_notices_that_the_trial_is_too_short_for() {
        let short = Trial::start(start(), DAY * 2);
        assert_eq!(short.due(start()), None);
        assert_eq!(short.next_notice_at(), Some(start() + DAY));
    }

    #[test]
    fn giving_an_earlier_notice_late_changes_nothing() {
        let trial = trial().after(TrialNotice::OneDayLeft);
        assert_eq!(trial.clone().after(TrialNotice::SevenDaysLeft), trial);
    }

    #[test]
    fn an_extension_begins_at_the_end_or_now_and_gives_the_notices_anew() {
        let first = trial().after(TrialNotice::ThreeDaysLeft).extended(DAY * 10, start() + DAY * 12).unwrap();
        assert_eq!((first.ends_at, first.extended_count), (start() + DAY * 24, 1));
        assert_eq!(first.next_notice_at(), Some(start() + DAY * 17), "seven days before the new end");
        let late = start() + DAY * 40;
        let second = first.after(TrialNotice::Ended).extended(DAY * 5, late).unwrap();
        assert_eq!((second.started_at, second.ends_at), (start(), late + DAY * 5));
        assert_eq!(second.due(late), None);
        assert_eq!(second.next_notice_at(), Some(late + DAY * 2), "that of seven days it is too short for");
        assert_eq!(second.extended(DAY, late), None);
    }

    #[test]
    fn one_that_is_over_at_once_gives_no_notices() {
        let none = Trial::until(start(), start(), true);
        assert!(!none.is_active(start()));
        assert_eq!(none.next_notice_at(), None);
    }

    proptest! {
        /// However often and whenever the schedule runs: each notice at most once, never early, the
        /// end always.
        #[test]
        fn any_schedule_gives_rising_notices(mut hours in prop::collection::vec(0_i64..600, 0..30)) {
            hours.sort_unstable();
            hours.push(600);
            let mut trial = trial();
            let mut given = Vec::new();
            for hour in hours {
                let now = start() + SignedDuration::from_hours(hour);
                if let Some(notice) = trial.due(now) {
                    prop_assert!(trial.given_at(notice) <= now);
                    trial = trial.after(notice);
                    given.push(notice);
                }
            }
            prop_assert!(given.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(given.last(), Some(&TrialNotice::Ended));
            prop_assert_eq!(trial.next_notice_at(), None);
        }
    }
}
