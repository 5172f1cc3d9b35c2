use access::{Permission, Permit, Role, Tenant, needs::ReadMembers};
use primitives::{Email, Limit, MemberId, OrgId, Page, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{CursorKeys, Index, Item, Key, Query, Table};

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

    /// Only those who may read billing: they are written to, and must be found among any number of members.
    fn index(&self) -> Option<Index> {
        let (tenant, role, member) = (Tenant::trusted(self.org_id), self.role, self.member_id);
        role.holds(Permission::ReadBilling).then_some(Index::MemberByRole { tenant, role, member })
    }
}

/// A person's place in an organization, seen from the person: which organizations they belong to, with what a
/// list of them shows. That there is one for each person and organization keeps a person from joining twice.
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
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadMembers>,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Member>, OrgError> {
    let query = Query::prefix("member", Key::Org(reader.tenant()).pk(), "MEMBER#");
    Ok(table.page(&query, limit, cursor, cursors).await?)
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn only_who_may_read_billing_is_found_by_role() {
        let found = Role::ALL.map(|role| {
            let member = Member {
                org_id: Ids::unguessable(),
                member_id: Ids::unguessable(),
                user_id: Ids::unguessable(),
                email: "ada@example.com".parse().unwrap(),
                role,
                joined_at: Timestamp::UNIX_EPOCH,
                sessions_valid_after: None,
                version: 0,
            };
            member.index().map(|index| (index.pk(), index.sk()))
                == Some((format!("ORG_ROLE#{}", member.org_id), format!("{role}#{}", member.member_id)))
        });
        assert_eq!(found, [true, true, false, false]);
    }
}
