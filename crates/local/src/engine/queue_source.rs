//! Event source mapping of a queue: polls it, calls the function, deletes what worked.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::log_lines::complaint;
use super::world::Visit;
use super::{Engine, InvokeError, Trigger};
use crate::state::Message;
use crate::template::{QueueSourceSpec, QueueSpec};

impl Engine {
    /// Serves one mapping until the cloud stops.
    pub(crate) async fn poll_queue(self: Arc<Self>, source: QueueSourceSpec) {
        let Some(queue) = self.template.queue_by_arn(&source.queue_arn).cloned() else { return };
        // Without a limit of its own a mapping scales to a thousand calls; the function's
        // reservation holds it back.
        let limit = Arc::new(Semaphore::new(source.maximum_concurrency.unwrap_or(1_000) as usize));
        let source = Arc::new(source);
        loop {
            self.wait_for_message(&queue).await;
            let Ok(slot) = Arc::clone(&limit).acquire_owned().await else { return };
            let Ok(permit) = self.functions.permit(&source.function).await else { return };
            // What is received belongs to this world: a reset waits for it, or drops it.
            let visit = self.world.enter().await;
            let batch = self.receive(&queue, source.batch_size as usize, None, true);
            if batch.is_empty() {
                continue;
            }
            let (engine, queue, source) = (Arc::clone(&self), queue.clone(), Arc::clone(&source));
            self.calls.spawn(async move {
                engine.process(&visit, Batch { queue, source, batch }, permit).await;
                drop(slot);
            });
        }
    }

    /// Returns when there is a message to receive, however it came to be: sent, visible again, or
    /// by a jump of the clock.
    async fn wait_for_message(&self, queue: &QueueSpec) {
        let mut news = self.store.subscribe();
        loop {
            let now = self.clock.now();
            let ready = self.store.read(|state| state.queues.get(&queue.name)?.ready_at(now));
            if ready == Some(now) {
                return;
            }
            let due = async {
                match ready {
                    Some(at) => tokio::time::sleep(self.clock.until(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = news.changed() => if changed.is_err() { std::future::pending().await },
                () = due => {}
            }
        }
    }

    async fn process(&self, visit: &Visit, batch: Batch, permit: OwnedSemaphorePermit) {
        let Batch { queue, source, batch } = batch;
        let (wanted, unwanted): (Vec<Message>, Vec<Message>) = batch.into_iter().partition(|message| {
            source.filters.is_empty() || {
                let record = filter_view(message);
                source.filters.iter().any(|filter| filter.matches(&record))
            }
        });
        let outcome = if wanted.is_empty() {
            drop(permit);
            Outcome::default()
        } else {
            let records: Vec<Value> =
                wanted.iter().map(|message| record(message, &queue, &self.place.region)).collect();
            let event = json!({ "Records": records });
            let trigger = Trigger::Queue(queue.name.clone());
            let answered = self.invoke_in(visit, &source.function, event, trigger, permit).await;
            let ids: BTreeSet<&str> = wanted.iter().map(|message| message.id.as_str()).collect();
            match answered {
                // Nobody failed. The messages are visible again after their time, as when a sandbox
                // is killed.
                Err(InvokeError::CutOff) => return,
                Err(error) => Outcome::all_failed(&ids, &error.to_string()),
                Ok(answered) if source.partial_failures => {
                    Outcome::read(&answered.answer, &ids).because(complaint(&answered.log))
                }
                Ok(_) => Outcome::default(),
            }
        };
        let dead_letters = queue.redrive.as_ref();
        let dead_letters = dead_letters.and_then(|redrive| self.template.queue_by_arn(&redrive.target_arn));
        let now = self.clock.now();
        self.store.change(|state| {
            for message in wanted.iter().chain(&unwanted) {
                let Some(receipt) = &message.receipt else { continue };
                let own = state.queues.entry(queue.name.clone()).or_default();
                if !outcome.failed.contains(&message.id) {
                    own.delete(receipt, now);
                } else if !own.note_failure(message, &outcome.reason)
                    && let Some(dead_letters) =
                        dead_letters.and_then(|queue| state.queues.get_mut(&queue.name))
                {
                    dead_letters.note_failure(message, &outcome.reason);
                }
            }
            state.processing = state.processing.saturating_sub(1);
        });
    }
}

struct Batch {
    queue: QueueSpec,
    source: Arc<QueueSourceSpec>,
    batch: Vec<Message>,
}

/// Which messages of a batch failed, and why.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    failed: BTreeSet<String>,
    reason: String,
}

impl Outcome {
    fn all_failed(ids: &BTreeSet<&str>, reason: &str) -> Self {
        Self { failed: ids.iter().map(ToString::to_string).collect(), reason: reason.to_owned() }
    }

    /// With what the function itself says about it, where it says something.
    fn because(mut self, complaint: Option<String>) -> Self {
        if let Some(complaint) = complaint.filter(|_| !self.failed.is_empty()) {
            self.reason = complaint;
        }
        self
    }

    /// Reads `batchItemFailures` by Lambda's rules: nothing or an empty list is success; an
    /// identifier that is empty, missing or not of this batch, and an answer of another shape, fail
    /// the whole batch.
    fn read(answer: &Value, ids: &BTreeSet<&str>) -> Self {
        let failures = match answer {
            Value::Object(answer) => match answer.get("batchItemFailures") {
                None | Some(Value::Null) => return Self::default(),
                Some(Value::Array(failures)) => failures,
                Some(_) => return Self::all_failed(ids, "batchItemFailures is not a list"),
            },
            _ => return Self::default(),
        };
        let mut failed = BTreeSet::new();
        for failure in failures {
            match failure["itemIdentifier"].as_str() {
                Some(id) if ids.contains(id) => failed.insert(id.to_owned()),
                _ => {
                    return Self::all_failed(
                        ids,
                        "batchItemFailures names a message that is not of the batch",
                    );
                }
            };
        }
        Self { failed, reason: "the function named the message in batchItemFailures".to_owned() }
    }
}

/// A message as Lambda gives it to a function.
fn record(message: &Message, queue: &QueueSpec, region: &str) -> Value {
    let attributes: serde_json::Map<String, Value> = message
        .attributes
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                json!({
                    "stringValue": value["StringValue"], "binaryValue": value["BinaryValue"],
                    "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"],
                }),
            )
        })
        .collect();
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": attributes,
        "md5OfBody": crate::aws::md5_hex(message.body.as_bytes()),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": region,
    })
}

/// What filters look at: the body is parsed when it is JSON.
fn filter_view(message: &Message) -> Value {
    let body = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::String(message.body.clone()));
    json!({ "messageId": message.id, "body": body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_by_lambdas_rules() {
        let ids = BTreeSet::from(["a", "b"]);
        let failed = |answer: Value| Outcome::read(&answer, &ids).failed.len();
        assert_eq!(failed(json!(null)), 0);
        assert_eq!(failed(json!({})), 0);
        assert_eq!(failed(json!({"batchItemFailures": []})), 0);
        assert_eq!(failed(json!({"batchItemFailures": [{"itemIdentifier": "a"}]})), 1);
        assert_eq!(failed(json!({"batchItemFailures": [{"itemIdentifier": "x"}]})), 2);
        assert_eq!(failed(json!({"batchItemFailures": [{"itemIdentifier": ""}]})), 2);
        assert_eq!(failed(json!({"batchItemFailures": "a"})), 2);
    }
}
