//! How many people an organization has and invites. The number is changed in the transaction of what it
//! counts; how many there may be is a fact that billing writes into the organization's gate.

use access::{AccessSchedule, Tenant};
use primitives::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, CommitError, Consistency, Decision, Headcount, Key, StoreError, Table};
use utoipa::ToSchema;

use crate::keys;

/// For so long nobody comes in beyond the seats of a plan that is asked for: by then the gate says how many
/// there are, also where whoever asked died, and Stripe's event had to tell.
const KEPT_FREE: SignedDuration = SignedDuration::from_mins(15);

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

    fn count(self) -> Headcount {
        Headcount::new(self.key())
    }

    /// Takes one for a member, of as many as there may be.
    pub(crate) fn enter(self, most: Option<u32>, now: Timestamp) -> Changes {
        self.count().enter(most, now)
    }

    /// Takes one for somebody who is invited.
    pub(crate) fn promise(self, most: Option<u32>, now: Timestamp) -> Changes {
        self.count().promise(most, now)
    }

    /// Whoever was invited is a member, on the same seat.
    pub(crate) fn keep_promise(self) -> Changes {
        self.count().keep_promise()
    }

    /// Gives so many back, of which so many were an invite's.
    pub(crate) fn leave(self, count: u32, promised: u32) -> Changes {
        self.count().leave(count, promised)
    }
}

/// For how many people an organization pays, or tries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Seats)]
pub struct SeatCount {
    /// How many people belong to it, those who are invited included.
    pub used: u32,
    /// How many of them are invited, and have not come yet.
    pub pending: u32,
    /// How many may; null where that has no end.
    pub cap: Option<u32>,
}

/// The number of an organization's seats that are taken, and which of its changes that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatsTaken {
    /// How many.
    pub used: u32,
    /// How often it was changed until then.
    pub version: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Counted {
    n: u32,
    // of before invites were counted: those that were open then are not in it
    #[serde(default)]
    pending: i64,
    #[serde(default)]
    v: u64,
    narrow: Option<u32>,
}

/// How many people an organization has and invites, and how many it may: as it was a moment ago.
pub async fn seat_count(table: &Table, tenant: Tenant) -> Result<SeatCount, StoreError> {
    let keys = [keys::Seats::key(tenant), identity_core::keys::Gate::key(tenant)];
    let mut found = table.get_many(&keys, Consistency::Eventual).await?;
    let counted = found.take::<Counted>(&keys[0])?.unwrap_or_default();
    let gate: Option<Cap> = found.take(&keys[1])?;
    let pending = u32::try_from(counted.pending).unwrap_or_default().min(counted.n);
    Ok(SeatCount { used: counted.n, pending, cap: gate.and_then(|gate| gate.seats()) })
}

/// How many seats are taken now, for whoever tells others of it.
pub async fn seats_taken(table: &Table, tenant: Tenant) -> Result<SeatsTaken, StoreError> {
    let counted: Option<Counted> = table.get(&keys::Seats::key(tenant), Consistency::Strong).await?;
    let counted = counted.unwrap_or_default();
    Ok(SeatsTaken { used: counted.n, version: counted.v })
}

/// That nobody comes in beyond the seats of a plan while it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct KeptFree {
    tenant: Tenant,
    narrowed: Option<(u32, Timestamp)>,
}

/// There are more people than that already, or invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many.
    pub used: u32,
}

/// Has nobody come in beyond so many for a while, whatever the gate says; or says that there are more
/// already. What was kept so before ends with it.
pub async fn keep_free(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    most: Option<u32>,
) -> Result<Result<KeptFree, TooMany>, CommitError> {
    let seats = Seats::of(tenant);
    let decide = |_| async move {
        let counted: Option<Counted> = table.get(&seats.key(), Consistency::Strong).await?;
        let counted = counted.unwrap_or_default();
        // room without end is room for as many as can be counted
        let most = match most {
            None if counted.narrow.is_none() => {
                return Ok(Decision::done(Ok(KeptFree { tenant, narrowed: None })));
            }
            most => most.unwrap_or(u32::MAX),
        };
        if counted.n > most {
            return Ok(Decision::done(Err(TooMany { used: counted.n })));
        }
        let until = table.clock().now().saturating_add(KEPT_FREE).unwrap_or(Timestamp::MAX);
        let kept = KeptFree { tenant, narrowed: Some((most, until)) };
        Ok::<_, CommitError>(Decision::commit(seats.count().narrow(most, until), Ok(kept)))
    };
    table.decide(cause, decide).await
}

impl KeptFree {
    /// Lets people in again as the gate says: the plan is another one for good, or not at all.
    pub async fn end(self, table: &Table, cause: &Cause) -> Result<(), CommitError> {
        let Some((most, until)) = self.narrowed else { return Ok(()) };
        let seats = Seats::of(self.tenant);
        let decide = |_| async move {
            let decision = Decision::commit(seats.count().widen(most, until), ());
            Ok::<_, CommitError>(decision.unless(&seats.key(), Ok(())))
        };
        table.decide(cause, decide).await
    }
}
