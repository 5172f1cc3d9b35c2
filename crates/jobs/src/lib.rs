//! Work that takes longer than a request may: who asked for it, how far it is, what it made.
//!
//! Owns what a job is and how it comes to its end. It must not know what a job does, nor HTTP, nor other
//! domains.

pub mod api;
mod error;
pub mod events;
mod job;
pub mod keys;
pub mod limits;
mod operations;

pub use error::JobError;
pub use job::{Asked, Format, Job, LINKS_LAST, Owner, Part, Place, STALE};
pub use operations::{Filter, Moved, Step, cancel, erase, fail, found, list, load, start, step, succeed};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[JobError::CODES];
