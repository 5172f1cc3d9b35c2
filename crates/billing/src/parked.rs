//! What operators see of the events that were put aside, and how they have them decided anew.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::EventId;
use table::{Cause, Consistency, Index, Item, Key, Query, sortable, time_left};

use crate::{BillingError, ParkReason, ParkedEvent, Received, StripeEvents, stripe_events::RESERVE};

/// Parked events per query.
const PAGE: usize = 50;

/// Behind every place in the list: places begin with a time.
const BEHIND_ALL: &str = "~";

/// An event that was put aside, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedSummary {
    /// The event's id at Stripe.
    pub event_id: EventId,
    /// What happened.
    pub event_type: String,
    /// When it happened.
    pub created: Timestamp,
    /// When it was put aside.
    pub parked_at: Timestamp,
    /// Why.
    pub reason: ParkReason,
    /// The customer it waits for, or else the reason.
    pub waits_for: String,
    /// How often applying it failed.
    #[serde(default)]
    pub failures: u32,
    /// Its place in the list.
    #[serde(rename(deserialize = "gsi1sk"))]
    pub position: String,
}

/// Only ever read.
impl Item for ParkedSummary {
    fn key(&self) -> Key {
        Key::ParkedStripeEvent(self.waits_for.clone(), self.event_id.to_string())
    }

    fn version(&self) -> u64 {
        0
    }
}

/// Which events to decide anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// One.
    Event(EventId),
    /// All that were put aside for this reason.
    Reason(ParkReason),
    /// All.
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
    /// Kept without a body, which has to be fetched from Stripe, or not readable at all.
    pub unreadable: Vec<EventId>,
    /// Could not be applied; the log says why.
    pub failed: Vec<EventId>,
    /// Whether all were looked at; if not, the time was up, and the same again goes on.
    pub complete: bool,
}

impl Replay {
    fn means(&self, parked: &ParkedSummary) -> bool {
        match self {
            Self::Event(id) => parked.event_id == *id,
            Self::Reason(reason) => parked.reason == *reason,
            Self::All => true,
        }
    }
}

impl StripeEvents {
    /// Up to `limit` events that were put aside, the latest first; those behind the place `after` if that is given.
    pub async fn parked(
        &self,
        reason: Option<ParkReason>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ParkedSummary>, BillingError> {
        let mut found: Vec<ParkedSummary> = Vec::new();
        let mut last = after.map(ToOwned::to_owned);
        while found.len() < limit {
            let mut page = self.page(last.as_deref().unwrap_or(BEHIND_ALL)).await?;
            // The place itself belongs to the range that was asked for.
            page.retain(|parked| last.as_ref().is_none_or(|last| parked.position < *last));
            let Some(end) = page.last() else { break };
            last = Some(end.position.clone());
            found.extend(page.into_iter().filter(|it| reason.is_none_or(|reason| it.reason == reason)));
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn page(&self, up_to: &str) -> Result<Vec<ParkedSummary>, BillingError> {
        let query = Query::index_up_to("parked_stripe_event", Index::PARKED_STRIPE_EVENTS, up_to);
        Ok(self.table.first(&query.descending(), PAGE).await?)
    }

    /// Decides anew about events that were put aside, the oldest first, each exactly once however many do so. One that
    /// fails does not keep the others.
    pub async fn replay(&self, cause: &Cause, which: &Replay) -> Result<Replayed, BillingError> {
        let mut replayed = Replayed::default();
        // What is put aside again meanwhile comes behind this.
        let end = format!("{}#~", sortable(self.table.clock().now()));
        let all = Query::index_up_to("parked_stripe_event", Index::PARKED_STRIPE_EVENTS, end);
        let mut page = all.clone();
        loop {
            let parked: Vec<ParkedSummary> = self.table.first(&page, PAGE).await?;
            let Some(last) = parked.last() else {
                replayed.complete = true;
                return Ok(replayed);
            };
            page = all.clone().index_after(&last.position);
            for parked in parked.iter().filter(|parked| which.means(parked)) {
                if time_left() < RESERVE {
                    return Ok(replayed);
                }
                self.replay_one(cause, parked, &mut replayed).await;
            }
        }
    }

    async fn replay_one(&self, cause: &Cause, parked: &ParkedSummary, replayed: &mut Replayed) {
        let id = parked.event_id.clone();
        match Box::pin(self.decide_anew(cause, parked)).await {
            Ok(Some(Received::Applied | Received::AppliedSecond | Received::Ignored)) => {
                replayed.applied.push(id);
            }
            Ok(Some(Received::Parked(reason))) => replayed.parked.push((id, reason)),
            Ok(Some(Received::Duplicate)) => replayed.gone.push(id),
            Ok(None) => replayed.unreadable.push(id),
            Err(error) => {
                tracing::error!(stripe_event_id = %id, error = &error as &dyn std::error::Error, "a replay failed");
                replayed.failed.push(id);
            }
        }
    }

    async fn decide_anew(
        &self,
        cause: &Cause,
        parked: &ParkedSummary,
    ) -> Result<Option<Received>, BillingError> {
        // The index may be a moment behind.
        let Some(whole) = self.table.get::<ParkedEvent>(&parked.key(), Consistency::Strong).await? else {
            return Ok(Some(Received::Duplicate));
        };
        let Some((received, customer)) = self.take_in_parked(cause, &whole).await? else { return Ok(None) };
        // It may have made its customer known, for whom others wait.
        if let (Received::Applied | Received::AppliedSecond, Some(customer)) = (received, customer) {
            self.take_in_waiting(cause, &customer).await?;
        }
        Ok(Some(received))
    }
}
