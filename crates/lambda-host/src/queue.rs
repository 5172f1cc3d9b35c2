use std::{panic::AssertUnwindSafe, sync::Arc};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use events::Envelope;
use futures::{FutureExt, StreamExt, stream};
use primitives::{Fault, json};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;
use tracing::Instrument;

use crate::{function::Function, host::Host};

/// How many messages of a batch are worked on at once.
const AT_ONCE: usize = 10;

/// An event as EventBridge puts it into a queue.
#[derive(Deserialize)]
struct OnTheBus {
    detail: Envelope,
}

impl Host {
    /// A worker behind a queue whose messages are domain events from the bus. Each message succeeds or fails by itself; a failed one comes
    /// again, and after too often goes to the dead letters.
    pub fn bus_queue<F, E>(&self, work: impl Fn(Envelope) -> F + Send + Sync + 'static) -> Function
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        self.messages(move |message: OnTheBus| {
            let correlation_id = message.detail.correlation_id.clone();
            let (event, kind) = (message.detail.id, message.detail.kind.clone());
            let span = tracing::info_span!("event", correlation_id, %event, kind);
            work(message.detail).instrument(span)
        })
    }

    /// A worker behind a queue whose messages are `T` as JSON.
    pub fn queue<T, F, E>(&self, work: impl Fn(T) -> F + Send + Sync + 'static) -> Function
    where
        T: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        self.messages(work)
    }

    fn messages<T, F, E>(&self, work: impl Fn(T) -> F + Send + Sync + 'static) -> Function
    where
        T: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        let work = Arc::new(work);
        Function::new(self, move |event| {
            let work = Arc::clone(&work);
            async move {
                let batch: SqsEvent = json::from_value(event.payload)?;
                let failures: Vec<Value> = stream::iter(batch.records)
                    .map(|message| one(message, Arc::clone(&work)))
                    .buffer_unordered(AT_ONCE)
                    .filter_map(async |failed| failed.map(|id| serde_json::json!({ "itemIdentifier": id })))
                    .collect()
                    .await;
                Ok(serde_json::json!({ "batchItemFailures": failures }))
            }
        })
    }
}

/// Works on one message; gives its id back when it failed. A panic is a failure of this message alone.
async fn one<T, F, E>(message: SqsMessage, work: Arc<impl Fn(T) -> F>) -> Option<String>
where
    T: DeserializeOwned,
    F: Future<Output = Result<(), E>>,
    E: Fault,
{
    let id = message.message_id.unwrap_or_default();
    let body = message.body.unwrap_or_default();
    let parsed = match json::from_str(&body) {
        Ok(parsed) => parsed,
        Err(error) => {
            tracing::error!(message_id = id, %error, "a message is not what this queue carries");
            return Some(id);
        }
    };
    // One that hangs must not take the others of its batch with it when the time is up.
    match timeout(table::time_left(), AssertUnwindSafe(work(parsed)).catch_unwind()).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => {
            let code = error.code();
            tracing::error!(message_id = id, code, ?error, "a message failed and will come again");
            Some(id)
        }
        Ok(Err(_)) => {
            tracing::error!(message_id = id, "working on a message panicked");
            Some(id)
        }
        Err(_) => {
            tracing::error!(message_id = id, "a message was not done in time and will come again");
            Some(id)
        }
    }
}
