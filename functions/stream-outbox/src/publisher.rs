use std::time::Duration;

use aws_sdk_eventbridge::{
    error::DisplayErrorContext,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use events::{Envelope, SOURCE};
use futures::future::join_all;
use lambda_host::{LONGEST_SEND, Record, StreamOutcome, trace_header};
use sends::may_be_taken;
use serde_json::{Value, json};
use table::{OutboxRow, Table, pause, time_left};

/// How many entries one call may publish
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>).
const LARGEST_BATCH: usize = 10;

/// How large all entries of one call may be together, in bytes: below the 1 MB of `PutEvents`, with room for names and times.
const LARGEST_BATCH_BYTES: usize = 950_000;

/// How often the entries that a call left behind are published again before the stream is asked to come back with them.
const ATTEMPTS: u32 = 6;

/// How long a batch can take: one call to the bus, and the marks on what it took.
const LONGEST_BATCH: Duration = Duration::from_secs(LONGEST_SEND.as_secs() + 8);

#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) table: Table,
    pub(crate) bus: aws_sdk_eventbridge::Client,
    pub(crate) bus_name: String,
    pub(crate) queues: aws_sdk_sqs::Client,
    pub(crate) parked_queue_url: String,
}

/// An event from the stream.
struct Pending {
    sequence_number: String,
    envelope: Envelope,
    detail: String,
}

/// What became of some events.
enum Verdict {
    Published,
    /// The bus refuses the event itself.
    Refused(String),
    Failed,
}

impl Publisher {
    /// Publishes the records in their order, and stops at the first that cannot be published now.
    pub(crate) async fn publish(&self, records: Vec<Record>) -> StreamOutcome {
        let mut pending = Vec::new();
        for record in records.iter().filter(|record| record.event_name == "INSERT") {
            let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
            match event(record) {
                Ok((envelope, detail)) => pending.push(Pending { sequence_number, envelope, detail }),
                Err(reason) => {
                    let raw = serde_json::to_value(record).unwrap_or_default();
                    if !self.park(&reason, &sequence_number, &raw).await {
                        // what came before it in the batch is published first
                        return self
                            .publish_pending(&pending)
                            .await
                            .unwrap_or(StreamOutcome::FailedAt(sequence_number));
                    }
                }
            }
        }
        self.publish_pending(&pending).await.unwrap_or(StreamOutcome::Done)
    }

    /// Nothing when all of it was published.
    async fn publish_pending(&self, pending: &[Pending]) -> Option<StreamOutcome> {
        for batch in batches(pending) {
            // what is begun is also ended: cut off by the runtime, the whole batch would come again
            if time_left() < LONGEST_BATCH {
                return Some(StreamOutcome::FailedAt(batch[0].sequence_number.clone()));
            }
            let verdicts = self.put(batch).await;
            let settled = batch.iter().zip(&verdicts).map(|(event, verdict)| self.settle(event, verdict));
            let done = join_all(settled).await;
            if let Some(first) = done.iter().position(|done| !done) {
                return Some(StreamOutcome::FailedAt(batch[first].sequence_number.clone()));
            }
        }
        None
    }

    /// Whether nothing is left to do about the event.
    async fn settle(&self, event: &Pending, verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Failed => false,
            Verdict::Refused(reason) => {
                self.park(reason, &event.sequence_number, &json!({ "envelope": event.detail })).await
            }
            Verdict::Published => match self.table.mark_published(&event.envelope).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(event = %event.envelope.id, ?error, "a published row is not marked");
                    false
                }
            },
        }
    }

    async fn put(&self, batch: &[Pending]) -> Vec<Verdict> {
        let mut verdicts: Vec<_> = batch.iter().map(|_| Verdict::Failed).collect();
        for attempt in 0..ATTEMPTS {
            let left: Vec<_> =
                (0..batch.len()).filter(|at| matches!(verdicts[*at], Verdict::Failed)).collect();
            let time = time_left().saturating_sub(LONGEST_BATCH);
            if left.is_empty() || (attempt > 0 && !pause(attempt + 1, time).await) {
                break;
            }
            let entries = left.iter().map(|at| self.entry(&batch[*at])).collect();
            match self.bus.put_events().set_entries(Some(entries)).send().await {
                Ok(answer) => {
                    for (at, result) in left.into_iter().zip(answer.entries()) {
                        verdicts[at] = verdict(result);
                    }
                }
                Err(error) => {
                    let open = may_be_taken(&error);
                    tracing::warn!(open, error = %DisplayErrorContext(error), "publishing failed");
                    // The bus may have all of them: it is left to the stream, which waits longer each time, to bring them again.
                    if open {
                        break;
                    }
                }
            }
        }
        verdicts
    }

    fn entry(&self, event: &Pending) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus_name)
            .source(SOURCE)
            .detail_type(&event.envelope.kind)
            .detail(&event.detail)
            .set_trace_header(trace_header())
            .build()
    }

    /// Puts what can never be published where somebody will look at it. Says whether it is there.
    async fn park(&self, reason: &str, sequence_number: &str, record: &Value) -> bool {
        tracing::error!(sequence_number, reason, "an outbox row cannot be published and is parked");
        let body = json!({ "reason": reason, "sequence_number": sequence_number, "record": record });
        let message =
            self.queues.send_message().queue_url(&self.parked_queue_url).message_body(body.to_string());
        match message.send().await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(error = %DisplayErrorContext(error), "parking failed");
                false
            }
        }
    }
}

/// The event in a record, and its text as it is stored.
fn event(record: &Record) -> Result<(Envelope, String), String> {
    let json = serde_json::to_value(record).map_err(|error| error.to_string())?;
    let image = &json["dynamodb"]["NewImage"];
    let text = image["envelope"]["S"].as_str().ok_or("the row has no text attribute \"envelope\"")?;
    let row = OutboxRow { envelope: text.to_owned() };
    let envelope = row.envelope().map_err(|error| format!("the envelope is no event: {error}"))?;
    Ok((envelope, row.envelope))
}

/// Splits at what one call can take; the order stays.
fn batches(pending: &[Pending]) -> Vec<&[Pending]> {
    let (mut batches, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, event) in pending.iter().enumerate() {
        let size = event.detail.len() + event.envelope.kind.len() + SOURCE.len();
        if at > begin && (at - begin == LARGEST_BATCH || bytes + size > LARGEST_BATCH_BYTES) {
            batches.push(&pending[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += size;
    }
    if begin < pending.len() {
        batches.push(&pending[begin..]);
    }
    batches
}

fn verdict(result: &PutEventsResultEntry) -> Verdict {
    match result.error_code() {
        None => Verdict::Published,
        Some(code @ ("MalformedDetail" | "InvalidArgument")) => {
            Verdict::Refused(format!("{code}: {}", result.error_message().unwrap_or_default()))
        }
        Some(code) => {
            tracing::warn!(code, "the bus did not take an event");
            Verdict::Failed
        }
    }
}
