//! How somebody's place in an organization changes and how it ends.
//!
//! A place is two items that are written together: the row of the organization's list, and the membership
//! that the person's requests are allowed by. The row's version is the condition of both.

use access::{
    AccessError, Permit, Principal, Role, Tenant,
    needs::{ReadOrganization, WriteMembers, WriteOwners},
};
use events::NewEvent;
use identity_core::{Membership, keys::Membership as MembershipKey};
use primitives::{Expected, MemberId, OrgId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use table::{Cause, Changes, Consistency, Decision, Item, Key, Listed, Table};

use crate::{
    Member, OrgError,
    caps::{memberships, owners},
    events::{Left, MemberRemoved, MemberUpdated},
    invite::Invite,
    keys,
    seats::Seats,
};

/// That somebody was a member: no invite from before lets that person in again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FormerMember {
    org_id: OrgId,
    user_id: UserId,
    pub(crate) removed_at: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for FormerMember {
    fn key(&self) -> Key {
        keys::FormerMember::key(Tenant::trusted(self.org_id), self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// No invite lives longer.
    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.removed_at + Invite::LONGEST)
    }
}

/// What a change of a place is decided on.
struct Place {
    member: Member,
    owners: Listed,
}

impl Place {
    async fn read(table: &Table, tenant: Tenant, member_id: MemberId) -> Result<Option<Self>, OrgError> {
        let keys = [keys::Member::key(tenant, member_id), keys::Owners::key(tenant)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [member, owners] = keys;
        let (member, owners) = (found.take(&member)?, found.take(&owners)?);
        Ok(member.zip(owners).map(|(member, owners)| Self { member, owners }))
    }

    /// The same person in another role. An organization always has an owner.
    fn with_role(self, role: Role) -> Result<(Member, Changes), OrgError> {
        let Self { member, owners: listed } = self;
        let (id, roster) = (member.member_id.to_string(), owners(member.org_id));
        let (after, changes) = in_role(member.clone(), role);
        let changes = match (member.role, role) {
            (Role::Owner, Role::Owner) => changes,
            (Role::Owner, _) if listed.len() < 2 => return Err(OrgError::LastOwner),
            (Role::Owner, _) => changes.and(roster.remove(&id, 1)),
            (_, Role::Owner) if roster.is_full(Some(&listed)) => return Err(OrgError::too_many_owners()),
            (_, Role::Owner) => changes.and(roster.add(&id, &true)),
            _ => changes,
        };
        Ok((after, changes))
    }

    /// The end of the place, with that of an invite to the same address.
    fn ended(self, via: Left, invite: Option<Invite>, now: Timestamp) -> Result<Changes, OrgError> {
        let Self { member, owners: listed } = self;
        let (tenant, user_id) = (Tenant::trusted(member.org_id), member.user_id);
        let event = MemberRemoved { member: member.resource(member.version()), via };
        let event = NewEvent::new(Some(member.org_id), &member.member_id, member.next_version(), &event);
        let voided = invite.map_or_else(Changes::new, |invite| invite.revoked(now));
        let seats = Seats::of(tenant).give_back(1 + u32::from(!voided.is_empty()));
        let changes = Changes::new()
            .delete(&member)
            .remove(MembershipKey::key(user_id, tenant))
            .and(memberships(user_id).subtract(1))
            .and(seats)
            .publish(event)
            .and(voided);
        let former = FormerMember { org_id: member.org_id, user_id, removed_at: now, version: 0 };
        // of whoever is erased nothing is left, and nobody comes back
        let changes = if via == Left::Erasure { changes } else { changes.overwrite(&former) };
        match member.role {
            Role::Owner if listed.len() < 2 => Err(OrgError::LastOwner),
            Role::Owner => Ok(changes.and(owners(member.org_id).remove(&member.member_id.to_string(), 1))),
            _ => Ok(changes),
        }
    }
}

/// The member in another role, and the person's side of it.
fn in_role(member: Member, role: Role) -> (Member, Changes) {
    let previous = Map::from_iter([("role".to_owned(), json!(member.role))]);
    let after = Member { role, ..member };
    let event = MemberUpdated { member: after.resource(after.next_version()), previous };
    let event = NewEvent::new(Some(after.org_id), &after.member_id, after.next_version(), &event);
    let membership = MembershipKey::key(after.user_id, Tenant::trusted(after.org_id));
    let changes = Changes::new().replace(&after).set(&membership, "role", &role).publish(event);
    (Member { version: after.next_version(), ..after }, changes)
}

/// Refuses what is about owners to whoever is none, or showed who they are too long ago.
pub(crate) fn require_owner<P>(
    permit: &Permit<P>,
    principal: &Principal,
    now: Timestamp,
) -> Result<(), AccessError> {
    permit.permit::<WriteOwners>()?;
    principal.require_fresh(now)
}

/// Gives a member another role. To make an owner of somebody, or something else of an owner, takes an owner
/// with a fresh proof.
pub async fn set_role(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteMembers>,
    principal: &Principal,
    (member_id, expected): (MemberId, &Expected),
    role: Option<Role>,
) -> Result<Member, OrgError> {
    let decide = |_| async move {
        let place = Place::read(table, permit.tenant(), member_id).await?.ok_or(OrgError::NotFound)?;
        expect(expected, place.member.version())?;
        let Some(role) = role.filter(|role| *role != place.member.role) else {
            return Ok(Decision::done(place.member));
        };
        if [place.member.role, role].contains(&Role::Owner) {
            require_owner(permit, principal, table.clock().now())?;
        }
        let (member, changes) = place.with_role(role)?;
        Ok(Decision::commit(changes, member))
    };
    table.decide(cause, decide).await
}

/// Makes an owner of another member; whoever did so has this role from then on.
pub async fn transfer_ownership(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteOwners>,
    member_id: MemberId,
    own_role: Role,
) -> Result<Member, OrgError> {
    if member_id == permit.member_id {
        return Err(OrgError::AlreadyTheirs);
    }
    let tenant = permit.tenant();
    let roster = owners(tenant.org_id());
    let roster = &roster;
    let decide = |_| async move {
        let keys = [member_id, permit.member_id].map(|id| keys::Member::key(tenant, id));
        let [to, from] = &keys;
        let all = [to.clone(), from.clone(), roster.key().clone()];
        let mut found = table.get_many(&all, Consistency::Strong).await?;
        let to: Member = found.take(to)?.ok_or(OrgError::NotFound)?;
        let from: Member = found.take(from)?.ok_or(OrgError::NotFound)?;
        let listed: Option<Listed> = found.take(roster.key())?;
        let (old, new) = (from.member_id.to_string(), to.member_id.to_string());
        let stays = own_role == Role::Owner;
        let listing = match (to.role == Role::Owner, stays) {
            (true, true) => return Ok(Decision::done(to)),
            (true, false) => roster.remove(&old, 1),
            (false, false) => roster.replace(&old, &new, &true),
            (false, true) if roster.is_full(listed.as_ref()) => return Err(OrgError::too_many_owners()),
            (false, true) => roster.add(&new, &true),
        };
        let (to, changes) = match to.role {
            Role::Owner => (to, Changes::new()),
            _ => in_role(to, Role::Owner),
        };
        let changes = if stays { changes } else { changes.and(in_role(from, own_role).1) };
        Ok(Decision::commit(changes.and(listing), to))
    };
    table.decide(cause, decide).await
}

/// Takes a member out. Taking an owner out takes an owner with a fresh proof.
pub async fn remove(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteMembers>,
    principal: &Principal,
    (member_id, expected): (MemberId, &Expected),
) -> Result<(), OrgError> {
    let decide = |_| async move {
        let tenant = permit.tenant();
        let place = Place::read(table, tenant, member_id).await?.ok_or(OrgError::NotFound)?;
        expect(expected, place.member.version())?;
        let now = table.clock().now();
        if place.member.role == Role::Owner {
            require_owner(permit, principal, now)?;
        }
        let invite = Invite::to(table, tenant, &place.member.email).await?;
        Ok(Decision::commit(place.ended(Left::Removal, invite, now)?, ()))
    };
    table.decide(cause, decide).await
}

/// Takes the actor out of the session's organization.
pub async fn leave(table: &Table, cause: &Cause, permit: &Permit<ReadOrganization>) -> Result<(), OrgError> {
    end(table, cause, permit.tenant(), permit.member_id, Left::Leave).await
}

/// A person's places in their organizations.
async fn places(table: &Table, user_id: UserId) -> Result<Vec<Membership>, OrgError> {
    Ok(table.first(&MembershipKey::all(user_id).strong(), 100).await?)
}

/// Refuses a person who is the only owner of an organization: it would be nobody's.
pub async fn require_other_owners(table: &Table, user_id: UserId) -> Result<(), OrgError> {
    let places = places(table, user_id).await?;
    let owned = places.into_iter().filter(|place| place.role == Role::Owner);
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
    for place in places(table, user_id).await? {
        end(table, cause, Tenant::trusted(place.org_id), place.member_id, Left::Erasure).await?;
    }
    Ok(())
}

/// Ends a place; one that is not there has ended.
async fn end(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    member_id: MemberId,
    via: Left,
) -> Result<(), OrgError> {
    let decide = |_| async move {
        let Some(place) = Place::read(table, tenant, member_id).await? else { return Ok(Decision::done(())) };
        let invite = Invite::to(table, tenant, &place.member.email).await?;
        Ok(Decision::commit(place.ended(via, invite, table.clock().now())?, ()))
    };
    table.decide(cause, decide).await
}

fn expect(expected: &Expected, current: u64) -> Result<(), OrgError> {
    if expected.admits(current) { Ok(()) } else { Err(OrgError::VersionMismatch { current }) }
}
