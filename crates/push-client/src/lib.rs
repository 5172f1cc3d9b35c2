//! Push notifications and text messages through SNS: platform endpoints and publishing to them, and
//! phones.
//!
//! Owns the one client of SNS and the payloads of Apple's and Google's services. It must not know
//! whose a device or a phone is, nor why it is told something.

mod client;
mod error;
mod notification;
mod text;

pub use client::{Published, PushClient};
pub use error::PushError;
pub use notification::Notification;
pub use text::{TextClient, TextSendError};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[PushError::CODES];
