//! The envelope of domain events, and the form in which each domain declares its own.
//!
//! Owns what every event has: name, version, who may get to know it, what people are told about it.
//! It must not know what happened, nor how an event is stored or carried.

mod envelope;
mod kind;
mod resource;
mod told;

pub use envelope::{ActorRef, Aggregate, Envelope, NewEvent, SOURCE};
pub use kind::{Event, EventKind, Reach, example};
pub use resource::previous;
pub use told::{Audience, MailText, PushText, Told};

#[doc(hidden)]
pub use kind::read;
#[doc(hidden)]
pub use {schemars, serde, serde_json};
