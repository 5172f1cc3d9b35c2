//! The table on a real engine.
#![expect(clippy::unwrap_used, reason = "tests")]

mod caps;
mod deaths;
mod decide;
mod due;
mod fence;
mod late_reads;
mod limits;
mod lost_answers;
mod markers;
mod purse;
mod store;
