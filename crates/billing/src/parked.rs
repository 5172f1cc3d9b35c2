//! What operators see of the events that were put aside, and how they have them decided anew.

use serde::{Deserialize, Serialize};
use stripe_client::EventId;
use table::{Cause, Consistency, time_left};

use crate::{
    BillingError, ParkReason, ParkedEvent, Received, StripeEvents, keys, stripe_events::RESERVE,
    stripe_items::Parked,
};

/// Parked events per query.
const PAGE: usize = 50;

/// Behind every place in the list: places begin with a time.
const BEHIND_ALL: &str = "~";

/// A row of the list.
#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    key: UnreadableRow,
    /// Its place in the list.
    #[serde(rename = "list_sk")]
    position: String,
    /// What the list says of it: [`Parked`].
    #[serde(default)]
    summary: String,
}

/// The key of a row that holds no parked event: nothing but a change of the row helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableRow {
    /// Its partition key.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
}

/// A part of the list of events that were put aside, the latest first.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParkedPage {
    /// Those that were asked for.
    pub events: Vec<Parked>,
    /// Rows that cannot be read, whatever was asked for.
    pub unreadable: Vec<UnreadableRow>,
    /// Where the list goes on; nothing at its end.
    pub next: Option<String>,
}

/// Which events to decide anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    Event(EventId),
    /// All that were put aside for this reason.
    Reason(ParkReason),
    All,
}

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Applied now, or found to have no effect.
    pub applied: Vec<EventId>,
    /// Put aside again, for this reason.
    pub parked: Vec<(EventId, ParkReason)>,
    /// Dealt with by somebody else meanwhile.
    pub gone: Vec<EventId>,
    /// Kept without a body, which has to be fetched from Stripe, or not readable at all: the ids
    /// that their rows' keys name.
    pub unreadable: Vec<String>,
    /// Could not be applied; the log says why.
    pub failed: Vec<EventId>,
    /// Whether all were looked at; if not, the time was up, and the same again goes on.
    pub complete: bool,
}

impl Replay {
    fn means(&self, row: &Row) -> bool {
        match self {
            Self::Event(id) => row.event_id() == id.as_str(),
            Self::Reason(reason) => row.parked().is_some_and(|parked| parked.reason == *reason),
            Self::All => true,
        }
    }
}

impl Row {
    /// The event's id, as the row's key has it.
    fn event_id(&self) -> &str {
        self.key.sk.trim_start_matches("EVENT#")
    }

    /// What the list says of it; nothing where that cannot be read, which must not spoil its page.
    fn parked(&self) -> Option<Parked> {
        primitives::json::from_str(&self.summary).ok()
    }
}

impl StripeEvents {
    /// Up to `limit` events that were put aside, the latest first; those behind the place `after`
    /// if that is given.
    pub async fn parked(
        &self,
        reason: Option<ParkReason>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ParkedPage, BillingError> {
        let mut found = ParkedPage { next: after.map(ToOwned::to_owned), ..ParkedPage::default() };
        loop {
            let up_to = found.next.as_deref().unwrap_or(BEHIND_ALL);
            let query = keys::parked_up_to(up_to);
            let mut page: Vec<Row> = self.table.first(&query.descending(), PAGE).await?;
            // The place itself belongs to the range that was asked for.
            page.retain(|row| found.next.as_ref().is_none_or(|last| row.position < *last));
            if page.is_empty() {
                found.next = None;
                return Ok(found);
            }
            for row in page {
                if found.events.len() + found.unreadable.len() == limit {
                    return Ok(found);
                }
                let parked = row.parked();
                found.next = Some(row.position);
                match parked {
                    Some(parked) if reason.is_none_or(|reason| parked.reason == reason) => {
                        found.events.push(parked);
                    }
                    Some(_) => {}
                    None => found.unreadable.push(row.key),
                }
            }
        }
    }

    /// Decides anew about events that were put aside, the oldest first, each exactly once however
    /// many do so. One that fails does not keep the others.
    pub async fn replay(&self, cause: &Cause, which: &Replay) -> Result<Replayed, BillingError> {
        let mut replayed = Replayed::default();
        // What is put aside again meanwhile comes behind this.
        let all = keys::parked_up_to(&keys::behind(self.table.clock().now()));
        let mut page = all.clone();
        loop {
            let rows: Vec<Row> = self.table.first(&page, PAGE).await?;
            let Some(last) = rows.last() else {
                replayed.complete = true;
                return Ok(replayed);
            };
            page = all.clone().index_after(&last.position);
            for row in rows.iter().filter(|row| which.means(row)) {
                if time_left() < RESERVE {
                    return Ok(replayed);
                }
                match row.parked() {
                    Some(parked) => self.replay_one(cause, &parked, &mut replayed).await,
                    None => replayed.unreadable.push(row.event_id().to_owned()),
                }
            }
        }
    }

    async fn replay_one(&self, cause: &Cause, parked: &Parked, replayed: &mut Replayed) {
        let id = parked.event_id.clone();
        match Box::pin(self.decide_anew(cause, parked)).await {
            Ok(Some(Received::Applied | Received::Ignored)) => replayed.applied.push(id),
            Ok(Some(Received::Parked(reason))) => replayed.parked.push((id, reason)),
            Ok(Some(Received::Duplicate)) => replayed.gone.push(id),
            Ok(None) => replayed.unreadable.push(id.to_string()),
            Err(error) => {
                tracing::error!(stripe_event_id = %id, error = &error as &dyn std::error::Error, "a replay failed");
                replayed.failed.push(id);
            }
        }
    }

    async fn decide_anew(&self, cause: &Cause, parked: &Parked) -> Result<Option<Received>, BillingError> {
        // The index may be a moment behind.
        let Some(whole) = self.table.get::<ParkedEvent>(&parked.key(), Consistency::Strong).await? else {
            return Ok(Some(Received::Duplicate));
        };
        let Some((received, customer)) = self.take_in_parked(cause, &whole).await? else { return Ok(None) };
        // It may have made its customer known, for whom others wait.
        if let (Received::Applied, Some(customer)) = (received, customer) {
            self.take_in_waiting(cause, &customer).await?;
        }
        Ok(Some(received))
    }
}
