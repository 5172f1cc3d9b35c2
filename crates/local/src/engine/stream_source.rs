//! Event source mapping of a table's stream: in order, with a checkpoint, retries, bisect and a
//! queue for what is given up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::log_lines::complaint;
use super::world::Visit;
use super::{Engine, InvokeError, Trigger};
use crate::state::{NewMessage, random_id};
use crate::template::StreamSourceSpec;

/// How often a stream is looked at when nobody rings; Lambda's own rate. Functions ring, so this is
/// for writers from outside.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// Records read at once.
const READ_LIMIT: usize = 1_000;
/// Wait before the first retry; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(20);
/// Longest wait before a retry.
const LAST_RETRY: Duration = Duration::from_secs(1);

/// Records that go to the function together, and how often they have failed.
struct Batch {
    records: Vec<Value>,
    attempts: u32,
}

/// What a function made of a batch.
struct Outcome {
    /// Position of the first record that failed.
    first_failed: Option<usize>,
    /// What it logged about it.
    complaint: Option<String>,
}

impl Engine {
    /// Serves one mapping until the cloud stops.
    pub(crate) async fn poll_stream(self: Arc<Self>, index: usize) {
        let source = &self.template.stream_sources[index];
        let bell = &self.stream_bells[index];
        loop {
            let visit = self.world.enter().await;
            let records = match self.unread(source, READ_LIMIT) {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(%error, "the stream could not be read");
                    Vec::new()
                }
            };
            if records.is_empty() {
                drop(visit);
                tokio::select! {
                    () = bell.notified() => {}
                    () = tokio::time::sleep(POLL_EVERY) => {}
                }
                continue;
            }
            // What is cut off is read again, if its table is still there.
            let _cut_off = visit.work(self.deliver(&visit, source, records)).await;
        }
    }

    /// Whether every stream has been read to its end.
    pub(crate) fn streams_are_read(&self) -> bool {
        self.template
            .stream_sources
            .iter()
            .all(|source| self.unread(source, 1).is_ok_and(|records| records.is_empty()))
    }

    /// Checkpoints at the end of every stream. A stream outlives its table, so what was in it
    /// before must not be read again.
    pub(super) fn ends_of_streams(&self) -> Result<BTreeMap<String, String>, crate::table::TableError> {
        let mut ends = BTreeMap::new();
        for source in &self.template.stream_sources {
            let mut end: Option<String> = None;
            loop {
                let records = self.tables.records(&source.table, end.as_deref(), READ_LIMIT)?;
                let Some(number) = records.last().and_then(sequence_number) else { break };
                end = Some(number.to_owned());
            }
            ends.extend(end.map(|end| (checkpoint_name(source), end)));
        }
        Ok(ends)
    }

    fn unread(
        &self,
        source: &StreamSourceSpec,
        limit: usize,
    ) -> Result<Vec<Value>, crate::table::TableError> {
        let after = self.store.read(|state| state.checkpoints.get(&checkpoint_name(source)).cloned());
        self.tables.records(&source.table, after.as_deref(), limit)
    }

    fn checkpoint(&self, source: &StreamSourceSpec, record: &Value) {
        if let Some(number) = sequence_number(record) {
            self.store.change(|state| state.checkpoints.insert(checkpoint_name(source), number.to_owned()));
        }
    }

    /// Brings records to the function and moves the checkpoint behind each that is done or given
    /// up.
    async fn deliver(&self, visit: &Visit, source: &StreamSourceSpec, records: Vec<Value>) {
        let last = records.last().cloned();
        let wanted: Vec<Value> = records
            .into_iter()
            .filter(|record| {
                source.filters.is_empty() || source.filters.iter().any(|filter| filter.matches(record))
            })
            .map(|mut record| {
                record["eventSourceARN"] = json!(source.stream_arn);
                record["awsRegion"] = json!(self.place.region);
                record
            })
            .collect();
        let mut work: VecDeque<Batch> = wanted
            .chunks(source.batch_size.max(1) as usize)
            .map(|records| Batch { records: records.to_vec(), attempts: 0 })
            .collect();
        while let Some(batch) = work.pop_front() {
            self.deliver_batch(visit, source, batch, &mut work).await;
        }
        if let Some(last) = last {
            self.checkpoint(source, &last);
        }
    }

    async fn deliver_batch(
        &self,
        visit: &Visit,
        source: &StreamSourceSpec,
        batch: Batch,
        work: &mut VecDeque<Batch>,
    ) {
        let Batch { mut records, attempts } = batch;
        let mut problem = "the function named the record in batchItemFailures".to_owned();
        let failed_at = match self.call_with(visit, source, &records).await {
            Ok(Outcome { first_failed: None, .. }) => {
                if let Some(last) = records.last() {
                    self.checkpoint(source, last);
                }
                return;
            }
            Ok(Outcome { first_failed: Some(first_failed), complaint }) => {
                problem = complaint.unwrap_or(problem);
                first_failed
            }
            Err(InvokeError::CutOff) => return std::future::pending().await,
            Err(error) => {
                problem = error.to_string();
                0
            }
        };
        if failed_at > 0 {
            // What came before the failed record is done; the rest starts anew.
            self.checkpoint(source, &records[failed_at - 1]);
            work.push_front(Batch { records: records.split_off(failed_at), attempts: 0 });
            return;
        }
        if source.bisect && records.len() > 1 {
            let second = records.split_off(records.len() / 2);
            work.push_front(Batch { records: second, attempts });
            work.push_front(Batch { records, attempts });
            return;
        }
        if source.maximum_retries.is_some_and(|limit| attempts >= limit) {
            self.give_up(source, &records, attempts + 1, problem);
            if let Some(last) = records.last() {
                self.checkpoint(source, last);
            }
            return;
        }
        tokio::time::sleep((FIRST_RETRY * 2_u32.saturating_pow(attempts.min(10))).min(LAST_RETRY)).await;
        work.push_front(Batch { records, attempts: attempts + 1 });
    }

    async fn call_with(
        &self,
        visit: &Visit,
        source: &StreamSourceSpec,
        records: &[Value],
    ) -> Result<Outcome, InvokeError> {
        let permit = self.functions.permit(&source.function).await?;
        let event = json!({ "Records": records });
        let trigger = Trigger::Stream(source.table.clone());
        let answered = self.invoke_in(visit, &source.function, event, trigger, permit).await?;
        let failures = answered.answer["batchItemFailures"].as_array().filter(|_| source.partial_failures);
        let failures = failures.map(Vec::as_slice).unwrap_or_default();
        let position = |failure: &Value| {
            let number = failure["itemIdentifier"].as_str()?;
            records.iter().position(|record| record["dynamodb"]["SequenceNumber"] == number)
        };
        // An identifier that is not of the batch fails the whole batch.
        let first_failed = failures.iter().map(|failure| position(failure).unwrap_or(0)).min();
        Ok(Outcome { first_failed, complaint: complaint(&answered.log) })
    }

    /// Tells the failure destination about records that will not be tried again.
    fn give_up(&self, source: &StreamSourceSpec, records: &[Value], calls: u32, problem: String) {
        let queue = source.on_failure.as_deref().and_then(|arn| self.template.queue_by_arn(arn));
        let Some(queue) = queue else {
            tracing::error!(
                function = source.function,
                "stream records were given up, and there is no failure destination"
            );
            return;
        };
        let number =
            |record: Option<&Value>| record.map(|record| record["dynamodb"]["SequenceNumber"].clone());
        let arrival = |record: Option<&Value>| {
            let seconds =
                record.and_then(|record| record["dynamodb"]["ApproximateCreationDateTime"].as_f64());
            #[expect(clippy::cast_possible_truncation, reason = "whole epoch seconds")]
            seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds as i64).ok())
        };
        let body = json!({
            "requestContext": {
                "requestId": random_id(),
                "functionArn": self.place.arn("lambda", &format!("function:{}", source.function)),
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": calls,
            },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "version": "1.0",
            "timestamp": self.clock.now(),
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000001",
                "startSequenceNumber": number(records.first()),
                "endSequenceNumber": number(records.last()),
                "approximateArrivalOfFirstRecord": arrival(records.first()),
                "approximateArrivalOfLastRecord": arrival(records.last()),
                "batchSize": records.len(),
                "streamArn": source.stream_arn,
            },
        });
        self.send(
            queue,
            NewMessage {
                body: body.to_string(),
                reason: Some(problem),
                tries: calls,
                ..NewMessage::default()
            },
        );
    }
}

fn sequence_number(record: &Value) -> Option<&str> {
    record["dynamodb"]["SequenceNumber"].as_str()
}

fn checkpoint_name(source: &StreamSourceSpec) -> String {
    format!("{}/{}", source.table, source.function)
}
