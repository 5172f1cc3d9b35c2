//! Identity providers: whom people can sign in with, and what these say of a person.
//!
//! Owns the wire format of OpenID Connect Core 1.0 (the code flow with PKCE) and of GitHub's OAuth, and every
//! check of what comes back. It must not know whose account somebody's account elsewhere is.

mod claims;
mod client;
mod configuration;
mod error;
mod github;
mod id_token;
mod keys;
mod metadata;
mod person;

pub use claims::ClaimSet;
pub use client::{Authorization, OidcClient, Redemption};
pub use configuration::{ClientSecrets, InvalidIssuer, Provider, Providers};
pub use error::OidcError;
pub use person::ExternalPerson;

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[OidcError::CODES];
