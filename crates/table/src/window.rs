use primitives::SignedDuration;

/// So many uses in any span of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many uses.
    pub uses: u32,
    /// In how long.
    pub length: SignedDuration,
}

/// Up to so many uses of a window are listed one by one: with more, the item would cost more than
/// one unit.
const MOST_LISTED: u32 = 50;

impl Window {
    /// Whether its uses are listed: then it is never fuller than full, and no emptier than it could
    /// be. One of more uses is a bucket that runs out: never fuller either.
    pub(crate) fn is_listed(self) -> bool {
        self.uses <= MOST_LISTED
    }

    /// How many uses may be made at once: half of those of a bucket. The others come back over its
    /// length.
    pub fn at_once(self) -> u32 {
        if self.is_listed() { self.uses } else { self.uses / 2 }
    }

    /// In how many seconds a bucket has room for one more use.
    pub fn one_more_every(self) -> Option<u64> {
        (!self.is_listed()).then(|| seconds(self.share()))
    }

    /// How long one use takes to run out of a bucket, milliseconds. Rounded up: rather a little
    /// slower than the window allows.
    pub(crate) fn share(self) -> i128 {
        let back = i128::from(self.uses - self.at_once()).max(1);
        (self.length.as_millis() + back - 1) / back
    }

    /// So many uses in so many seconds: whoever makes no more in any span of that length is never
    /// refused.
    pub fn promised(self) -> (u32, u64) {
        let length = self.length.as_millis();
        let span = if self.is_listed() { length } else { self.share() * i128::from(self.at_once()) };
        (self.at_once(), seconds(span))
    }
}

/// Rounded up.
fn seconds(milliseconds: i128) -> u64 {
    u64::try_from(milliseconds).unwrap_or_default().div_ceil(1000)
}
