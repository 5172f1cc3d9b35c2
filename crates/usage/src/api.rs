//! Usage as the API shows it and events tell of it.

use primitives::{ReservationId, Time};
use serde::{Deserialize, Serialize};
use usage_ledger::{Aggregation, Dedupe};
use utoipa::ToSchema;

/// Something that is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Meter {
    /// Its name for programs: the `type` of its events.
    #[schema(example = "ai_tokens")]
    pub meter: String,
    /// Its name for people.
    pub title: String,
    /// What one is.
    #[schema(example = "tokens")]
    pub unit: String,
    /// What becomes of the values of a span of time: `count`, `sum`, `max`, `latest` or `unique`.
    #[schema(value_type = String, example = "sum")]
    pub aggregation: Aggregation,
    /// What an event is known again by: `strict` is its source and id for 32 days, `packed` its source, id
    /// and time.
    #[schema(value_type = String, example = "strict")]
    pub dedupe: Dedupe,
}

impl Meter {
    /// As the API shows it.
    pub fn of(meter: &usage_ledger::Meter) -> Self {
        Self {
            meter: meter.name.to_owned(),
            title: meter.title.to_owned(),
            unit: meter.unit.to_owned(),
            aggregation: meter.aggregation,
            dedupe: meter.dedupe,
        }
    }
}

/// How long the spans of a report are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Hours.
    Hour,
    /// Days.
    #[default]
    Day,
    /// Months, which quotas are for.
    Period,
}

/// What was used of something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageReport {
    /// The meter's name.
    #[schema(example = "ai_tokens")]
    pub meter: String,
    /// What one is.
    #[schema(example = "tokens")]
    pub unit: String,
    /// How long the spans are, in UTC.
    pub window: Window,
    /// Spans in which something was counted, the first first. An hour is there within an hour of its end.
    pub rows: Vec<UsageRow>,
}

/// What was used in a span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// Its first moment.
    pub starts_at: Time,
    /// The first moment behind it.
    pub ends_at: Time,
    /// How much.
    pub value: u64,
    /// Whether that is exact: of more than 10,000 different values it is estimated.
    pub exact: bool,
}

/// How much of something is used in this month, and may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// The meter's name.
    #[schema(example = "ai_tokens")]
    pub meter: String,
    /// What one is.
    #[schema(example = "tokens")]
    pub unit: String,
    /// How much may be used; null where that has no end.
    pub limit: Option<u64>,
    /// How much is.
    pub used: u64,
    /// How much is set aside by reservations.
    pub reserved: u64,
    /// Whether more is refused. Where it is not, more is counted, and told of.
    pub hard: bool,
    /// When the next month begins.
    pub resets_at: Time,
}

/// How a reservation stands. There may be others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// It is set aside.
    Held,
    /// What was used of it is counted.
    Settled,
    /// All of it was given back.
    Released,
    /// Its time was over first: all of it is free.
    Expired,
}

/// An amount that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    /// The reservation.
    pub id: ReservationId,
    /// The meter's name.
    #[schema(example = "ai_tokens")]
    pub meter: String,
    /// How much is set aside.
    pub amount: u64,
    /// How much of it was used; null until that is said.
    pub used: Option<u64>,
    /// How it stands.
    pub status: ReservationStatus,
    /// When it was made.
    pub created_at: Time,
    /// When it is over. Stop half a minute before: what is settled later is refused.
    pub expires_at: Time,
}

/// What became of the events of a request, one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageBatch {
    /// How many are counted now.
    pub accepted: usize,
    /// How many were counted before.
    pub duplicate: usize,
    /// How many are not counted.
    pub refused: usize,
    /// What became of each, in their order.
    pub items: Vec<UsageItem>,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageItem {
    /// Its id; null where it has none that can be read.
    pub id: Option<String>,
    /// What became of it.
    pub status: UsageStatus,
    /// Why it is not counted, for machines: `unknown_meter`, `too_late`, `invalid_event` or
    /// `quota_exceeded`; null where it is.
    pub code: Option<String>,
    /// The same for people.
    pub detail: Option<String>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageStatus {
    /// It is counted.
    Accepted,
    /// It was counted before.
    Duplicate,
    /// It is not counted.
    Refused,
}
