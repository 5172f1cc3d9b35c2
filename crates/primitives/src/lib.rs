//! The vocabulary every other crate shares: typed ids, email addresses, names, the clock, randomness, pages
//! and the fault model.
//!
//! This crate does no I/O and knows nothing of Lambda, HTTP or `DynamoDB`.

mod clock;
mod email;
mod expected;
mod fault;
mod field;
mod fold;
mod id;
mod ids;
pub mod json;
mod keys;
mod locale;
mod name;
mod network;
mod page;
mod phone;
mod schema;
mod secret;
mod slug;
mod text;
mod time;
mod time_zone;

pub use clock::Clock;
pub use email::{Email, EmailDomain, InvalidEmail, InvalidEmailDomain};
pub use expected::Expected;
pub use fault::{Fault, FaultCode, FaultKind};
pub use fault_derive::Fault;
pub use field::{FieldCode, Invalid, refused};
pub use fold::folded;
pub use id::*;
pub use ids::Ids;
pub use jiff::{SignedDuration, Timestamp};
pub use keys::Keys;
pub use locale::{InvalidLocale, Locale};
pub use name::{InvalidName, Name, visible};
pub use network::{InvalidNetwork, Network};
pub use page::{InvalidLimit, Limit, Page};
pub use phone::{NoPhoneNumber, PhoneNumber};
pub use secret::{Secret, random_secret};
pub use slug::{InvalidSlug, Slug};
pub use text::{InvalidText, Text};
pub use time::{InvalidTime, Time};
pub use time_zone::{TimeZone, UnknownTimeZone};
