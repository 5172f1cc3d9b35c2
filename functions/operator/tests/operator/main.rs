//! What operators run by hand, on a real engine.
#![expect(clippy::unwrap_used, reason = "tests")]

mod outbox;
mod stripe;
