//! The function on a real engine, with services that keep what they are given.
#![expect(clippy::unwrap_used, reason = "tests")]

mod mails;
mod phones;
