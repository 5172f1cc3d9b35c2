//! A usage event as `CloudEvents` 1.0 writes it
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>), read here: the
//! form is a flat object, of which the SDK checks less than has to be checked.

use aws_lc_rs::digest::{SHA256, digest};
use primitives::{FieldCode, SignedDuration, Timestamp};
use serde_json::{Map, Value};
use usage_ledger::{Aggregation, Dedupe, Meter};

/// How many events one request may report.
pub const MOST_AT_ONCE: usize = 100;
/// An event that happened longer ago is not counted any more.
const LATE: SignedDuration = SignedDuration::from_hours(48);
/// By how much the reporter's clock may be ahead.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// The largest value: numbers stay exact in every program that reads JSON, and sums do not run over.
const LARGEST: u64 = 10_000_000_000;
const LONGEST_ID: usize = 256;
const LONGEST_SOURCE: usize = 1024;

/// A usage event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    pub(crate) meter: &'static Meter,
    pub(crate) time: Timestamp,
    pub(crate) subject: Option<String>,
    /// Its value; of one that names a text, 64 bits of the text's hash.
    pub(crate) value: u64,
    pub(crate) text: Option<String>,
    /// What it is known again by: the hash of its source and its id.
    pub(crate) hash: String,
}

/// Why an event is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For machines.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl Refusal {
    fn new(code: FieldCode, detail: impl Into<String>) -> Self {
        Self { code: code.as_str(), detail: detail.into() }
    }
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(FieldCode::InvalidEvent, detail)
}

/// The hash of parts that may hold anything: their lengths keep them apart.
pub(crate) fn hash_of(parts: &[&str]) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    hex::encode(&digest(&SHA256, &bytes).as_ref()[..16])
}

fn number_of(text: &str) -> u64 {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads an event that came at this time.
pub fn read(event: &Value, now: Timestamp) -> Result<Reported, Refusal> {
    let Value::Object(event) = event else { return Err(invalid("an event is an object")) };
    let text = |name: &str| match event.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        Some(_) => Err(invalid(format!("{name} has to be a text that is not empty"))),
    };
    let needed = |name: &str| text(name)?.ok_or_else(|| invalid(format!("it has no {name}")));
    if needed("specversion")? != "1.0" {
        return Err(invalid("specversion has to be 1.0"));
    }
    let (source, id, name) = (needed("source")?, needed("id")?, needed("type")?);
    if source.len() > LONGEST_SOURCE || id.len() > LONGEST_ID {
        return Err(invalid(format!("source has at most {LONGEST_SOURCE} bytes, and id {LONGEST_ID}")));
    }
    let subject = text("subject")?;
    if subject.is_some_and(|subject| subject.len() > LONGEST_ID) {
        return Err(invalid(format!("subject has at most {LONGEST_ID} bytes")));
    }
    if let Some(kind) = text("datacontenttype")?.filter(|kind| !is_json(kind)) {
        return Err(invalid(format!("datacontenttype {kind:?} is none of JSON's")));
    }
    let meter = Meter::named(name);
    let meter = meter.ok_or_else(|| Refusal::new(FieldCode::UnknownMeter, "type names no meter"))?;
    let time = match text("time")? {
        Some(time) => time.parse().map_err(|_| invalid("time has to be a moment as RFC 3339 writes it"))?,
        None if meter.dedupe == Dedupe::Packed => {
            return Err(invalid("events of this meter are known again by their time too: say it"));
        }
        None => now,
    };
    if time > now + EARLY {
        return Err(invalid("time is ahead of ours by more than five minutes"));
    }
    if time < now - LATE {
        return Err(Refusal::new(FieldCode::TooLate, "it happened more than 48 hours ago"));
    }
    let (value, named) = measured(meter, event)?;
    Ok(Reported {
        meter,
        time,
        subject: subject.map(str::to_owned),
        value,
        text: named.map(str::to_owned),
        hash: hash_of(&[source, id]),
    })
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

/// The value, and the text that it stands for where the meter counts texts.
fn measured<'a>(meter: &Meter, event: &'a Map<String, Value>) -> Result<(u64, Option<&'a str>), Refusal> {
    if event.contains_key("data_base64") {
        return Err(invalid("data has to be JSON"));
    }
    let data = event.get("data");
    let value = match (data, meter.aggregation) {
        (None | Some(Value::Null | Value::Object(_)), Aggregation::Count) => return Ok((1, None)),
        (Some(Value::Object(data)), _) => data.get("value"),
        _ => return Err(invalid("data has to be an object with a value")),
    };
    match (value, meter.aggregation) {
        (Some(Value::String(text)), Aggregation::Unique) if (1..=LONGEST_ID).contains(&text.len()) => {
            Ok((number_of(text), Some(text)))
        }
        (_, Aggregation::Unique) => {
            Err(invalid(format!("data.value has to be a text of 1 to {LONGEST_ID} bytes")))
        }
        (value, _) => match value.and_then(whole) {
            Some(value) if value <= LARGEST => Ok((value, None)),
            _ => Err(invalid(format!("data.value has to be a whole number from 0 to {LARGEST}"))),
        },
    }
}

/// A whole number as JSON has them: `142.0` is 142.
fn whole(value: &Value) -> Option<u64> {
    primitives::json::whole(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-28T10:00:00Z".parse().unwrap()
    }

    fn refused(changes: &Value) -> &'static str {
        let mut event = json!({
            "specversion": "1.0", "id": "1", "source": "/app", "type": "ai_tokens",
            "time": "2026-11-28T09:00:00Z", "data": { "value": 7 },
        });
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        read(&event, now()).map_or_else(|refusal| refusal.code, |_| "")
    }

    #[test]
    fn what_is_no_event_is_refused_and_said() {
        for (changes, code) in [
            (json!({}), ""),
            (
                json!({ "time": null, "subject": "s", "datacontenttype": "application/json", "anything": 1 }),
                "",
            ),
            (json!({ "type": "api_calls", "data": null }), ""),
            (json!({ "type": "active_users", "data": { "value": "u" } }), ""),
            (json!({ "time": "2026-11-26T10:00:00Z" }), ""),
            (json!({ "time": "2026-11-26T09:59:59Z" }), "too_late"),
            (json!({ "time": "2026-11-28T10:05:01Z" }), "invalid_event"),
            (json!({ "time": "yesterday" }), "invalid_event"),
            (json!({ "type": "wishes" }), "unknown_meter"),
            (json!({ "specversion": "0.3" }), "invalid_event"),
            (json!({ "id": "" }), "invalid_event"),
            (json!({ "id": 7 }), "invalid_event"),
            (json!({ "source": null }), "invalid_event"),
            (json!({ "id": "x".repeat(257) }), "invalid_event"),
            (json!({ "data": { "value": -1 } }), "invalid_event"),
            (json!({ "data": { "value": 1.5 } }), "invalid_event"),
            (json!({ "data": { "value": 10_000_000_001_u64 } }), "invalid_event"),
            (json!({ "data": 7 }), "invalid_event"),
            (json!({ "data_base64": "Nw==" }), "invalid_event"),
            (json!({ "datacontenttype": "text/xml" }), "invalid_event"),
            (json!({ "type": "active_users" }), "invalid_event"),
            (json!({ "type": "edge_requests", "time": null }), "invalid_event"),
        ] {
            assert_eq!(refused(&changes), code, "{changes}");
        }
        assert_eq!(read(&json!([]), now()).unwrap_err().code, "invalid_event");
    }

    #[test]
    fn source_and_id_are_not_mixed_up() {
        assert_ne!(hash_of(&["a", "bc"]), hash_of(&["ab", "c"]));
        assert_ne!(hash_of(&["a", ""]), hash_of(&["", "a"]));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(name in "[a-z_]{0,12}", text in "\\PC{0,40}", number in any::<i64>()) {
            let event = json!({ "specversion": "1.0", "id": text, "source": text, "type": name, "time": text,
                "data": { "value": number } });
            drop(read(&event, now()));
        }
    }
}
