//! The single `DynamoDB` table: keys, reads, transactions, the outbox, idempotency records, rate limits and
//! paging.
//!
//! Owns the form of keys, every key attribute and every call to `DynamoDB`. It must not know what the items
//! mean: each domain declares its kinds with [`kinds!`].

mod audit_row;
mod batch;
mod bucket;
mod cause;
mod chained;
mod cursor;
mod decide;
mod due;
mod edit;
mod erase;
mod error;
mod fence;
mod headcount;
mod idempotency;
mod item;
pub mod keys;
mod kind;
mod marker;
mod outbox;
mod outbox_part;
mod purse;
mod query;
mod rate_limit;
mod retry;
mod roster;
mod sortable;
mod store;
mod tally;
mod totals;
mod transaction;
mod usage;
mod window;

pub use audit_row::{AUDIT_ROWS_OF_NOBODY_ARE_KEPT, AuditRow};
pub use batch::Copied;
pub use cause::Cause;
pub use cursor::{CursorKey, CursorKeys};
pub use decide::{Attempt, Decision, Keep};
pub use due::Due;
pub use erase::ToErase;
pub use error::{CommitError, StoreError};
pub use fence::{Fate, Fence};
pub use headcount::Headcount;
pub use idempotency::{Begun, Claim, IDEMPOTENCY_LEASE, IDEMPOTENCY_LIFETIME, IdempotencyKey, StoredAnswer};
pub use item::Item;
pub use kind::{Entry, Erased, Index, Indexed, Kept, Key, Kind, Owner, Store};
pub use marker::{Claimed, MARKERS_ARE_KEPT, Marker};
pub use outbox::{OutboxRow, PUBLISHED_ROWS_ARE_KEPT, Unpublished};
pub use outbox_part::{OutboxPart, WrongPart, time_of};
pub use purse::{Balance, Draw, Hold, Purse, Reserved, Settled};
pub use query::{Order, Query};
pub use rate_limit::{RateLimit, RateLimitState, WindowState};
pub use retry::{pause, time_left, within_deadline};
pub use roster::{Listed, Roster};
pub use sortable::sortable;
pub use store::{Consistency, Found, Table, TableNames};
pub use tally::Tally;
pub use totals::Totals;
pub use transaction::{Changes, Condition, LARGEST_TRANSACTION};
pub use usage::{Call, Usage};
pub use window::Window;

/// Has a list of numbers stored as a set, which more can be added to without reading it.
pub use serde_dynamo::number_set;

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[CommitError::CODES, StoreError::CODES];
