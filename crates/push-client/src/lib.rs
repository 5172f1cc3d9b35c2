//! Push notifications through SNS: platform endpoints and publishing to them.
//!
//! Owns the one client of SNS and the payloads of Apple's and Google's services. It must not know
//! whose a device is, nor why it is told something.

mod client;
mod error;
mod notification;

pub use client::{Published, PushClient};
pub use error::PushError;
pub use notification::Notification;

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[PushError::CODES];
