//! A limit of many uses in constant space: the generic cell rate algorithm
//! (<https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>).

use crate::Window;

/// A window as a bucket that runs out: each use fills a share of it, and one share runs out in a steady time.
///
/// All there is to store is when it will have run out. Half of the window's uses may be made at once, and the
/// other half come back over the window's length: so that no span of that length ever holds more uses than
/// the window allows, as if they were listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// How many uses may be made at once.
    at_once: i128,
    /// How long one use takes to run out, milliseconds.
    share: i128,
}

impl Bucket {
    pub(crate) fn of(window: Window) -> Self {
        let uses = i128::from(window.uses);
        let at_once = uses / 2;
        let back = (uses - at_once).max(1);
        // rounded up: rather a little slower than the window allows
        Self { at_once, share: (window.length.as_millis() + back - 1) / back }
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
