//! Domains as the API shows them and events tell of them.

use access::Role;
use primitives::{DomainId, EmailDomain, SsoConnectionId, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A domain of the organization: one that it has shown to be its own, or is to. Those below it are others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Domain {
    /// The domain.
    pub id: DomainId,
    /// Its name, in ASCII.
    pub name: EmailDomain,
    /// Whether it was shown.
    pub status: DomainStatus,
    /// The record that shows it, to be set in DNS, and to stay there: it is looked up again each week.
    pub txt_record: TxtRecord,
    /// Whether people may join whose verified address is of the domain.
    pub capture: Capture,
    /// What they become.
    pub default_role: Role,
    /// The connection to the organization's identity provider by which people sign in whose address is of the
    /// domain, as long as the domain is verified. Null is none.
    pub sso_connection_id: Option<SsoConnectionId>,
    /// Since when it is here.
    pub created_at: Time,
    /// Since when it is verified. Null is that it is not.
    pub verified_at: Option<Time>,
    /// When DNS last answered about the record. Null is never.
    pub checked_at: Option<Time>,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// A TXT record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TxtRecord {
    /// Its name.
    pub name: String,
    /// What it says. Other records of that name do not matter.
    pub value: String,
}

/// Whether a domain is the organization's. Treat a word that you do not know as one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainStatus {
    /// Nobody has shown it yet.
    Pending,
    /// It is.
    Verified,
    /// It was, and its record is gone. It can be verified again.
    Lapsed,
}

/// Whether people may join by a domain. Treat a word that you do not know as that they may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// They may not.
    Off,
    /// They may ask; an owner or an admin decides.
    Request,
    /// They may, when they ask.
    Automatic,
}

/// What people become who join by a domain: nothing that could let others in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefaultRole {
    /// Works in the organization.
    Member,
    /// Looks at it.
    Viewer,
}

impl From<DefaultRole> for Role {
    fn from(role: DefaultRole) -> Self {
        match role {
            DefaultRole::Member => Self::Member,
            DefaultRole::Viewer => Self::Viewer,
        }
    }
}

events::resources! { Domain }
