use primitives::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Aggregation, Distinct, Meter};

/// What a meter counted in a span of time. Parts are put together in any order; how many different values
/// there were is the one thing that has to be counted anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How many events.
    pub count: u64,
    /// Their values together.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub sum: u64,
    /// The largest of their values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Latest>,
    /// How many different texts they named, and whether that is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<(u64, bool)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_nought(number: &u64) -> bool {
    *number == 0
}

/// A value that counts until a later one comes. Of two of the same moment that counts whose event's hash
/// stands behind the other's: whoever counts, in whatever order, finds the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Latest {
    /// When.
    pub at: Timestamp,
    /// The event, by its hash.
    pub event: String,
    /// How much.
    pub value: u64,
}

impl Latest {
    /// As it is stored, so that text order is the order of these.
    pub fn written(&self) -> String {
        format!("{:020} {} {}", self.at.as_millisecond(), self.event, self.value)
    }

    /// Reads what was stored.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let at = Timestamp::from_millisecond(parts.next()?.parse().ok()?).ok()?;
        let (event, value) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        Some(Self { at, event, value })
    }
}

impl Counted {
    /// One event of this meter.
    pub fn one(meter: &Meter, value: u64, (at, event): (Timestamp, &str)) -> Self {
        let mut counted = Self { count: 1, ..Self::default() };
        match meter.aggregation {
            Aggregation::Count => {}
            Aggregation::Sum => counted.sum = value,
            Aggregation::Max => counted.max = Some(value),
            Aggregation::Latest => {
                // as exact as it is stored
                let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
                counted.latest = Some(Latest { at, event: event.to_owned(), value });
            }
            Aggregation::Unique => counted.unique = Some((1, true)),
        }
        counted
    }

    /// This and that, but for different values, which are counted by [`Counted::naming`].
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
        if other.latest > self.latest {
            self.latest.clone_from(&other.latest);
        }
        self.unique = None;
    }

    /// The same with so many different values.
    #[must_use]
    pub fn naming(mut self, distinct: &Distinct) -> Self {
        self.unique = Some(distinct.estimate());
        self
    }

    /// What the meter shows, and whether it is exact.
    pub fn shown(&self, meter: &Meter) -> (u64, bool) {
        match meter.aggregation {
            Aggregation::Count => (self.count, true),
            Aggregation::Sum => (self.sum, true),
            Aggregation::Max => (self.max.unwrap_or_default(), true),
            Aggregation::Latest => (self.latest.as_ref().map_or(0, |latest| latest.value), true),
            Aggregation::Unique => self.unique.unwrap_or((0, true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meters() -> impl Strategy<Value = &'static Meter> {
        prop::sample::select(crate::METERS).prop_map(|meter| Meter::named(meter.name).unwrap())
    }

    proptest! {
        #[test]
        fn parts_add_up_in_any_order_to_what_the_events_say(
            meter in meters(), split in 0_usize..30, seed in any::<u64>(),
            events in prop::collection::vec((0_u64..1000, 0_i64..50), 1..30),
        ) {
            let ones: Vec<Counted> = events.iter().enumerate().map(|(number, (value, second))| {
                let hash = format!("{:016x}", seed.rotate_left(u32::try_from(number).unwrap()));
                Counted::one(meter, *value, (Timestamp::from_second(*second).unwrap(), &hash))
            }).collect();
            let fold = |ones: &mut dyn Iterator<Item = &Counted>| {
                let mut all = Counted::default();
                for one in ones {
                    all.merge(one);
                }
                all
            };
            let whole = fold(&mut ones.iter());
            let (left, right) = ones.split_at(split.min(ones.len()));
            let parts = [fold(&mut right.iter().rev()), fold(&mut left.iter())];
            prop_assert_eq!(&fold(&mut parts.iter()), &whole);
            let values = || events.iter().map(|(value, _)| *value);
            match meter.aggregation {
                Aggregation::Count => prop_assert_eq!(whole.shown(meter).0, u64::try_from(events.len()).unwrap()),
                Aggregation::Sum => prop_assert_eq!(whole.shown(meter).0, values().sum::<u64>()),
                Aggregation::Max => prop_assert_eq!(Some(whole.shown(meter).0), values().max()),
                Aggregation::Latest => {
                    let last = events.iter().map(|(_, second)| *second).max().unwrap();
                    let shown = whole.shown(meter).0;
                    prop_assert!(events.iter().any(|(value, second)| *second == last && *value == shown));
                }
                Aggregation::Unique => {}
            }
            if let Some(latest) = &whole.latest {
                prop_assert_eq!(&Latest::read(&latest.written()), &whole.latest);
            }
        }
    }
}
