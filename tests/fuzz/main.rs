//! Hostile input for every parser of what comes from outside. Each target has a property that can fail; none
//! is content with "no panic".
//!
//! In `cargo test` each runs for a second from a new seed, which a failure prints. `cargo xtask fuzz [target]
//! [--minutes 10]` runs longer.
//!
//! - `texts.rs`: the parsers of single values
//! - `documents.rs`: signed and structured documents
//! - `requests.rs`: whole requests to each function behind the API, with and without genuine tokens
//! - `programs.rs`, `scim.rs`: the same of keys, the audit log, exports and usage, and of SCIM
//! - `messages.rs`: whole events to each function behind a queue, the stream, a schedule, a rotation or an
//!   operator

#![expect(clippy::unwrap_used, reason = "everything here is test code")]

mod documents;
mod messages;
mod mutation;
mod programs;
mod requests;
mod scim;
mod texts;
mod world;

use std::collections::BTreeSet;

/// A new function takes outside input from its first day on.
#[test]
fn every_function_has_a_target() {
    let registry = local::functions::registry(&local::functions::Hosts::default());
    let functions: BTreeSet<&str> = registry.names().collect();
    let targets: BTreeSet<&str> = requests::FUNCTIONS.iter().chain(messages::FUNCTIONS).copied().collect();
    assert_eq!(
        functions, targets,
        "give the function that is missing a target in tests/fuzz/requests.rs or messages.rs"
    );
}
