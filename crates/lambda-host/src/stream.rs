use std::sync::Arc;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use serde_json::json;

use crate::{function::Function, host::Host};

/// A change of the table, as its stream tells it.
pub type Record = EventRecord;

/// How far a batch of the stream was worked off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamOutcome {
    /// All of it.
    Done,
    /// Up to this sequence number, exclusive: from there on the records come again.
    FailedAt(String),
}

impl Host {
    /// A worker behind the table's stream. It gets the records of a batch in order and says how far
    /// it came
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
    pub fn stream<F>(&self, work: impl Fn(Vec<Record>) -> F + Send + Sync + 'static) -> Function
    where
        F: Future<Output = StreamOutcome> + Send + 'static,
    {
        let work = Arc::new(work);
        Function::new(self, move |event| {
            let work = Arc::clone(&work);
            async move {
                let batch: Event = primitives::json::from_value(event.payload)?;
                Ok(match work(batch.records).await {
                    StreamOutcome::Done => json!({ "batchItemFailures": [] }),
                    StreamOutcome::FailedAt(sequence_number) => {
                        json!({ "batchItemFailures": [{ "itemIdentifier": sequence_number }] })
                    }
                })
            }
        })
    }
}
