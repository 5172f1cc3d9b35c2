//! The directories of organizations, kept by their identity providers with SCIM 2.0 (RFC 7643, RFC 7644):
//! the tokens, the users and groups as the directory has them, the language of filters and patches.
//!
//! A user of a directory is not a member: whether one becomes a member, and when that ends, is decided
//! where both are known (`api-scim`). It must not know HTTP.

pub mod api;
pub mod discovery;
mod erasure;
mod error;
pub mod events;
mod filter;
mod group;
mod items;
pub mod keys;
mod limits;
mod list;
mod patch;
mod path;
mod resource;
mod roles;
mod schema;
mod search;
mod token;
mod tokens;
mod unique;
mod user;
mod walk;

pub use erasure::erase;
pub use error::{Reason, ScimError};
pub use group::{Group, GroupMember, GroupPatch, MOST_MEMBERS_SHOWN, NewGroup};
pub use items::{
    Failure, Failures, Overview, group_with_id, groups, member_ids, members_of, note_failure, overview,
    user_with_id, users_with_ids,
};
pub use limits::{MOST_GROUPS_OF_USER, MOST_MAPPED, MOST_TOKENS, requests};
pub use list::{Listing, Paging, Start, list_groups, list_users};
pub use patch::{Operation, patched, read_operations};
pub use resource::{Shown, normal};
pub use roles::Mapping;
pub use schema::{GROUP, GROUP_SCHEMA, ResourceKind, USER, USER_SCHEMA};
pub use search::Filter;
pub use token::{Presented, Shown as ShownToken, Token, presented};
pub use tokens::{Made, NewToken, create_token, revoke_token, update_group_role};
pub use unique::{Claims, Taken};
pub use user::{Linked, User};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[ScimError::CODES];
