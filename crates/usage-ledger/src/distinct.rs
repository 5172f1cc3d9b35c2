use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Up to so many different values are known one by one. Of more a sample stays, which is at least half as
/// many, so that the estimate is wrong by 1.4 % (one standard deviation) at most.
pub const EXACT_UP_TO: usize = 10_000;

/// The values of an hour are spread over so many items.
pub const SHARDS_OF_VALUES: u64 = 16;

/// So many of an hour's values an item holds at most, but for those that come at the same moment. Of 10,000
/// values an item gets 625; that one gets 1,024 has never been seen.
pub const SHARD_HOLDS: usize = 1_024;

/// Which of an hour's items a value is in.
pub fn shard_of(value: u64) -> u64 {
    value >> 60
}

/// How many different values there were, of values that are given as 64 bits of a hash.
///
/// All of them, as long as they are few. When there are too many, those stay whose last bit is 0, then those
/// whose last two are, and so on: a value that stays has stayed in every part, so that parts are put together
/// in any order, any number of times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    level: u32,
    values: BTreeSet<u64>,
}

impl Distinct {
    /// What is known at this level: values that are not of it are left out.
    pub fn new(level: u32, values: impl IntoIterator<Item = u64>) -> Self {
        let mut all = Self { level: level.min(63), values: BTreeSet::new() };
        all.values.extend(values.into_iter().filter(|value| stays(*value, level)));
        all
    }

    /// How many last bits of a value have to be 0.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Which values are known.
    pub fn values(&self) -> &BTreeSet<u64> {
        &self.values
    }

    /// Whether this value would change anything.
    pub fn lacks(&self, value: u64) -> bool {
        stays(value, self.level) && !self.values.contains(&value)
    }

    /// These and those.
    pub fn merge(&mut self, other: &Self) {
        self.raise(other.level);
        self.values.extend(other.values.iter().copied().filter(|value| stays(*value, self.level)));
    }

    /// The same with at most so many values.
    #[must_use]
    pub fn within(mut self, most: usize) -> Self {
        while self.values.len() > most && self.level < 63 {
            self.raise(self.level + 1);
        }
        self
    }

    /// How many there were, and whether that is exact.
    pub fn estimate(&self) -> (u64, bool) {
        let known = u64::try_from(self.values.len()).unwrap_or(u64::MAX);
        (known.saturating_mul(1 << self.level), self.level == 0)
    }

    fn raise(&mut self, level: u32) {
        if level > self.level {
            self.level = level;
            self.values.retain(|value| stays(*value, level));
        }
    }
}

fn stays(value: u64, level: u32) -> bool {
    value.trailing_zeros() >= level
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a good hash makes of a number (<https://prng.di.unimi.it/splitmix64.c>).
    fn hash(number: u64) -> u64 {
        let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// As an hour's items do it: by shard, each within its bounds, and then put together.
    fn sharded(numbers: impl Iterator<Item = u64>) -> Distinct {
        let mut shards = vec![Distinct::default(); 16];
        for value in numbers.map(hash) {
            let shard = &mut shards[usize::try_from(shard_of(value)).unwrap()];
            shard.merge(&Distinct::new(0, [value]));
            *shard = std::mem::take(shard).within(SHARD_HOLDS);
        }
        let mut all = Distinct::default();
        for shard in &shards {
            all.merge(shard);
        }
        all.within(EXACT_UP_TO)
    }

    #[test]
    fn ten_thousand_are_counted_exactly_and_more_within_a_few_percent() {
        for count in [0, 1, 625, 9_999, 10_000] {
            assert_eq!(sharded((0..count).chain(0..count / 2)).estimate(), (count, true));
        }
        for count in [10_001, 15_000, 40_000, 100_000, 300_000] {
            let (estimate, is_exact) = sharded(0..count).estimate();
            let off = estimate.abs_diff(count) * 1000 / count;
            assert!(!is_exact && off <= 42, "{count}: {estimate}, three standard deviations are 4.2 %");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_order_and_how_often_parts_are_put_together(
            parts in prop::collection::vec(prop::collection::vec(0_u64..500, 0..200), 1..6), most in 20_usize..100,
        ) {
            let made = |numbers: &Vec<u64>| Distinct::new(0, numbers.iter().map(|one| hash(*one))).within(most);
            let together = |parts: Vec<&Vec<u64>>| {
                let mut all = Distinct::default();
                for part in parts {
                    all.merge(&made(part));
                }
                all.within(most)
            };
            let at_once: Vec<u64> = parts.concat();
            let there = together(parts.iter().collect());
            prop_assert_eq!(&there, &together(parts.iter().rev().chain(parts.iter()).collect()));
            prop_assert_eq!(&there, &made(&at_once));
        }
    }
}
