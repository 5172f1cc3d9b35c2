use access::{Permit, Role, Tenant, needs::ReadMembers};
use identity_core::Membership;
use primitives::{Email, Limit, MemberId, OrgId, Page, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Condition, Consistency, CursorKeys, Index, Item, Key, Table};

use crate::{
    OrgError,
    api::{self, ManagedBy, MemberStatus},
    caps::memberships,
    keys,
};

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
    /// What others call the person: a copy, some seconds behind.
    #[serde(default)]
    pub name: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// Who says so, where it is not who runs the organization.
    #[serde(default)]
    pub managed_by: Option<ManagedBy>,
    /// Since when.
    pub joined_at: Timestamp,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Member {
    fn key(&self) -> Key {
        keys::Member::key(Tenant::trusted(self.org_id), self.member_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// By role: whoever is written to because of it must be found among any number of members.
    fn index(&self) -> Option<Index> {
        Some(keys::member_by_role(Tenant::trusted(self.org_id), &self.resource(self.next_version())))
    }
}

impl Member {
    /// As the API shows it at this version.
    pub fn resource(&self, version: u64) -> api::Member {
        api::Member {
            id: self.member_id,
            user_id: self.user_id,
            email: self.email.clone(),
            name: self.name.clone(),
            role: self.role,
            status: MemberStatus::Active,
            managed_by: self.managed_by,
            joined_at: self.joined_at.into(),
            version,
        }
    }
}

/// A person's places in their organizations, each as its organization lists it, and that no other was added.
#[derive(Debug)]
pub struct Places {
    members: Vec<Member>,
    counted: (Key, Condition),
}

/// What a tally is compared by.
#[derive(Deserialize)]
struct Counted {
    version: u64,
}

/// A person's places in their organizations: two calls, or three.
pub async fn places_of(table: &Table, user_id: UserId) -> Result<Places, OrgError> {
    let counted = memberships(user_id).key().clone();
    let count: Option<Counted> = table.get(&counted, Consistency::Strong).await?;
    let condition = count.map_or(Condition::Absent, |count| Condition::VersionIs(count.version));
    let query = identity_core::keys::Membership::all(user_id).strong();
    let memberships: Vec<Membership> = table.first(&query, 100).await?;
    let key = |place: &Membership| keys::Member::key(Tenant::trusted(place.org_id), place.member_id);
    let keys: Vec<_> = memberships.iter().map(key).collect();
    let mut members = Vec::with_capacity(keys.len());
    if !keys.is_empty() {
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        for key in &keys {
            members.extend(found.take::<Member>(key)?);
        }
    }
    Ok(Places { members, counted: (counted, condition) })
}

/// The same members with another address. Whoever comes into an organization at this moment does so before or
/// after: never with the address that is given up.
pub fn readdressed(places: Places, email: &Email) -> Changes {
    let Places { members, counted: (key, condition) } = places;
    let other = |member| Member { email: email.clone(), ..member };
    let changes = Changes::new().require(key, condition);
    members.into_iter().map(other).fold(changes, |changes, member| changes.replace(&member))
}

/// One page of the members of the actor's organization, oldest first; of one role alone where that is asked
/// for.
pub async fn members(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadMembers>,
    role: Option<Role>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<api::Member>, OrgError> {
    let tenant = reader.tenant();
    let Some(role) = role else {
        let page = table.page::<Member>(&keys::Member::all(tenant), limit, cursor, cursors).await?;
        return Ok(page.map(|member| member.resource(member.version())));
    };
    let page = table.page(&keys::with_role(tenant, role), limit, cursor, cursors).await?;
    Ok(page.map(|keys::Summary(member)| member))
}

/// One member. What an eventual read misses may be a moment old.
pub async fn member(
    table: &Table,
    reader: &Permit<ReadMembers>,
    member_id: MemberId,
) -> Result<Member, OrgError> {
    let key = keys::Member::key(reader.tenant(), member_id);
    match table.get(&key, Consistency::Eventual).await? {
        Some(member) => Ok(member),
        None => table.get(&key, Consistency::Strong).await?.ok_or(OrgError::NotFound),
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn who_is_found_by_role_is_shown_as_by_id() {
        for role in Role::ALL {
            let member = Member {
                org_id: Ids::unguessable(),
                member_id: Ids::unguessable(),
                user_id: Ids::unguessable(),
                email: "ada@example.com".parse().unwrap(),
                name: Some("Ada".to_owned()),
                role,
                managed_by: None,
                joined_at: Timestamp::UNIX_EPOCH,
                version: 3,
            };
            let index = member.index().unwrap();
            assert_eq!(index.pk, format!("ORG_ROLE#{}", member.org_id));
            assert_eq!(index.sk, format!("{role}#{}", member.member_id));
            let keys::Summary(shown): keys::Summary<api::Member> =
                serde_json::from_value(serde_json::json!({ "summary": index.summary })).unwrap();
            assert_eq!(shown, member.resource(4));
        }
    }
}
