//! Operations of the billing domain on a real engine.
#![expect(clippy::unwrap_used, reason = "tests")]

mod erased;
mod gate;
mod grace;
mod parked;
mod stripe_events;
mod support;
mod trials;
