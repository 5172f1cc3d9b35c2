//! How many people an organization has and invites. The number is changed in the transaction of what it
//! counts; how many there may be is a fact that billing writes into the organization's gate.

use access::{AccessSchedule, Tenant};
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, Key, StoreError, Table, Tally};
use utoipa::ToSchema;

use crate::keys;

/// The seats of an organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seats(Tenant);

/// What the gate says of how many there may be.
#[derive(Debug, Deserialize)]
pub(crate) struct Cap {
    access: AccessSchedule,
}

impl Cap {
    /// How many there may be.
    pub(crate) fn seats(&self) -> Option<u32> {
        self.access.seats()
    }
}

impl Seats {
    pub(crate) fn of(tenant: Tenant) -> Self {
        Self(tenant)
    }

    /// Where they are counted: the commit failed here when none is left.
    pub(crate) fn key(self) -> Key {
        keys::Seats::key(self.0)
    }

    /// Takes so many, of as many as there may be.
    pub(crate) fn take(self, count: u32, most: Option<u32>) -> Changes {
        Tally::new(self.key(), most.unwrap_or(u32::MAX)).add(count)
    }

    /// Gives so many back.
    pub(crate) fn give_back(self, count: u32) -> Changes {
        Tally::new(self.key(), u32::MAX).subtract(count)
    }
}

/// For how many people an organization pays, or tries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Seats)]
pub struct SeatCount {
    /// How many people belong to it, those who are invited included.
    pub used: u32,
    /// How many may; null where that has no end.
    pub cap: Option<u32>,
}

#[derive(Deserialize)]
struct Counted {
    n: u32,
}

/// How many people an organization has and invites, and how many it may: as it was a moment ago.
pub async fn seat_count(table: &Table, tenant: Tenant) -> Result<SeatCount, StoreError> {
    let keys = [keys::Seats::key(tenant), identity_core::keys::Gate::key(tenant)];
    let mut found = table.get_many(&keys, Consistency::Eventual).await?;
    let counted: Option<Counted> = found.take(&keys[0])?;
    let gate: Option<Cap> = found.take(&keys[1])?;
    Ok(SeatCount { used: counted.map_or(0, |counted| counted.n), cap: gate.and_then(|gate| gate.seats()) })
}
