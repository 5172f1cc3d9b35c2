//! Our own people who look after everybody's accounts and organizations.
//!
//! Owns who is staff, whose account staff may act on, and what is written down of each look and each act. It
//! must not know what a person's account or an organization is: who acts on one joins the changes.

mod act;
mod error;
pub mod events;
pub mod keys;
mod member;
mod why;

pub use act::{Act, Found, Target, commanded};
pub use error::StaffError;
pub use member::{Appointment, MOST_LISTED, StaffMember, appoint, dismiss, listed, members};
pub use why::{InvalidWhy, Why};

use primitives::{Fault, FaultCode, SignedDuration};
use table::RateLimit;

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[StaffError::CODES];

/// How often one of our staff may ask in any minute.
const REQUESTS_PER_MINUTE: u32 = 300;

/// What one of our staff may ask for.
pub fn requests() -> RateLimit {
    RateLimit::new("admin", [(REQUESTS_PER_MINUTE, SignedDuration::from_mins(1))])
}
