use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use events::Envelope;
use futures::{FutureExt, StreamExt, stream};
use primitives::{Fault, FaultKind, json};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;
use tracing::Instrument;

use crate::{function::Function, host::Host};

/// How many messages of a batch are worked on at once, where a worker does not say otherwise.
const AT_ONCE: usize = 10;

/// The longest that a failed message is hidden, seconds.
const LONGEST_HIDDEN: u64 = 3_600;

/// For how long a message is hidden that was not done in time, when it was received for the first
/// time, seconds.
const HIDDEN_AFTER_TIMEOUT: u64 = 5;

/// An event as EventBridge puts it into a queue.
#[derive(Deserialize)]
struct OnTheBus {
    detail: Envelope,
}

/// How a worker takes its messages, where it is not the usual way.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// How many messages of a batch are worked on at once.
    pub at_once: Option<usize>,
    /// URLs of the worker's queues. A message from one of them that failed comes again when its
    /// error says so (`retry_after`, longer with each receive), or at once when nothing will change
    /// (`Invalid`), so that it is soon among the dead letters. All others come again when the
    /// queue's own time is over.
    pub queue_urls: Vec<String>,
}

impl Host {
    /// A worker behind a queue whose messages are domain events from the bus. Each message succeeds
    /// or fails by itself; a failed one comes again, and after too often goes to the dead letters.
    pub fn bus_queue<F, E>(&self, work: impl Fn(Envelope) -> F + Send + Sync + 'static) -> Function
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        self.bus_queues(Intake::default(), work)
    }

    /// The same behind one queue or several, with its own way of taking messages.
    pub fn bus_queues<F, E>(
        &self,
        intake: Intake,
        work: impl Fn(Envelope) -> F + Send + Sync + 'static,
    ) -> Function
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        self.queue_with(intake, move |message: OnTheBus| {
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
        self.queue_with(Intake::default(), work)
    }

    /// The same with its own way of taking messages.
    pub fn queue_with<T, F, E>(
        &self,
        intake: Intake,
        work: impl Fn(T) -> F + Send + Sync + 'static,
    ) -> Function
    where
        T: DeserializeOwned + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Fault,
    {
        let work = Arc::new(work);
        let at_once = intake.at_once.unwrap_or(AT_ONCE);
        let queues = (!intake.queue_urls.is_empty())
            .then(|| Arc::new(Queues { client: self.queues(), urls: intake.queue_urls }));
        Function::new(self, move |event| {
            let (work, queues) = (Arc::clone(&work), queues.clone());
            async move {
                let batch: SqsEvent = json::from_value(event.payload)?;
                let failures: Vec<Value> = stream::iter(batch.records)
                    .map(|message| one(message, Arc::clone(&work), queues.clone()))
                    .buffer_unordered(at_once)
                    .filter_map(async |failed| failed.map(|id| serde_json::json!({ "itemIdentifier": id })))
                    .collect()
                    .await;
                Ok(serde_json::json!({ "batchItemFailures": failures }))
            }
        })
    }
}

/// Works on one message; gives its id back when it failed. A panic is a failure of this message
/// alone.
async fn one<T, F, E>(
    message: SqsMessage,
    work: Arc<impl Fn(T) -> F>,
    queues: Option<Arc<Queues>>,
) -> Option<String>
where
    T: DeserializeOwned,
    F: Future<Output = Result<(), E>>,
    E: Fault,
{
    let id = message.message_id.clone().unwrap_or_default();
    let parsed = match json::from_str(message.body.as_deref().unwrap_or_default()) {
        Ok(parsed) => parsed,
        Err(error) => {
            tracing::error!(message_id = id, %error, "a message is not what this queue carries");
            hide(queues.as_deref(), &message, Some(0)).await;
            return Some(id);
        }
    };
    // One that hangs must not take the others of its batch with it when the time is up.
    let again = match timeout(table::time_left(), AssertUnwindSafe(work(parsed)).catch_unwind()).await {
        Ok(Ok(Ok(()))) => return None,
        Ok(Ok(Err(error))) => {
            let code = error.code();
            tracing::error!(message_id = id, code, ?error, "a message failed and will come again");
            if error.kind() == FaultKind::Invalid { Some(0) } else { error.retry_after() }
        }
        Ok(Err(_)) => {
            tracing::error!(message_id = id, "working on a message panicked");
            None
        }
        Err(_) => {
            tracing::error!(message_id = id, "a message was not done in time and will come again");
            Some(HIDDEN_AFTER_TIMEOUT)
        }
    };
    hide(queues.as_deref(), &message, again).await;
    Some(id)
}

/// The queues in which a worker may say when a failed message comes again.
#[derive(Debug)]
struct Queues {
    client: aws_sdk_sqs::Client,
    urls: Vec<String>,
}

/// Says when a failed message comes again. It is no loss if that cannot be said: then the queue's
/// own time counts.
async fn hide(queues: Option<&Queues>, message: &SqsMessage, first: Option<u64>) {
    // What is left of the invocation, and a part of the reserve for answering.
    let time = table::time_left().clamp(Duration::from_millis(200), Duration::from_secs(3));
    let (Some(queues), Some(first)) = (queues, first) else { return };
    let name = message.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    let url = queues.urls.iter().find(|url| url.rsplit('/').next() == name);
    let (Some(url), Some(receipt)) = (url, &message.receipt_handle) else { return };
    let receives = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let random = u32::from_be_bytes(primitives::random_secret::<4>());
    let seconds = hidden_for(first, receives.unwrap_or(1), random);
    let change = queues
        .client
        .change_message_visibility()
        .queue_url(url)
        .receipt_handle(receipt)
        .visibility_timeout(seconds);
    match timeout(time, change.send()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            let error = aws_sdk_sqs::error::DisplayErrorContext(error);
            tracing::warn!(%error, "a failed message stays hidden for the queue's own time");
        }
        Err(_) => tracing::warn!("a failed message stays hidden for the queue's own time"),
    }
}

/// Twice as long with each receive, and up to half of that more, so that what failed together does
/// not come together.
fn hidden_for(first: u64, receives: u32, random: u32) -> i32 {
    let growth = 1u64.checked_shl(receives.saturating_sub(1)).unwrap_or(u64::MAX);
    let least = first.saturating_mul(growth).min(LONGEST_HIDDEN);
    let more = (least / 2 + 1) * u64::from(random) / (u64::from(u32::MAX) + 1);
    i32::try_from(least + more).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_message_is_hidden_longer_each_time_with_jitter_and_an_end() {
        assert_eq!([1, 2, 3, 4].map(|receives| hidden_for(2, receives, 0)), [2, 4, 8, 16]);
        assert_eq!(hidden_for(10, 1, u32::MAX), 15);
        assert_eq!(hidden_for(15, 20, 0), 3_600);
        assert_eq!(hidden_for(15, 200, u32::MAX), 5_400);
        assert_eq!([1, 20].map(|receives| hidden_for(0, receives, u32::MAX)), [0, 0]);
    }
}
