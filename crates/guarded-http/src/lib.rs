//! Calls to addresses that somebody else has chosen: an identity provider's, a customer's webhook.
//!
//! Owns which addresses may be called, and how long and how large an answer may be. It must not know what is
//! called, nor why. Nothing else in the product calls an address that was not written by us.

mod address;
mod client;
mod resolver;

pub use address::{Reach, is_public};
pub use client::{Answer, FetchError, GuardedHttp, Limits};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[FetchError::CODES];
