//! What events of usage add up to, and the proof that the counters say so.
//!
//! Pure. Owns what is counted and how parts of it are put together; it must not know the table, nor HTTP.

mod counted;
mod distinct;
mod meter;
mod recount;
mod span;

pub use counted::{Counted, Latest};
pub use distinct::{Distinct, EXACT_UP_TO, SHARD_HOLDS, SHARDS_OF_VALUES, shard_of};
pub use meter::{Aggregation, Dedupe, METERS, Meter};
pub use recount::{Difference, Ledger, Recount, Unreadable};
pub use span::{Span, Window};
