//! Whole events to the functions that no person calls: what a queue, the stream, a schedule or a rotation may
//! hold.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};

use bolero::check;
use local::InvokeError;
use serde_json::{Value, json};

use crate::mutation::{Change, mutated};
use crate::world::{World, samples};

/// The functions that have a target here.
pub(crate) const FUNCTIONS: &[&str] = &[
    "cron-account-erasure",
    "cron-audit-anchors",
    "cron-domains",
    "cron-reconcile",
    "cron-trial-expiry",
    "cron-usage-rollup",
    "operator",
    "queue-audit",
    "queue-export",
    "queue-mail",
    "queue-mail-feedback",
    "queue-member-copies",
    "queue-push-delivery",
    "queue-push-fanout",
    "queue-seats",
    "rotate-secret",
    "stream-outbox",
];

const WORDS: &[&str] = &[
    "organization.created",
    "trial.ending",
    "magic_link.requested",
    "org_01kar8h5g0e0vsx4q1v3f6m2ah",
    "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
    "ada@example.com",
    "2026-12-07T10:00:00Z",
    "INSERT",
    "AWSPENDING",
    "finishSecret",
];

/// Every answer to a mutated event is one that the source understands: no panic, no time-out, and only
/// identifiers that it gave.
fn every_event_is_answered(function: &str, records: &str, identifier: &str) {
    let world = World::start();
    let samples = samples(function);
    let number = AtomicU32::new(0);
    let answer = AssertUnwindSafe(|event: Value| {
        let given: BTreeSet<String> = event[records]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|record| Some(record.pointer(identifier)?.as_str()?.to_owned()))
            .collect();
        let event_text = event.to_string();
        match world.invoke(function, event) {
            Ok(answer) => {
                for failure in answer["batchItemFailures"].as_array().into_iter().flatten() {
                    let id = failure["itemIdentifier"].as_str().unwrap();
                    assert!(
                        given.contains(id),
                        "{function} names {id}, which it was not given: {event_text}"
                    );
                }
            }
            Err(InvokeError::Failed(problem)) => assert!(!problem.is_empty()),
            Err(other) => panic!("{function}: {other}: {event_text}"),
        }
    });
    check!().with_type::<(u8, Vec<Change>)>().for_each(|(which, changes)| {
        let sample = &samples[usize::from(*which) % samples.len()];
        // An event that was worked on already is passed over, so each has an id of its own.
        let fresh = format!("evt_01kar8h5g0{:016}", number.fetch_add(1, Ordering::Relaxed));
        let sample: Value =
            serde_json::from_str(&sample.to_string().replace("evt_01kar8h5g0e0vsx4q1v3f6m2ah", &fresh))
                .unwrap();
        answer(changed(&sample, records, changes));
    });
}

/// The event with changes where outsiders decide: in the body of a message, or in the row. The rest of a
/// record is the service's own form.
fn changed(sample: &Value, records: &str, changes: &[Change]) -> Value {
    let Some(all) = sample[records].as_array() else { return mutated(sample, WORDS, changes) };
    let mut event = sample.clone();
    event[records] = all
        .iter()
        .map(|record| {
            let mut record = record.clone();
            let place = if record["body"].is_string() { "/body" } else { "/dynamodb/NewImage/envelope/S" };
            if let Some(text) = record.pointer_mut(place) {
                // A text stays one: the services carry nothing else there.
                *text = match mutated(text, WORDS, changes) {
                    Value::String(text) => json!(text),
                    other => json!(other.to_string()),
                };
            }
            record
        })
        .collect();
    event
}

#[test]
fn queue_mail() {
    every_event_is_answered("queue-mail", "Records", "/messageId");
}

#[test]
fn queue_push_fanout() {
    every_event_is_answered("queue-push-fanout", "Records", "/messageId");
}

#[test]
fn queue_push_delivery() {
    every_event_is_answered("queue-push-delivery", "Records", "/messageId");
}

#[test]
fn stream_outbox() {
    every_event_is_answered("stream-outbox", "Records", "/dynamodb/SequenceNumber");
}

#[test]
fn cron_account_erasure() {
    every_event_is_answered("cron-account-erasure", "Records", "/");
}

#[test]
fn cron_trial_expiry() {
    every_event_is_answered("cron-trial-expiry", "Records", "/");
}

#[test]
fn operator() {
    every_event_is_answered("operator", "Records", "/");
}

#[test]
fn rotate_secret() {
    every_event_is_answered("rotate-secret", "Records", "/");
}

#[test]
fn queue_mail_feedback() {
    every_event_is_answered("queue-mail-feedback", "Records", "/messageId");
}

#[test]
fn queue_audit() {
    every_event_is_answered("queue-audit", "Records", "/messageId");
}

#[test]
fn queue_member_copies() {
    every_event_is_answered("queue-member-copies", "Records", "/messageId");
}

#[test]
fn cron_domains() {
    every_event_is_answered("cron-domains", "Records", "/");
}

#[test]
fn queue_export() {
    every_event_is_answered("queue-export", "Records", "/messageId");
}

#[test]
fn cron_audit_anchors() {
    every_event_is_answered("cron-audit-anchors", "Records", "/");
}

#[test]
fn cron_usage_rollup() {
    every_event_is_answered("cron-usage-rollup", "Records", "/");
}

#[test]
fn queue_seats() {
    every_event_is_answered("queue-seats", "Records", "/messageId");
}

#[test]
fn cron_reconcile() {
    every_event_is_answered("cron-reconcile", "Records", "/");
}
