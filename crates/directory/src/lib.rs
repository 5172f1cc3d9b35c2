//! The domains of organizations: that one is an organization's, as a TXT record shows, and who may join by
//! it.
//!
//! Owns the domains, what shows whose they are, when that is looked at again, and which connection to an
//! identity provider serves one. It must not know HTTP, nor how somebody becomes a member or signs in.

pub mod api;
mod checks;
mod domain;
mod erasure;
mod error;
pub mod events;
mod joining;
pub mod keys;
pub mod limits;
mod names;
mod operations;
mod serving;

pub use checks::{CheckRun, check_due};
pub use domain::{Domain, MOST};
pub use erasure::erase;
pub use error::DirectoryError;
pub use joining::{Joinable, Verified, joinable, verified};
pub use names::company_of;
pub use operations::{Change, add, domain_with_id, domains, remove, update, verify};
pub use serving::{Serving, serve, serving};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[DirectoryError::CODES];
