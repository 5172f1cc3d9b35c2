use audit::Handover;
use audit_chain::Hash;
use futures::future::{join, join_all};
use lambda_host::{Bus, Outgoing, Record, Sent, StreamOutcome};
use serde_json::{Value, json};
use table::{OutboxRow, Table};

#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) table: Table,
    pub(crate) bus: Bus,
    pub(crate) audit: Handover,
    pub(crate) queues: aws_sdk_sqs::Client,
    pub(crate) parked_queue_url: String,
}

/// An event from the stream.
struct Pending {
    sequence_number: String,
    event: Outgoing,
    audit_hash: Hash,
}

impl AsRef<Outgoing> for Pending {
    fn as_ref(&self) -> &Outgoing {
        &self.event
    }
}

impl Publisher {
    /// Publishes the records in their order, and stops at the first that cannot be published now.
    pub(crate) async fn publish(&self, records: Vec<Record>) -> StreamOutcome {
        let mut pending = Vec::new();
        for record in records.iter().filter(|record| record.event_name == "INSERT") {
            let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
            match event(record) {
                Ok((event, audit_hash)) => pending.push(Pending { sequence_number, event, audit_hash }),
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
        for batch in Bus::batches(pending) {
            if !Bus::in_time() {
                return Some(StreamOutcome::FailedAt(batch[0].sequence_number.clone()));
            }
            let rows = batch.iter().map(|pending| (&pending.event.envelope, pending.audit_hash));
            let (sent, handed_over) = join(self.bus.publish(batch), self.audit.hand_over(rows)).await;
            // marked after both, so that what was not handed over is seen as not published
            let settled =
                batch.iter().zip(&sent).zip(&handed_over).map(async |((pending, sent), handed_over)| {
                    *handed_over && self.settle(pending, sent).await
                });
            let done = join_all(settled).await;
            if let Some(first) = done.iter().position(|done| !done) {
                return Some(StreamOutcome::FailedAt(batch[first].sequence_number.clone()));
            }
        }
        None
    }

    /// Whether nothing is left to do about the event.
    async fn settle(&self, Pending { sequence_number, event, .. }: &Pending, sent: &Sent) -> bool {
        match sent {
            Sent::Failed => false,
            Sent::Refused(reason) => {
                self.park(reason, sequence_number, &json!({ "envelope": event.detail })).await
            }
            Sent::Published => match self.table.mark_published(&event.envelope).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(event = %event.envelope.id, ?error, "a published row is not marked");
                    false
                }
            },
        }
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
                tracing::error!(error = %aws_sdk_sqs::error::DisplayErrorContext(error), "parking failed");
                false
            }
        }
    }
}

/// The event in a record, and the hash of its audit row.
fn event(record: &Record) -> Result<(Outgoing, Hash), String> {
    let json = serde_json::to_value(record).map_err(|error| error.to_string())?;
    let image = &json["dynamodb"]["NewImage"];
    let row = OutboxRow::read(&image["envelope"]["S"], &image["audit_hash"]["S"])?;
    let envelope = row.envelope().map_err(|error| format!("the envelope is no event: {error}"))?;
    Ok((Outgoing { envelope, detail: row.envelope }, row.audit_hash))
}
