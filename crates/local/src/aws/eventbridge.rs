//! EventBridge: `PutEvents`.

use serde_json::{Value, json};

use super::{Answer, ServiceError, text};
use crate::engine::{Engine, PutEntry};

/// Most entries in a request.
const ENTRY_LIMIT: usize = 10;
/// Largest request, all entries together.
const SIZE_LIMIT: usize = 1024 * 1024;

/// Answers one operation.
pub(super) fn call(engine: &Engine, operation: &str, request: &Value) -> Answer {
    match operation {
        "PutEvents" => put_events(engine, request),
        operation => Err(ServiceError::unknown_operation(operation)),
    }
}

fn put_events(engine: &Engine, request: &Value) -> Answer {
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() || entries.len() > ENTRY_LIMIT {
        return Err(ServiceError::sender(
            "ValidationException",
            format!(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and {ENTRY_LIMIT}"
            ),
        ));
    }
    if entries.iter().map(size).sum::<usize>() > SIZE_LIMIT {
        return Err(ServiceError::sender(
            "ValidationException",
            "Total size of the entries in the request is over the limit.",
        ));
    }
    let mut failed = 0;
    let results: Vec<Value> = entries
        .iter()
        .map(|entry| match engine.put_event(read_entry(entry)) {
            Ok(id) => json!({ "EventId": id }),
            Err(error) => {
                failed += 1;
                json!({ "ErrorCode": error.code, "ErrorMessage": error.message })
            }
        })
        .collect();
    Ok(json!({ "FailedEntryCount": failed, "Entries": results }))
}

fn read_entry(entry: &Value) -> PutEntry {
    let bus = text(entry, "EventBusName");
    let time = entry["Time"].as_f64().and_then(|seconds| {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of any real date fit")]
        jiff::Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok()
    });
    PutEntry {
        bus: if bus.is_empty() { "default".to_owned() } else { bus.to_owned() },
        source: text(entry, "Source").to_owned(),
        detail_type: text(entry, "DetailType").to_owned(),
        detail: text(entry, "Detail").to_owned(),
        resources: entry["Resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|resource| resource.as_str().map(str::to_owned))
            .collect(),
        time,
    }
}

/// Size of an entry by EventBridge's rule: 14 bytes for a time, and the UTF-8 bytes of the rest.
fn size(entry: &Value) -> usize {
    let time = if entry["Time"].is_null() { 0 } else { 14 };
    let resources: usize =
        entry["Resources"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::len).sum();
    time + text(entry, "Source").len()
        + text(entry, "DetailType").len()
        + text(entry, "Detail").len()
        + resources
}
