//! A limit of many uses in constant space: the generic cell rate algorithm
//! (<https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>).

use crate::window::Window;

/// A window as a bucket that runs out: each use fills a share of it, and one share runs out in a
/// steady time.
///
/// All there is to store is when it will have run out. Half of the window's uses may be made at
/// once, and the other half come back over the window's length: so that no span of that length ever
/// holds more uses than the window allows, as if they were listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// How many uses may be made at once.
    at_once: i128,
    /// How long one use takes to run out, milliseconds.
    share: i128,
}

impl Bucket {
    pub(crate) fn of(window: Window) -> Self {
        Self { at_once: i128::from(window.at_once()), share: window.share() }
    }

    /// By how much a use moves the moment at which it has run out, milliseconds.
    pub(crate) fn share(self) -> i128 {
        self.share
    }

    /// The latest moment that it may run out at, so that there is room for one use.
    pub(crate) fn room(self, now: i64) -> i128 {
        i128::from(now) + (self.at_once - 1) * self.share
    }

    /// How many uses are left, and in how long one more is given, milliseconds.
    pub(crate) fn left(self, runs_out_at: Option<i128>, now: i64) -> (u32, i128) {
        let full = runs_out_at.map_or(0, |at| (at - i128::from(now)).max(0));
        let used = (full + self.share - 1) / self.share;
        let next = if used > 0 { full - (used - 1) * self.share } else { 0 };
        let left = (self.at_once - used).max(0);
        // where it is overfull, as after a change of the limit, that has to run out first
        let over = (used - self.at_once).max(0) * self.share;
        (u32::try_from(left).unwrap_or_default(), next + over)
    }
}

#[cfg(test)]
mod tests {
    use primitives::SignedDuration;

    use super::*;

    /// How many of the uses at these moments there was room for.
    fn taken(window: Window, moments: impl Iterator<Item = i64>) -> usize {
        let (bucket, mut runs_out_at) = (Bucket::of(window), None::<i128>);
        let mut take = |now: i64| {
            let fits = runs_out_at.is_none_or(|at| at <= bucket.room(now));
            if fits {
                let from: i128 = runs_out_at.unwrap_or_default().max(i128::from(now));
                runs_out_at = Some(from + bucket.share());
            }
            fits
        };
        moments.filter(|now| take(*now)).count()
    }

    #[test]
    fn what_is_promised_is_never_refused_and_no_window_is_overfull() {
        for (uses, seconds) in [(300, 86_400), (51, 60), (97, 60), (1_000, 3_600), (120, 60), (77, 1)] {
            let window = Window { uses, length: SignedDuration::from_secs(seconds) };
            let (promised, span) = window.promised();
            let span = i64::try_from(span).unwrap() * 1_000;
            for gap in [0, 1, span / i64::from(promised)] {
                let spans = (0..20)
                    .flat_map(|round| (0..i64::from(promised)).map(move |use_| round * span + use_ * gap));
                assert_eq!(taken(window, spans.clone()), spans.count(), "{uses} in {seconds} s, {gap}");
            }
            let step = usize::try_from(seconds).unwrap();
            let tries = (0..seconds * 1_000).step_by(step);
            assert!(taken(window, tries) <= usize::try_from(uses).unwrap(), "{uses} in {seconds} s");
        }
        let day = Window { uses: 300, length: SignedDuration::from_hours(24) };
        assert_eq!((day.promised(), day.one_more_every()), ((150, 86_400), Some(576)));
        let minute = Window { uses: 5, length: SignedDuration::from_mins(1) };
        assert_eq!((minute.promised(), minute.one_more_every()), ((5, 60), None));
    }
}
