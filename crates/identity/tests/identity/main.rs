//! Logins and sessions on a real engine: once each, whatever races, repeats, is stolen or rotates meanwhile.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cap;
mod codes;
mod email_change;
mod list;
mod live;
mod lost_answers;
mod oauth;
mod profile;
mod rotation;
mod sessions;
mod setting;
mod step_up;
mod tokens;
mod wycheproof;
