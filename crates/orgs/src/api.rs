//! Organizations and members as the API shows them and events tell of them.

use access::{MfaMode, MfaPolicy, Role};
use primitives::{Email, MemberId, OrgId, Slug, Time, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// The organization.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: Slug,
    /// Since when.
    pub created_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// A member of the organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The membership.
    pub id: MemberId,
    /// The person.
    pub user_id: UserId,
    /// The person's address.
    pub email: Email,
    /// What the person may do. Treat a word that you do not know as the least.
    pub role: Role,
    /// Since when.
    pub joined_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// Whether members show a second factor when they sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[schema(as = MfaPolicy)]
pub struct Mfa {
    /// Whether it is asked for.
    pub mode: MfaMode,
    /// Until when those may come without who have none yet. Null is no grace.
    #[schemars(with = "Option<String>")]
    pub grace_ends_at: Option<Time>,
}

impl From<MfaPolicy> for Mfa {
    fn from(policy: MfaPolicy) -> Self {
        Self { mode: policy.mode, grace_ends_at: policy.grace_ends_at.map(Time::from) }
    }
}

events::resources! { Organization Member }
