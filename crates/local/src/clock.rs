//! The virtual clock: the machine's clock plus an offset that the local page and tests can move
//! forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// A clock whose offset is shared by everything in one local cloud, the functions included.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock {
    offset_milliseconds: Arc<AtomicI64>,
}

impl VirtualClock {
    /// A clock that runs `offset_milliseconds` ahead of the machine's.
    pub fn with_offset(offset_milliseconds: i64) -> Self {
        Self { offset_milliseconds: Arc::new(AtomicI64::new(offset_milliseconds)) }
    }

    /// The offset itself, in milliseconds, for clocks of other crates that must follow this one.
    pub fn shared_offset(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.offset_milliseconds)
    }

    /// How far this clock is ahead of the machine's, in milliseconds.
    pub fn offset_milliseconds(&self) -> i64 {
        self.offset_milliseconds.load(Ordering::SeqCst)
    }

    /// The present moment, to the millisecond.
    pub fn now(&self) -> Timestamp {
        let milliseconds = machine_now().as_millisecond().saturating_add(self.offset_milliseconds());
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves forward to `moment`; a moment that has passed changes nothing, because time never runs
    /// backwards.
    pub fn advance_to(&self, moment: Timestamp) {
        let ahead = moment.as_millisecond() - self.now().as_millisecond();
        if ahead > 0 {
            self.offset_milliseconds.fetch_add(ahead, Ordering::SeqCst);
        }
    }

    /// Goes back to the machine's time. Only for a cloud that is emptied, because it is the one way
    /// back.
    pub fn reset(&self) {
        self.offset_milliseconds.store(0, Ordering::SeqCst);
    }

    /// How long to sleep until `moment`, if nobody moves the clock meanwhile.
    pub fn until(&self, moment: Timestamp) -> std::time::Duration {
        let wait: SignedDuration = self.now().duration_until(moment);
        wait.try_into().unwrap_or_default()
    }
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "the home of the local cloud's clock")]
pub(crate) fn machine_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_forward_only() {
        let clock = VirtualClock::default();
        let start = clock.now();
        let later = start + SignedDuration::from_hours(24 * 15);
        clock.advance_to(later);
        assert!(clock.now() >= later);
        clock.advance_to(start);
        assert!(clock.now() >= later);
        assert!(clock.until(later).is_zero());
        assert!(clock.shared_offset().load(Ordering::SeqCst) > 0);
    }
}
