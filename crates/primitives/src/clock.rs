use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// Tells the time. The only place that reads the wall clock.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Shifted(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The system's clock plus an offset in milliseconds that its owner may change at any time:
    /// the local cloud's virtual clock.
    pub fn shifted(offset_milliseconds: Arc<AtomicI64>) -> Self {
        Self(Source::Shifted(offset_milliseconds))
    }

    /// A clock that stands still until [`Clock::advance`] moves it: for tests.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.as_millisecond()))))
    }

    /// Now, to the millisecond.
    #[expect(clippy::disallowed_methods, reason = "this is the clock's home")]
    pub fn now(&self) -> Timestamp {
        let milliseconds = match &self.0 {
            Source::System => Timestamp::now().as_millisecond(),
            Source::Shifted(offset) => {
                Timestamp::now().as_millisecond().saturating_add(offset.load(Ordering::SeqCst))
            }
            Source::Manual(at) => at.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves a fixed or shifted clock forward; the system's clock stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual(cell) | Source::Shifted(cell) = &self.0 {
            let milliseconds = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            cell.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_by_hand_and_for_all_who_hold_it() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let other = clock.clone();
        clock.advance(SignedDuration::from_hours(24));
        assert_eq!(other.now().as_second(), 86_400);
    }

    #[test]
    fn a_shifted_clock_runs_ahead() {
        let offset = Arc::new(AtomicI64::new(0));
        let clock = Clock::shifted(Arc::clone(&offset));
        let before = clock.now();
        offset.store(3_600_000, Ordering::SeqCst);
        assert!(clock.now().duration_since(before) >= SignedDuration::from_hours(1));
    }
}
