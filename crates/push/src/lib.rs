//! The devices that push notifications reach, and the way of a notification to all devices of an
//! organization.
//!
//! Owns devices and their tokens, the fan-out of an event into deliveries, and the deliveries. What
//! devices show about an event, the event's domain words beside it. It must not know HTTP or
//! Lambda, of members only which people they are in which role, and of sessions only whether they
//! live.

mod alert;
mod delivery;
mod device;
mod devices;
mod error;
pub mod events;
mod fan_out;
pub mod keys;
mod queue;
mod token;

pub use alert::Alert;
pub use delivery::{Courier, Delivery, Sessions};
pub use device::{Device, NewDevice};
pub use devices::{Applications, Devices, Registered};
pub use error::{DeliveryError, DeviceError, FanOutError};
pub use fan_out::FanOut;
pub use queue::DeliveryQueue;
pub use token::{InvalidPushToken, PushToken};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors, without those that workers alone meet.
pub const FAULTS: &[&[FaultCode]] = &[DeviceError::CODES];
