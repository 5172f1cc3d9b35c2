//! What is counted: the one table of it. Whoever builds a product on this changes it here.

use serde::{Deserialize, Serialize};

/// What an organization's use is counted by.
pub const METERS: &[Meter] = &[
    Meter { stripe_event: Some("api_calls"), ..meter("api_calls", "API calls", "calls", Aggregation::Count) },
    Meter {
        stripe_event: Some("ai_tokens"),
        ..meter("ai_tokens", "Model tokens", "tokens", Aggregation::Sum)
    },
    meter("storage", "Largest storage", "bytes", Aggregation::Max),
    meter("projects", "Projects", "projects", Aggregation::Latest),
    meter("active_users", "Active users", "users", Aggregation::Unique),
    Meter {
        dedupe: Dedupe::Packed,
        ..meter("edge_requests", "Requests at the edge", "requests", Aggregation::Sum)
    },
];

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its name in the API: the `type` of its events.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What one is.
    pub unit: &'static str,
    /// What becomes of the values of a span of time.
    pub aggregation: Aggregation,
    /// What tells that an event was counted before.
    pub dedupe: Dedupe,
    /// What Stripe's meter calls its events, where what is used is paid for.
    pub stripe_event: Option<&'static str>,
}

/// What becomes of the values of a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// How many events there were.
    Count,
    /// Their values together.
    Sum,
    /// The largest of their values.
    Max,
    /// The value of the last of them.
    Latest,
    /// How many different texts they named.
    Unique,
}

/// What tells that an event was counted before, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dedupe {
    /// The same source and id within 32 days: two write units an event.
    Strict,
    /// The same source, id and time: events of one second share an item, which costs a write unit or less
    /// an event where there are many. For more than about a hundred events a second.
    Packed,
}

const fn meter(
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    aggregation: Aggregation,
) -> Meter {
    Meter { name, title, unit, aggregation, dedupe: Dedupe::Strict, stripe_event: None }
}

impl Meter {
    /// The meter of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        METERS.iter().find(|meter| meter.name == name)
    }

    /// Whether what two spans have used is what both have used together: only then can there be a limit.
    pub fn adds_up(&self) -> bool {
        matches!(self.aggregation, Aggregation::Count | Aggregation::Sum)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_makes_sense() {
        let names: BTreeSet<_> = METERS.iter().map(|meter| meter.name).collect();
        assert_eq!(names.len(), METERS.len(), "a name stands for one meter");
        for meter in METERS {
            assert_eq!(Meter::named(meter.name), Some(meter));
            let is_word = meter.name.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_');
            assert!(is_word && !meter.unit.is_empty() && !meter.title.is_empty(), "{meter:?}");
            assert!(
                meter.dedupe == Dedupe::Strict || meter.adds_up(),
                "a second holds sums alone: {meter:?}"
            );
            assert!(meter.stripe_event.is_none() || meter.adds_up(), "Stripe adds up: {meter:?}");
        }
    }
}
