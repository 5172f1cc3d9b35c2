//! Organizations and their members.
//!
//! Owns the organization's record, its slug and its list of members. It must not know HTTP, trials or
//! subscriptions: who needs those in the same transaction joins the changes.

pub mod api;
mod error;
pub mod events;
pub mod keys;
mod leave;
mod member;
mod org;
mod oversight;
mod policies;

pub use error::OrgError;
pub use leave::{leave_all, require_other_owners};
pub use member::{Member, members, places_of, readdressed};
pub use org::{Founder, MOST_MEMBERSHIPS, NewOrg, Org, create, current, owners, refusals};
pub use oversight::{Overseen, members_of, with_slug, with_slugs};
pub use policies::{Policies, policies, set_mfa_policy};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[OrgError::CODES];
