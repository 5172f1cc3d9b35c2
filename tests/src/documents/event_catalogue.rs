//! `docs/events.md` and `events/schemas/`.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use events::{Envelope, EventKind, Reach};
use serde_json::{Value, json};

use super::{Document, contract};
use crate::{
    domains,
    template::{Template, target},
};

/// One JSON Schema for the envelope, and one for the data of each event.
pub(super) fn schemas(folder: &Path) -> Vec<Document> {
    let envelope = ("envelope".to_owned(), schemars::schema_for!(Envelope));
    let all = domains::events().into_iter().flat_map(|(_, events)| events);
    let data = all.map(|event| (format!("{}.v{}", event.name, event.version), (event.schema)()));
    std::iter::once(envelope)
        .chain(data)
        .map(|(name, schema)| document(folder, &name, &json!(schema)))
        .collect()
}

fn document(folder: &Path, name: &str, schema: &Value) -> Document {
    let path: PathBuf = folder.join(format!("{name}.json"));
    Document { path, text: format!("{:#}\n", contract::sorted(schema)) }
}

/// The page that lists the events for people.
pub(super) fn page() -> String {
    let consumers = consumers();
    let mut page = String::from(INTRODUCTION);
    for (domain, events) in domains::events() {
        writeln!(page, "\n## {domain}").expect("a string takes all text");
        for event in events {
            let consumed = consumers.iter().filter(|(name, _)| name == event.name);
            let by: Vec<&str> = consumed.map(|(_, function)| function.as_str()).collect();
            section(&mut page, event, &by);
        }
    }
    page
}

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from the `events.rs` of each domain's crate and the templates; do not edit. -->

# Events

Each change writes its event in the same transaction as the change itself. The event then goes from the table's stream to
the event bus, and from there to a queue for each consumer. An event may be delivered twice and out of order: `id` tells a
repeated delivery, `sequence` the order of what happened to one aggregate, also of several events of one change.

On the bus, `source` is `gantry`, `detail-type` the event's name, and `detail` the envelope
([schema](../events/schemas/envelope.json)):

| field | |
|---|---|
| `id` | `evt_…`, unique |
| `type`, `version` | the name below, and the version of `data` |
| `time` | when it happened, RFC 3339 |
| `org_id` | the tenant, or null for what concerns a person alone |
| `aggregate` | whose history it belongs to: `type` and `id` |
| `sequence` | the event's place in the aggregate's history: greater than that of every event before it, with gaps (the aggregate's version, times 100, and the place within the change) |
| `correlation_id` | the request that caused it |
| `actor` | who caused it: `type` (`user`, `staff`, `system`, `stripe` or `anonymous`) and `id`, which is null of the last two |
| `data` | what is described below |

A **public** event may be sent to customers' endpoints. An internal one is for our own workers, mails to the person
and the audit log, and never leaves.
";

fn section(page: &mut String, event: &EventKind, consumers: &[&str]) {
    let EventKind { name, version, summary, reach, .. } = event;
    let reach = match reach {
        Reach::Public => "**Public**",
        Reach::Internal => "Internal",
    };
    let schema = contract::sorted(&json!((event.schema)()));
    let told = if consumers.is_empty() { "nobody yet".to_owned() } else { consumers.join(", ") };
    let mut text = format!(
        "\n### `{name}`\n\n{}\n\n{reach}, version {version} ([schema](../events/schemas/{name}.v{version}.json)). Consumed by: {told}.\n\n",
        summary.trim()
    );
    let fields = schema["properties"].as_object();
    if fields.is_some_and(|fields| !fields.is_empty()) {
        text.push_str("| `data` | example | |\n|---|---|---|\n");
    }
    let example = contract::sorted(&(event.example)());
    for (field, shape) in fields.into_iter().flatten() {
        let meaning = shape["description"].as_str().unwrap_or_default().replace('\n', " ");
        // Writing into a string cannot fail.
        writeln!(text, "| `{field}` | `{}` | {meaning} |", example[field]).expect("a string takes all text");
    }
    page.push_str(&text);
}

/// Event name and consuming function, from the template's rules and queues.
fn consumers() -> Vec<(String, String)> {
    let template = Template::of_repository();
    let mut consumers = Vec::new();
    for rule in template.of_type("AWS::Events::Rule") {
        let queues: Vec<&str> = rule
            .property("Targets")
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|to| target(&to["Arn"]))
            .collect();
        let functions: Vec<&str> = template
            .functions()
            .filter(|function| {
                function.events().any(|(_, _, mapping)| {
                    target(&mapping["Queue"]).is_some_and(|queue| queues.contains(&queue))
                })
            })
            .map(|function| function.name())
            .collect();
        for name in rule.property("EventPattern")["detail-type"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            consumers.extend(functions.iter().map(|function| (name.to_owned(), (*function).to_owned())));
        }
    }
    consumers.sort();
    consumers
}
