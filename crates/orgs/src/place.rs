//! How somebody's place in an organization changes and how it ends.
//!
//! A place is two items that are written together: the row of the organization's list, and the membership
//! that the person's requests are allowed by. The row's version is the condition of both.

use std::collections::BTreeMap;

use access::{
    Asker, Permit, Role, Tenant,
    needs::{ReadOrganization, WriteMembers, WriteOwners},
};
use events::{Event, NewEvent, previous};
use identity_core::{KnownIn, MadeKeys, User, keys::Membership as MembershipKey};
use primitives::{Expected, MemberId, OrgId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Key, Table};

use crate::{
    Member, Org, OrgError,
    api::ManagedBy,
    break_glass,
    caps::{MOST_OWNERS, all_owned, memberships, owners},
    events::{Left, MemberApiKeysRetained, MemberRemoved, MemberUpdated},
    invite::Invite,
    keys,
    seats::Seats,
};

/// That somebody was a member: no invite from before lets that person in again, nor does a domain alone.
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
}

/// Who owns an organization: which person each membership is.
#[derive(Debug, Deserialize)]
pub(crate) struct Owned {
    m: BTreeMap<String, UserId>,
    pub(crate) version: u64,
}

impl Owned {
    fn is_full(&self) -> bool {
        self.m.len() >= MOST_OWNERS
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = UserId> {
        self.m.values().copied()
    }

    pub(crate) fn others(&self, but: UserId) -> impl Iterator<Item = UserId> {
        self.m.values().copied().filter(move |owner| *owner != but)
    }
}

/// How many owners are looked at before an organization is said to have no other.
const LOOKED_AT: usize = 20;

/// The first of these people whose account stays: it is not about to be erased, and nobody has suspended
/// it. That this is so is a condition of what rests on it.
pub(crate) async fn staying(
    table: &Table,
    people: impl Iterator<Item = UserId>,
) -> Result<Option<(Key, Condition)>, OrgError> {
    let keys: Vec<_> = people.take(LOOKED_AT).map(identity_core::keys::User::key).collect();
    if keys.is_empty() {
        return Ok(None);
    }
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    for key in keys {
        let person: Option<User> = found.take(&key)?;
        if let Some(person) = person.filter(stays) {
            return Ok(Some((key, Condition::VersionIs(person.version()))));
        }
    }
    Ok(None)
}

/// That an organization is about to be erased, where it is: then it needs no owner. A condition of what rests
/// on it, since it may be restored.
async fn deleted(table: &Table, tenant: Tenant) -> Result<Option<(Key, Condition)>, OrgError> {
    let org: Option<Org> = table.get(&keys::Org::key(tenant), Consistency::Strong).await?;
    let org = org.filter(|org| org.deletion.is_some());
    Ok(org.map(|org| (org.key(), Condition::VersionIs(org.version()))))
}

/// Whether nothing is about to end this account.
pub(crate) fn stays(person: &User) -> bool {
    person.deletion.is_none() && person.suspended_at().is_none()
}

/// What a change of a place is decided on.
struct Place {
    member: Member,
    owners: Owned,
}

/// What hangs on a place.
struct Hanging {
    /// An open invite to the same address.
    invite: Option<Invite>,
    /// The API keys that the person made; nothing where nobody asks.
    made: Option<MadeKeys>,
    /// The version of the gate, where it says that the organization keeps those.
    keeps_keys: Option<u64>,
    /// What it means for those who come in past the identity provider: a change of the gate, where it is one.
    glass: Changes,
}

/// What of the gate is about keys.
#[derive(Deserialize)]
struct OfGate {
    #[serde(default)]
    keeps_keys: bool,
    version: u64,
}

impl Place {
    async fn read(table: &Table, tenant: Tenant, member_id: MemberId) -> Result<Option<Self>, OrgError> {
        let keys = [keys::Member::key(tenant, member_id), keys::Owners::key(tenant)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [member, owners] = keys;
        let (member, owners) = (found.take(&member)?, found.take(&owners)?);
        Ok(member.zip(owners).map(|(member, owners)| Self { member, owners }))
    }

    /// Whether an owner is left who stays, where this one goes.
    async fn other(&self, table: &Table) -> Result<Option<(Key, Condition)>, OrgError> {
        staying(table, self.owners.others(self.member.user_id)).await
    }

    /// The same person in another role. An organization always has an owner whose account stays: `stays` is
    /// that of another one where an owner becomes something else, and this person's where it becomes one.
    fn with_role(self, role: Role, stays: Option<(Key, Condition)>) -> Result<(Member, Changes), OrgError> {
        let Self { member, owners: listed } = self;
        let (id, roster) = (member.member_id.to_string(), owners(member.org_id));
        let (after, changes) = in_role(member.clone(), role);
        let changes = match (member.role, role) {
            (Role::Owner, Role::Owner) => changes,
            (Role::Owner, _) => {
                let (key, condition) = stays.ok_or(OrgError::LastOwner)?;
                changes.and(roster.remove(&id, 1)).require(key, condition)
            }
            (_, Role::Owner) if listed.is_full() => return Err(OrgError::too_many_owners()),
            (_, Role::Owner) => {
                let (key, condition) = stays.ok_or(OrgError::MemberInactive)?;
                changes.and(roster.add(&id, &member.user_id)).require(key, condition)
            }
            _ => changes,
        };
        Ok((after, changes))
    }

    /// What ends with it.
    async fn hanging(&self, table: &Table, tenant: Tenant, via: Left) -> Result<Hanging, OrgError> {
        let invite = Invite::to(table, tenant, &self.member.email).await?;
        let made = MadeKeys::by(table, tenant, self.member.member_id).await?;
        // whoever is erased goes whatever that means; read first, so that it holds for what is read of keys
        let glass = match via {
            Left::Erasure => Changes::new(),
            _ => break_glass::without(table, &self.member).await?,
        };
        let gate = identity_core::keys::Gate::key(tenant);
        let gate: Option<OfGate> =
            if made.is_empty() { None } else { table.get(&gate, Consistency::Strong).await? };
        Ok(Hanging {
            glass,
            invite,
            made: Some(made),
            keeps_keys: gate.filter(|gate| gate.keeps_keys).map(|gate| gate.version),
        })
    }

    /// The end of the place, with that of an invite to the same address. Where it is an owner's, `other` is
    /// an owner who stays; of whoever is erased it is enough that there is another, or that the organization
    /// is deleted, which `other` is then.
    fn ended(
        self,
        via: Left,
        other: Option<(Key, Condition)>,
        Hanging { invite, made, keeps_keys, glass }: Hanging,
        now: Timestamp,
    ) -> Result<Changes, OrgError> {
        let Self { member, owners: listed } = self;
        let (tenant, user_id) = (Tenant::trusted(member.org_id), member.user_id);
        let shown = member.resource(member.version());
        let ids = made.as_ref().map(MadeKeys::ids).unwrap_or_default();
        let version = member.next_version();
        let changes = if let Some(seen) = keeps_keys {
            let event = MemberRemoved { member: shown.clone(), via, revoked_api_keys: Vec::new() };
            let changes = made.map_or_else(Changes::new, |made| made.kept(member.role));
            let gate = (identity_core::keys::Gate::key(tenant), Condition::VersionIs(seen));
            // the gate is changed at the version that was read, where it is
            let changes = if glass.is_empty() { changes.require(gate.0, gate.1) } else { changes };
            let kept = MemberApiKeysRetained { member: shown, api_keys: ids };
            changes.publish(of_place(&member, version, &event)).publish(of_place(&member, version, &kept))
        } else {
            let event = MemberRemoved { member: shown, via, revoked_api_keys: ids };
            let changes = made.map_or_else(Changes::new, |made| made.revoked(now));
            changes.publish(of_place(&member, version, &event))
        };
        let voided = invite.map_or_else(Changes::new, |invite| invite.revoked(now));
        let promised = u32::from(!voided.is_empty());
        let seats = Seats::of(tenant).leave(1 + promised, promised);
        let changes = changes
            .and(glass)
            .delete(&member)
            .remove(MembershipKey::key(user_id, tenant))
            .and(memberships(user_id).subtract(1))
            .and(seats)
            .and(voided);
        let former = FormerMember { org_id: member.org_id, user_id, removed_at: now, version: 0 };
        // the organization's log names the person, until an erasure comes there
        let changes = changes.overwrite(&KnownIn::new(user_id, member.org_id, &member.member_id));
        // of whoever is erased nothing is left, also not in the rows about that, and nobody comes back
        let changes = if via == Left::Erasure { changes.nameless() } else { changes.overwrite(&former) };
        if member.role != Role::Owner {
            return Ok(changes);
        }
        let changes = changes.and(all_owned(user_id).subtract(1));
        // of an organization that is deleted the last one goes too
        let least = usize::from(listed.m.len() > 1 || via != Left::Erasure);
        let changes = changes.and(owners(member.org_id).remove(&member.member_id.to_string(), least));
        match other {
            Some((key, condition)) => Ok(changes.require(key, condition)),
            None if via == Left::Erasure && listed.m.len() > 1 => Ok(changes),
            None => Err(OrgError::LastOwner),
        }
    }
}

/// Takes a member out of whom the organization's directory says so, with all that hangs on the membership:
/// nothing where that has ended.
pub async fn deprovision(
    table: &Table,
    tenant: Tenant,
    member_id: MemberId,
) -> Result<Option<Changes>, OrgError> {
    let Some(place) = Place::read(table, tenant, member_id).await? else { return Ok(None) };
    let other = if place.member.role == Role::Owner { place.other(table).await? } else { None };
    let hanging = place.hanging(table, tenant, Left::Scim).await?;
    place.ended(Left::Scim, other, hanging, table.clock().now()).map(Some)
}

fn of_place(member: &Member, version: u64, event: &impl Event) -> NewEvent {
    NewEvent::new(Some(member.org_id), &member.member_id, version, event)
}

/// The member in another role, and the person's side of it. No directory makes an owner of somebody.
pub(crate) fn in_role(member: Member, role: Role) -> (Member, Changes) {
    let managed_by = member.managed_by.filter(|_| role != Role::Owner);
    changed(member, role, managed_by)
}

/// The same, of whom this one says what the person may do.
pub(crate) fn changed(member: Member, role: Role, managed_by: Option<ManagedBy>) -> (Member, Changes) {
    let owned = all_owned(member.user_id);
    let owned = match (member.role, role) {
        (Role::Owner, Role::Owner) => Changes::new(),
        (Role::Owner, _) => owned.subtract(1),
        (_, Role::Owner) => owned.add(1),
        _ => Changes::new(),
    };
    let version = member.next_version();
    let before = member.resource(version);
    let after = Member { role, managed_by, ..member };
    let previous = previous(&before, &after.resource(version));
    let event = MemberUpdated { member: after.resource(version), previous };
    let event = NewEvent::new(Some(after.org_id), &after.member_id, version, &event);
    let membership = MembershipKey::key(after.user_id, Tenant::trusted(after.org_id));
    let changes = owned.replace(&after).set(&membership, "role", &role).publish(event);
    (Member { version, ..after }, changes)
}

/// Gives a member another role, whose role no group of the directory gives. To make an owner of somebody, or
/// something else of an owner, takes an owner with a fresh proof: directories say nothing of owners.
pub async fn set_role(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteMembers>,
    asker: Asker<'_>,
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
            asker.require_owner(permit, table.clock().now())?;
        } else if place.member.managed_by.is_some() {
            // what a group says at this moment changes the member, whose version is a condition
            return Err(OrgError::ManagedByDirectory);
        }
        let stays = match (place.member.role, role) {
            (Role::Owner, _) => place.other(table).await?,
            (_, Role::Owner) => staying(table, [place.member.user_id].into_iter()).await?,
            _ => None,
        };
        let glass = break_glass::without(table, &place.member).await?;
        let (member, changes) = place.with_role(role, stays)?;
        Ok(Decision::commit(changes.and(glass), member))
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
        let listed: Option<Owned> = found.take(roster.key())?;
        let (key, condition) =
            staying(table, [to.user_id].into_iter()).await?.ok_or(OrgError::MemberInactive)?;
        let (old, new) = (from.member_id.to_string(), to.member_id.to_string());
        let stays = own_role == Role::Owner;
        let glass = if stays { Changes::new() } else { break_glass::without(table, &from).await? };
        let listing = match (to.role == Role::Owner, stays) {
            (true, true) => return Ok(Decision::done(to)),
            (true, false) => roster.remove(&old, 1),
            (false, false) => roster.replace(&old, &new, &to.user_id),
            (false, true) if listed.is_some_and(|listed| listed.is_full()) => {
                return Err(OrgError::too_many_owners());
            }
            (false, true) => roster.add(&new, &to.user_id),
        };
        let (to, changes) = match to.role {
            Role::Owner => (to, Changes::new()),
            _ => in_role(to, Role::Owner),
        };
        let changes = if stays { changes } else { changes.and(in_role(from, own_role).1) };
        Ok(Decision::commit(changes.and(listing).and(glass).require(key, condition), to))
    };
    table.decide(cause, decide).await
}

/// Takes a member out. Taking an owner out takes an owner with a fresh proof. Nobody needs to be taken out
/// who is not there: the answer may have been lost.
pub async fn remove(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteMembers>,
    asker: Asker<'_>,
    (member_id, expected): (MemberId, &Expected),
) -> Result<(), OrgError> {
    let decide = |_| async move {
        let tenant = permit.tenant();
        let Some(place) = Place::read(table, tenant, member_id).await? else { return Ok(Decision::done(())) };
        expect(expected, place.member.version())?;
        let now = table.clock().now();
        if place.member.role == Role::Owner {
            asker.require_owner(permit, now)?;
        }
        let other = if place.member.role == Role::Owner { place.other(table).await? } else { None };
        let hanging = place.hanging(table, tenant, Left::Removal).await?;
        Ok(Decision::commit(place.ended(Left::Removal, other, hanging, now)?, ()))
    };
    table.decide(cause, decide).await
}

/// Takes the actor out of the session's organization.
pub async fn leave(table: &Table, cause: &Cause, permit: &Permit<ReadOrganization>) -> Result<(), OrgError> {
    end(table, cause, permit.tenant(), permit.member_id, Left::Leave).await
}

/// Ends a place; one that is not there has ended.
pub(crate) async fn end(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    member_id: MemberId,
    via: Left,
) -> Result<(), OrgError> {
    let decide = |_| async move {
        let Some(place) = Place::read(table, tenant, member_id).await? else { return Ok(Decision::done(())) };
        let other = if place.member.role == Role::Owner { place.other(table).await? } else { None };
        let other = match (other, via) {
            (None, Left::Erasure) if place.owners.m.len() == 1 => deleted(table, tenant).await?,
            (other, _) => other,
        };
        let hanging = place.hanging(table, tenant, via).await?;
        Ok(Decision::commit(place.ended(via, other, hanging, table.clock().now())?, ()))
    };
    table.decide(cause, decide).await
}

fn expect(expected: &Expected, current: u64) -> Result<(), OrgError> {
    if expected.admits(current) { Ok(()) } else { Err(OrgError::VersionMismatch { current }) }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    fn place(role: Role, owners: usize) -> Place {
        let member = Member {
            org_id: Ids::unguessable(),
            member_id: Ids::unguessable(),
            user_id: Ids::unguessable(),
            email: "ada@example.com".parse().unwrap(),
            name: None,
            role,
            managed_by: None,
            joined_at: Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let m = (0..owners).map(|number| (number.to_string(), Ids::unguessable())).collect();
        Place { member, owners: Owned { m, version: 1 } }
    }

    fn nothing() -> Hanging {
        Hanging { invite: None, made: None, keeps_keys: None, glass: Changes::new() }
    }

    /// Somebody whose account stays.
    fn somebody() -> (Key, Condition) {
        (identity_core::keys::User::key(Ids::unguessable()), Condition::VersionIs(1))
    }

    #[test]
    fn an_organization_has_an_owner_who_stays_and_fifty_at_most() {
        for role in [Role::Admin, Role::Member, Role::Viewer] {
            assert!(
                matches!(place(Role::Owner, 2).with_role(role, None), Err(OrgError::LastOwner)),
                "{role}"
            );
            assert_eq!(place(Role::Owner, 2).with_role(role, Some(somebody())).unwrap().0.role, role);
            let full = place(role, MOST_OWNERS).with_role(Role::Owner, Some(somebody()));
            assert!(matches!(full, Err(OrgError::TooManyOwners { limit: MOST_OWNERS })), "{role}");
            let leaving = place(role, 1).with_role(Role::Owner, None);
            assert!(matches!(leaving, Err(OrgError::MemberInactive)), "{role}");
            let (owner, _) = place(role, MOST_OWNERS - 1).with_role(Role::Owner, Some(somebody())).unwrap();
            assert_eq!((owner.role, owner.version), (Role::Owner, 2));
        }
    }

    #[test]
    fn whoever_is_the_last_owner_goes_in_no_way() {
        let now = Timestamp::UNIX_EPOCH;
        for via in [Left::Removal, Left::Leave, Left::Erasure] {
            assert!(matches!(
                place(Role::Owner, 1).ended(via, None, nothing(), now),
                Err(OrgError::LastOwner)
            ));
            assert!(place(Role::Owner, 2).ended(via, Some(somebody()), nothing(), now).is_ok());
            assert!(place(Role::Member, 1).ended(via, None, nothing(), now).is_ok());
            let nobody_stays = place(Role::Owner, 2).ended(via, None, nothing(), now);
            assert_eq!(nobody_stays.is_ok(), via == Left::Erasure, "{via:?}");
        }
    }
}
