//! The audit log of an organization.
//!
//! A row is written with every event, in the transaction of the change. Off that path, `stream-outbox` hands
//! the rows over, organization by organization, and `queue-audit` gives each its place in the organization's
//! chain and copies it to where it is looked for. Each hour `cron-audit-anchors` anchors where chains
//! ended. What is hashed, and how a log is proved, is `audit_chain`'s to say.

mod anchors;
pub mod api;
mod chain;
mod erasure;
mod error;
mod handover;
mod head;
pub mod keys;
mod person;
mod read;
mod view;

pub use anchors::{AnchorError, AnchorRun, anchor_due, anchors, anchors_after};
pub use chain::chain;
pub use erasure::erase;
pub use error::AuditError;
pub use handover::{Handover, Rows, Written};
pub use person::{Erased, Person, erase_own, erase_person, erase_rows, people};
pub use read::{Action, Filter, InvalidAction, event, events, events_after};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[AnchorError::CODES, AuditError::CODES];
