//! The audit log of an organization.
//!
//! A row is written with every event, in the transaction of the change. Off that path, `stream-outbox` hands
//! the rows over, organization by organization, and `queue-audit` gives each its place in the organization's
//! chain and copies it to where it is looked for. What is hashed, and how a log is proved, is `audit_chain`'s
//! to say.

pub mod api;
mod chain;
mod erasure;
mod error;
mod handover;
pub mod keys;
mod person;
mod read;
mod view;

pub use chain::chain;
pub use erasure::erase;
pub use error::AuditError;
pub use handover::{Handover, Rows, Written};
pub use person::{Erased, Person, erase_own, erase_person, erase_rows, people};
pub use read::{Action, Filter, InvalidAction, event, events, events_after};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[AuditError::CODES];
