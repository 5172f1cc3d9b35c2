//! What organizations use: events that are counted once, sums of them, quotas and reservations.
//!
//! Owns how usage is counted and how much of it there may be. It must not know HTTP, nor other domains.

pub mod api;
mod billed;
mod error;
mod event;
pub mod events;
mod items;
pub mod keys;
pub mod limits;
mod quota;
mod record;
mod report;
mod reservation;
mod rollup;

pub use error::UsageError;
pub use event::{MOST_AT_ONCE, Refusal, Reported, read};
pub use quota::quotas;
pub use record::{Outcome, record};
pub use report::report;
pub use reservation::{Reservation, release, reserve, settle};
pub use rollup::{RollupRun, roll_up_due};

use access::Tenant;
use primitives::{Fault, FaultCode};
use table::{Query, StoreError, Table};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[UsageError::CODES];

/// Erases what an organization used, but for what expires within forty days by itself. Says how many items
/// went.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<u64, StoreError> {
    let partitions = [
        Query::partition_of(&keys::UsageTodo::key(tenant, keys::any_hour())),
        keys::UsageHour::all(tenant),
        keys::UsageDay::all(tenant),
        keys::UsageMonth::all(tenant),
    ];
    let mut erased = 0;
    for partition in partitions {
        erased += table.erase(partition, None).await?;
    }
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}
