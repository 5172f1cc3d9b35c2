//! The keys by which programs act for an organization: made, changed, rotated and taken back by its members.
//!
//! What a key is worth when it is shown is decided where tokens are (`identity`); it must not know HTTP.

pub mod api;
mod error;
pub mod events;
mod operations;

pub use error::ApiKeyError;
pub use operations::{Change, Made, NewKey, change, create, key, keys_of, revoke, rotate};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[ApiKeyError::CODES];
