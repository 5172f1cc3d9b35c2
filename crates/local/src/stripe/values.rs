//! What is done to JSON.

use std::sync::LazyLock;

use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

/// Periods after which nothing renews any more: days of a century.
const LONGEST: i64 = 36_525;

/// The fields of Stripe's objects, as in the fixtures that Stripe publishes with its `OpenAPI` description.
static TEMPLATES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("templates.json")).unwrap_or_default());

pub(super) fn template(kind: &str) -> Value {
    TEMPLATES[kind].clone()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// The members of a list, as Stripe writes one inside an object, or of an array.
pub(super) fn members(value: &Value) -> &[Value] {
    value.get("data").unwrap_or(value).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Writes `changes` over `value`, objects member by member. Metadata loses the members that are empty.
pub(super) fn merge(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(own), Value::Object(changes)) => {
            for (name, change) in changes {
                let slot = own.entry(name.clone()).or_insert(Value::Null);
                if name == "metadata" {
                    merge_metadata(slot, change);
                } else {
                    merge(slot, change);
                }
            }
        }
        (slot, change) => *slot = change,
    }
}

fn merge_metadata(own: &mut Value, change: Value) {
    let Value::Object(change) = change else {
        *own = json!({});
        return;
    };
    if !own.is_object() {
        *own = json!({});
    }
    for (name, value) in change {
        match value.as_str() {
            None | Some("") => drop(own.as_object_mut().and_then(|own| own.remove(&name))),
            Some(_) => own[name] = value,
        }
    }
}

/// What the members of `now` were before, where they are others.
pub(super) fn difference(was: &Value, now: &Value) -> Value {
    let mut previous = Map::new();
    for (name, value) in now.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('_')) {
        let old = &was[name];
        if old != value {
            let both = old.is_object() && value.is_object() && name != "items" && name != "lines";
            previous.insert(name.clone(), if both { difference(old, value) } else { old.clone() });
        }
    }
    Value::Object(previous)
}

/// The moments of a period are whole steps from its anchor: the first of them after `start`. Months count
/// from the anchor's own day, so that the 31st comes back after February.
pub(super) fn next_period(anchor: i64, recurring: &Value, start: i64) -> i64 {
    let steps = number(&recurring["interval_count"]).max(1);
    let zoned = Timestamp::from_second(anchor).unwrap_or_default().to_zoned(TimeZone::UTC);
    let moment = |step: i64| {
        let span = match recurring["interval"].as_str() {
            Some("day") => Span::new().try_days(step * steps),
            Some("week") => Span::new().try_weeks(step * steps),
            Some("year") => Span::new().try_years(step * steps),
            _ => Span::new().try_months(step * steps),
        };
        let later = span.and_then(|span| zoned.checked_add(span));
        later.map_or(i64::MAX, |later| later.timestamp().as_second())
    };
    (0..=LONGEST).map(moment).find(|end| *end > start).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_come_back_to_their_day() {
        let second = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let monthly = json!({ "interval": "month", "interval_count": 1 });
        let anchor = second("2027-01-31T10:00:00Z");
        let february = next_period(anchor, &monthly, anchor);
        assert_eq!(february, second("2027-02-28T10:00:00Z"));
        assert_eq!(next_period(anchor, &monthly, february), second("2027-03-31T10:00:00Z"));
        let yearly = json!({ "interval": "year", "interval_count": 1 });
        assert_eq!(next_period(anchor, &yearly, anchor), second("2028-01-31T10:00:00Z"));
    }

    #[test]
    fn metadata_loses_what_is_empty_and_keeps_the_rest() {
        let mut customer = json!({ "name": "A", "metadata": { "a": "1", "b": "2" } });
        let was = customer.clone();
        merge(&mut customer, json!({ "metadata": { "a": "", "c": "3" } }));
        assert_eq!(customer, json!({ "name": "A", "metadata": { "b": "2", "c": "3" } }));
        assert_eq!(difference(&was, &customer)["metadata"]["c"], Value::Null);
    }
}
