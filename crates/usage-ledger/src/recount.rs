//! The proof that the counters say what the events add up to.

use std::collections::BTreeMap;

use primitives::Timestamp;
use serde_json::{Map, Value};

use crate::{Counted, Distinct, EXACT_UP_TO, Latest, METERS, Meter};

/// What was used, by partition of an organization's hour and by meter.
type Tallies = BTreeMap<(String, String), (Counted, Distinct)>;

/// Events and counters as they are stored, in any order: both sides of the proof.
#[derive(Debug, Default)]
pub struct Ledger {
    by_events: Tallies,
    by_counters: Tallies,
    events: u64,
}

/// What became of a proof.
#[derive(Debug, PartialEq, Eq)]
pub struct Recount {
    /// How many events there were.
    pub events: u64,
    /// How many counts were compared: one of each meter and hour.
    pub compared: usize,
    /// Where the two sides differ.
    pub differences: Vec<Difference>,
}

/// A count that is not what the events add up to.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose hour: the end of the partition's key.
    pub hour: String,
    /// Which meter.
    pub meter: String,
    /// What the events add up to.
    pub events: Counted,
    /// What the counters say.
    pub counters: Counted,
}

/// An item that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("an item of the kind {kind} cannot be read: it has no {lacks}")]
pub struct Unreadable {
    kind: String,
    lacks: &'static str,
}

impl Ledger {
    /// Takes an item up, as JSON with its keys. What is about something else is passed over.
    pub fn take(&mut self, item: &Map<String, Value>) -> Result<(), Unreadable> {
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        let kind = text("kind").unwrap_or_default();
        let lacks = |lacks| Unreadable { kind: kind.to_owned(), lacks };
        let hour = || text("pk").and_then(|pk| pk.split_once('#')).map(|(_, hour)| hour.to_owned());
        match kind {
            "usage_event" => {
                let meter = text("meter").and_then(Meter::named).ok_or(lacks("meter"))?;
                let value = item.get("value").and_then(Value::as_u64).ok_or(lacks("value"))?;
                let at: Timestamp = text("time").and_then(|at| at.parse().ok()).ok_or(lacks("time"))?;
                let org = text("pk").and_then(|pk| pk.split('#').nth(1)).ok_or(lacks("pk"))?;
                let hour = format!("{org}#{}", text("hour").ok_or(lacks("hour"))?);
                let one = Counted::one(meter, value, (at, text("hash").ok_or(lacks("hash"))?));
                self.events += 1;
                let values = one.unique.map(|_| value);
                add(&mut self.by_events, (hour, meter.name.to_owned()), &one, values);
            }
            "usage_slice" => {
                let sk = text("sk").ok_or(lacks("sk"))?;
                let meter = sk.split('#').nth(1).and_then(Meter::named).ok_or(lacks("meter"))?;
                // both sides at once: the item is the events and the counter
                for one in slice(item, meter) {
                    self.events += 1;
                    let key = (hour().ok_or(lacks("pk"))?, meter.name.to_owned());
                    add(&mut self.by_events, key.clone(), &one, None);
                    add(&mut self.by_counters, key, &one, None);
                }
            }
            "usage_count" => {
                for (meter, counted) in counts(item) {
                    let key = (hour().ok_or(lacks("pk"))?, meter.name.to_owned());
                    add(&mut self.by_counters, key, &counted, None);
                }
            }
            "usage_values" => {
                let sk = text("sk").ok_or(lacks("sk"))?;
                let meter = sk.split('#').nth(1).and_then(Meter::named).ok_or(lacks("meter"))?;
                let key = (hour().ok_or(lacks("pk"))?, meter.name.to_owned());
                self.by_counters.entry(key).or_default().1.merge(&values(item));
            }
            _ => {}
        }
        Ok(())
    }

    /// Compares the two sides.
    pub fn compare(self) -> Recount {
        let keys: std::collections::BTreeSet<_> =
            self.by_events.keys().chain(self.by_counters.keys()).cloned().collect();
        let compared = keys.len();
        let side = |tallies: &Tallies, key: &(String, String)| {
            let Some((counted, distinct)) = tallies.get(key) else { return Counted::default() };
            let distinct = distinct.clone().within(EXACT_UP_TO);
            let is_unique = !distinct.values().is_empty();
            if is_unique { counted.clone().naming(&distinct) } else { counted.clone() }
        };
        let differs = |key: (String, String)| {
            let (events, counters) = (side(&self.by_events, &key), side(&self.by_counters, &key));
            let (hour, meter) = key;
            // what is estimated on one side may be exact on the other
            let is_estimate = counters.unique.is_some_and(|(_, is_exact)| !is_exact);
            let same = |left: &Counted, right: &Counted| {
                let without = |side: &Counted| Counted { unique: None, ..side.clone() };
                without(left) == without(right) && (is_estimate || left.unique == right.unique)
            };
            (!same(&events, &counters)).then_some(Difference { hour, meter, events, counters })
        };
        let differences = keys.into_iter().filter_map(differs).collect();
        Recount { events: self.events, compared, differences }
    }
}

fn add(tallies: &mut Tallies, key: (String, String), counted: &Counted, value: Option<u64>) {
    let (all, distinct) = tallies.entry(key).or_default();
    all.merge(counted);
    distinct.merge(&Distinct::new(0, value));
}

/// What one of an hour's counters says of each meter.
pub(crate) fn counts(item: &Map<String, Value>) -> Vec<(&'static Meter, Counted)> {
    let number =
        |what: &str, meter: &Meter| item.get(&format!("{what}.{}", meter.name)).and_then(Value::as_u64);
    let text =
        |what: &str, meter: &Meter| item.get(&format!("{what}.{}", meter.name)).and_then(Value::as_str);
    let counted = |meter: &'static Meter| {
        let count = number("count", meter)?;
        let sum = number("sum", meter).unwrap_or_default();
        let max = text("max", meter).and_then(|max| max.parse().ok());
        let latest = text("latest", meter).and_then(Latest::read);
        Some((meter, Counted { count, sum, max, latest, unique: None }))
    };
    METERS.iter().filter_map(counted).collect()
}

/// The events that one second's item of a meter lists: a number under the hash of each.
pub(crate) fn slice(item: &Map<String, Value>, meter: &Meter) -> Vec<Counted> {
    let at = Timestamp::UNIX_EPOCH;
    let events = item.iter().filter(|(name, _)| name.starts_with("event."));
    events.filter_map(|(name, value)| Some(Counted::one(meter, value.as_u64()?, (at, name)))).collect()
}

/// The different values that one of an hour's items lists.
pub(crate) fn values(item: &Map<String, Value>) -> Distinct {
    let level = item.get("level").and_then(Value::as_u64).and_then(|level| u32::try_from(level).ok());
    let values = item.get("values").and_then(Value::as_array).into_iter().flatten();
    Distinct::new(level.unwrap_or_default(), values.filter_map(Value::as_u64))
}

impl Counted {
    /// What one of an hour's counters says of each meter, as it is stored.
    pub fn of_counter(item: &Map<String, Value>) -> Vec<(&'static Meter, Self)> {
        counts(item)
    }

    /// What the events that share an item add up to.
    pub fn of_slice(item: &Map<String, Value>, meter: &Meter) -> Self {
        let mut all = Self::default();
        for one in slice(item, meter) {
            all.merge(&one);
        }
        all
    }
}

impl Distinct {
    /// The different values that one of an hour's items lists, as it is stored.
    pub fn of_item(item: &Map<String, Value>) -> Self {
        values(item)
    }
}
