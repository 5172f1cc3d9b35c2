use std::collections::BTreeMap;

use audit_chain::Hash;
use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use events::Envelope;
use primitives::{EventId, OrgId, Timestamp};
use sends::Failure;
use serde::{Deserialize, Serialize};

/// How many messages one call may send
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const LARGEST_BATCH: usize = 10;

/// A row that was written with an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The event.
    pub id: EventId,
    /// Its time.
    pub time: Timestamp,
    /// The hash of the row, as it stands beside the event in the outbox.
    pub row_hash: Hash,
}

/// Rows of one organization, to be chained in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// The organization.
    pub org_id: OrgId,
    /// The rows: as many as one call to the bus takes events.
    pub rows: Vec<Written>,
}

/// The queue that rows wait in to be chained. It is ordered organization by organization.
#[derive(Clone, Debug)]
pub struct Handover {
    client: Client,
    url: String,
}

impl Handover {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Hands over the rows about at most ten events, with the hashes that were written with them. Says of
    /// each event whether nothing is left to do: events outside of any organization have no chain. What may
    /// have been handed over is handed over again by whoever comes again, and chained once.
    pub async fn hand_over<'a>(&self, events: impl Iterator<Item = (&'a Envelope, Hash)>) -> Vec<bool> {
        let mut by_org: BTreeMap<OrgId, Vec<Written>> = BTreeMap::new();
        let mut orgs = Vec::new();
        for (event, row_hash) in events {
            orgs.push(event.org_id);
            if let Some(org_id) = event.org_id {
                by_org.entry(org_id).or_default().push(Written { id: event.id, time: event.time, row_hash });
            }
        }
        let all: Vec<_> = by_org.into_iter().map(|(org_id, rows)| Rows { org_id, rows }).collect();
        let mut taken = Vec::new();
        for batch in all.chunks(LARGEST_BATCH) {
            taken.extend(self.send(batch).await);
        }
        orgs.into_iter().map(|org| org.is_none_or(|org| taken.contains(&org))).collect()
    }

    /// Whose rows the queue has.
    async fn send(&self, batch: &[Rows]) -> Vec<OrgId> {
        let entries: Option<Vec<_>> = batch.iter().enumerate().map(entry).collect();
        let request = self.client.send_message_batch().queue_url(&self.url).set_entries(entries);
        match request.send().await {
            Ok(answer) => {
                for failed in &answer.failed {
                    tracing::warn!(code = failed.code, "rows could not be handed over to be chained");
                }
                let failed = |at: usize| answer.failed.iter().any(|failed| failed.id == at.to_string());
                let taken = batch.iter().enumerate().filter(|(at, _)| !failed(*at));
                taken.map(|(_, rows)| rows.org_id).collect()
            }
            Err(error) => {
                let Failure { code, detail, .. } = Failure::of(error);
                tracing::warn!(code, error = detail, "rows could not be handed over to be chained");
                Vec::new()
            }
        }
    }
}

fn entry((at, rows): (usize, &Rows)) -> Option<SendMessageBatchRequestEntry> {
    SendMessageBatchRequestEntry::builder()
        .id(at.to_string())
        .message_body(serde_json::to_string(rows).ok()?)
        .message_group_id(rows.org_id.to_string())
        .build()
        .ok()
}
