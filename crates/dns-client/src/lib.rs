//! Looks TXT records up.
//!
//! Owns which name servers are asked, how long that may take, and what counts as an answer. It must not know
//! what the records are for.

mod client;
mod servers;

pub use client::{DnsClient, DnsError};
pub use servers::{Servers, WrongServers};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[DnsError::CODES];
