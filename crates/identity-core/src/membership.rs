use access::{Role, Tenant};
use primitives::{MemberId, OrgId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key, StoreError, Table};

use crate::keys;

/// A person's place in an organization, seen from the person: what a request is allowed by, and what a list
/// of their organizations shows. Whoever lets somebody join or leave writes it beside the row of the
/// organization's list of members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The person.
    pub user_id: UserId,
    /// The organization.
    pub org_id: OrgId,
    /// The person's membership in it.
    pub member_id: MemberId,
    /// What the person may do.
    pub role: Role,
    /// Tokens from before are void: moved when the role is lowered.
    pub sessions_valid_after: Option<Timestamp>,
    /// The organization's name.
    pub org_name: String,
    /// The organization's name in URLs.
    pub org_slug: String,
    /// Whether the organization takes those alone who come by its identity provider: a copy, some seconds
    /// behind. What decides is its gate.
    #[serde(default)]
    pub sso_required: bool,
    /// How many changes were stored.
    #[serde(default)]
    pub version: u64,
}

impl Item for Membership {
    fn key(&self) -> Key {
        keys::Membership::key(self.user_id, Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The organizations that a person belongs to: the first 100.
pub async fn memberships(table: &Table, user_id: UserId) -> Result<Vec<Membership>, StoreError> {
    table.first(&keys::Membership::all(user_id), 100).await
}

/// That the log of an organization names a person, and under which id, when no membership says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownIn {
    user_id: UserId,
    /// The organization.
    pub org_id: OrgId,
    /// The membership that was, or the request to join.
    pub target: String,
    #[serde(default)]
    version: u64,
}

impl KnownIn {
    /// That this person was this in the organization.
    pub fn new(user_id: UserId, org_id: OrgId, target: &impl ToString) -> Self {
        Self { user_id, org_id, target: target.to_string(), version: 0 }
    }
}

impl Item for KnownIn {
    fn key(&self) -> Key {
        keys::KnownIn::key(self.user_id, Tenant::trusted(self.org_id), self.target.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Some of the organizations that know a person who is no member of them, and behind which place they go on.
pub async fn known_in(
    table: &Table,
    user_id: UserId,
    (most, after): (usize, Option<&str>),
) -> Result<(Vec<KnownIn>, Option<String>), StoreError> {
    table.after(&keys::KnownIn::all(user_id).strong(), most, after).await
}
