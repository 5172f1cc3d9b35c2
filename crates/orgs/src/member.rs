use access::{Actor, Permission, Role, Tenant};
use primitives::{Email, Keys, Limit, MemberId, OrgId, Page, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{CursorKey, Item, Key, Query, Table};

use crate::OrgError;

/// A person's place in an organization, seen from the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The organization.
    pub org_id: OrgId,
    /// The membership.
    pub member_id: MemberId,
    /// The person.
    pub user_id: UserId,
    /// The person's address.
    pub email: Email,
    /// What the person may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
    /// Tokens from before are void: moved when the role is lowered.
    pub sessions_valid_after: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Member {
    fn key(&self) -> Key {
        Key::Member(Tenant::trusted(self.org_id), self.member_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// A person's place in an organization, seen from the person: which organizations they belong to, with what a list of them shows. That
/// there is one for each person and organization keeps a person from joining twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The person.
    pub user_id: UserId,
    /// The organization.
    pub org_id: OrgId,
    /// The membership.
    pub member_id: MemberId,
    /// What the person may do.
    pub role: Role,
    /// The organization's name.
    pub org_name: String,
    /// The organization's name in URLs.
    pub org_slug: String,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Membership {
    fn key(&self) -> Key {
        Key::Membership(self.user_id, Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// One page of the members of the actor's organization, oldest first.
pub async fn members(
    table: &Table,
    cursors: &Keys<CursorKey>,
    actor: &Actor,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Member>, OrgError> {
    actor.require(Permission::ReadMembers)?;
    let query = Query::prefix("member", Key::Org(actor.tenant()).pk(), "MEMBER#");
    Ok(table.page(&query, limit, cursor, cursors).await?)
}
