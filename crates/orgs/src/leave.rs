//! The end of somebody's memberships, because of who they are and not of what happens in an organization.

use access::{Role, Tenant};
use events::NewEvent;
use identity_core::{Membership, keys::Membership as MembershipKey};
use primitives::UserId;
use table::{Cause, Changes, Consistency, Decision, Item, Listed, Table};

use crate::{
    Member, OrgError,
    events::{Left, MemberRemoved},
    keys,
    org::owners,
};

async fn memberships(table: &Table, user_id: UserId) -> Result<Vec<Membership>, OrgError> {
    Ok(table.first(&MembershipKey::all(user_id).strong(), 100).await?)
}

/// Refuses a person who is the only owner of an organization: it would be nobody's.
pub async fn require_other_owners(table: &Table, user_id: UserId) -> Result<(), OrgError> {
    let memberships = memberships(table, user_id).await?;
    let owned = memberships.into_iter().filter(|membership| membership.role == Role::Owner);
    let owned: Vec<_> = owned.map(|owned| keys::Owners::key(Tenant::trusted(owned.org_id))).collect();
    if owned.is_empty() {
        return Ok(());
    }
    let mut found = table.get_many(&owned, Consistency::Strong).await?;
    for key in &owned {
        let listed: Option<Listed> = found.take(key)?;
        if listed.is_none_or(|listed| listed.len() < 2) {
            return Err(OrgError::LastOwner);
        }
    }
    Ok(())
}

/// Takes a person out of all of their organizations, each by itself. Whoever is the only owner of one stays
/// in it, and that is an error: an organization always has an owner.
pub async fn leave_all(table: &Table, cause: &Cause, user_id: UserId) -> Result<(), OrgError> {
    for membership in memberships(table, user_id).await? {
        leave(table, cause, &membership).await?;
    }
    Ok(())
}

async fn leave(table: &Table, cause: &Cause, membership: &Membership) -> Result<(), OrgError> {
    let (tenant, user_id) = (Tenant::trusted(membership.org_id), membership.user_id);
    let leave = |_| async move {
        let keys = [keys::Member::key(tenant, membership.member_id), MembershipKey::key(user_id, tenant)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [member, place] = keys;
        let (member, place): (Option<Member>, Option<Membership>) =
            (found.take(&member)?, found.take(&place)?);
        let Some((member, place)) = member.zip(place) else { return Ok(Decision::done(())) };
        let event = MemberRemoved { member: member.resource(member.version()), via: Left::Erasure };
        let event = NewEvent::new(Some(tenant.org_id()), &member.member_id, member.next_version(), &event);
        let changes = Changes::new().delete(&member).delete(&place).publish(event);
        if place.role != Role::Owner {
            return Ok(Decision::commit(changes, ()));
        }
        let owners = owners(tenant.org_id());
        let changes = changes.and(owners.remove(&member.member_id.to_string(), 1));
        Ok(Decision::commit(changes, ()).unless(owners.key(), Err(OrgError::LastOwner)))
    };
    table.decide(cause, leave).await
}
