use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use sends::Failure;
use table::{pause, time_left};

use crate::{Delivery, FanOutError};

/// How many messages one call may send
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const LARGEST_BATCH: usize = 10;

/// How often the messages that a batch left behind are sent again.
const ATTEMPTS: u32 = 4;

/// The queue that deliveries wait in.
#[derive(Clone, Debug)]
pub struct DeliveryQueue {
    client: Client,
    url: String,
}

impl DeliveryQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Puts all deliveries into the queue. When it fails, some of them are in it; sending all of
    /// them again is harmless, since a delivery that was done is not done again.
    pub(crate) async fn send(&self, deliveries: &[Delivery]) -> Result<(), FanOutError> {
        for batch in deliveries.chunks(LARGEST_BATCH) {
            let mut left: Vec<_> = batch.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
            let mut attempt = 0;
            while !left.is_empty() {
                let failed = self.send_batch(&left).await?;
                left.retain(|entry| failed.iter().any(|(id, _)| id == entry.id()));
                let Some((_, code)) = failed.into_iter().next() else { break };
                attempt += 1;
                if attempt == ATTEMPTS || !pause(attempt, time_left()).await {
                    let detail = format!("entries failed {attempt} times");
                    return Err(FanOutError::Queue { left: left.len(), code, detail });
                }
            }
        }
        Ok(())
    }

    /// The ids of the entries that were not taken, and why.
    async fn send_batch(
        &self,
        entries: &[SendMessageBatchRequestEntry],
    ) -> Result<Vec<(String, String)>, FanOutError> {
        let batch = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries.to_vec()));
        let answer = batch.send().await.map_err(|error| {
            let Failure { code, detail, .. } = Failure::of(error);
            FanOutError::Queue { left: entries.len(), code, detail }
        })?;
        Ok(answer.failed.into_iter().map(|failed| (failed.id, failed.code)).collect())
    }
}

fn entry((position, delivery): (usize, &Delivery)) -> Result<SendMessageBatchRequestEntry, FanOutError> {
    let unsent = |detail: String| FanOutError::Queue { left: 1, code: "incomplete".to_owned(), detail };
    let body = serde_json::to_string(delivery).map_err(|error| unsent(error.to_string()))?;
    SendMessageBatchRequestEntry::builder()
        .id(position.to_string())
        .message_body(body)
        .build()
        .map_err(|error| unsent(error.to_string()))
}
