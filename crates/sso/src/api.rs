//! Connections as the API shows them and events tell of them.

use std::collections::BTreeMap;

use access::Role;
use primitives::{DomainId, SsoConnectionId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A connection to an identity provider of the organization's own (OpenID Connect).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SsoConnection {
    /// The connection.
    pub id: SsoConnectionId,
    /// What people call it.
    pub name: String,
    /// The provider, as it calls itself.
    pub issuer: String,
    /// What the provider calls us.
    pub client_id: String,
    /// The last four characters of the secret that it knows us by; empty where that is short.
    pub secret_hint: String,
    /// The domains of the organization that it serves, as long as they are verified.
    pub domain_ids: Vec<DomainId>,
    /// What those become who were no members, where their groups say nothing else.
    pub default_role: Role,
    /// The claim that says in which groups a person is. Null where roles do not follow from groups.
    pub group_claim: Option<String>,
    /// What those become who are in these groups. Of several it is the one that may do most.
    pub group_roles: BTreeMap<String, GroupRole>,
    /// Whether anybody signs in by it.
    pub enabled: bool,
    /// When somebody last signed in by it, to a minute. Null is never.
    pub last_sign_in_at: Option<Time>,
    /// What last kept somebody from signing in, and when, to a minute. Null is nothing.
    pub last_error: Option<SsoFailure>,
    /// Since when it is here.
    pub created_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// What kept somebody from signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SsoFailure {
    /// What it was, in words.
    pub detail: String,
    /// When.
    pub failed_at: Time,
}

/// What people become who sign in for the first time: nothing that could let others in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SsoDefaultRole {
    /// Works in the organization.
    Member,
    /// Looks at it.
    Viewer,
}

/// What a group makes of those who are in it. Nobody becomes an owner by a group, and no owner something
/// else.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GroupRole {
    /// Looks at the organization.
    Viewer,
    /// Works in it.
    Member,
    /// Runs it day by day.
    Admin,
}

impl From<SsoDefaultRole> for Role {
    fn from(role: SsoDefaultRole) -> Self {
        match role {
            SsoDefaultRole::Member => Self::Member,
            SsoDefaultRole::Viewer => Self::Viewer,
        }
    }
}

impl From<GroupRole> for Role {
    fn from(role: GroupRole) -> Self {
        match role {
            GroupRole::Viewer => Self::Viewer,
            GroupRole::Member => Self::Member,
            GroupRole::Admin => Self::Admin,
        }
    }
}

events::resources! { SsoConnection }
