//! Connections of organizations to their own identity providers: by whom people sign in whose address is of
//! the organization's domains, and what they become there.
//!
//! Owns the connections, the secrets by which providers know us, and what follows from a person's groups. It
//! must not know HTTP, nor how somebody signs in, whose a domain is, or how somebody becomes a member.

pub mod api;
mod connection;
mod erasure;
mod error;
pub mod events;
pub mod keys;
pub mod limits;
mod notes;
mod operations;
mod roles;
mod secret;

pub use connection::SsoConnection;
pub use erasure::erase;
pub use error::SsoError;
pub use notes::{note_failure, note_sign_in};
pub use operations::{
    Change, MOST_CONNECTIONS, NewConnection, change, connection_with_id, connections, create, in_use,
    of_tenant, offered, remove, to_change, to_try,
};
pub use roles::{Finding, RoleSaid};
pub use secret::{OpenedSecret, SsoKey, keep_sealed};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[SsoError::CODES];
