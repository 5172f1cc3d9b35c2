//! Every domain event and its envelope: the catalogue.
//!
//! Owns the names, the versions and the shapes of what is told to other parts. It must not know how an event
//! is stored or carried.

mod catalogue;
mod envelope;

pub use catalogue::*;
pub use envelope::{ActorRef, Aggregate, Envelope, Event, NewEvent, SOURCE};
