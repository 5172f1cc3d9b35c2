//! What the directory of an organization decides about who belongs to it (SCIM): whom it lets in, whom it
//! takes out, and what they are there. What it is decided on is the caller's to know.

use access::{Role, Tenant};
use identity_core::keys as identity_keys;
use primitives::{Email, MemberId, UserId};
use table::{Changes, Consistency, Key, Table};

use crate::{
    Invite, Member, Org, OrgError,
    accept::Gate,
    api::ManagedBy,
    events::Via,
    joining::{no_room, seated},
    keys,
    place::changed,
    seats::Seats,
};

/// Somebody whom the directory lets in.
#[derive(Clone, Debug)]
pub struct Provision {
    /// The person.
    pub user_id: UserId,
    /// The person's verified address, or the one that the directory answers for.
    pub email: Email,
    /// What others call the person.
    pub name: Option<String>,
    /// The membership that is to be.
    pub member_id: MemberId,
    /// What the person is to be.
    pub role: Role,
    /// Whether a group says so.
    pub managed_by: Option<ManagedBy>,
}

/// What makes a member of somebody, and what it means where a condition does not hold.
#[derive(Debug)]
pub struct Provisioned {
    /// What is to be written. That the person is as it was read is the caller's to add.
    pub changes: Changes,
    /// What it means that there is no room.
    pub refusals: [(Key, OrgError); 2],
}

/// Lets somebody in, who takes a seat or that of an open invite to the same address: two calls.
pub async fn provision(table: &Table, tenant: Tenant, new: Provision) -> Result<Provisioned, OrgError> {
    let now = table.clock().now();
    let keys = [keys::Org::key(tenant), identity_keys::Gate::key(tenant)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [org, gate] = keys;
    let (gate, org): (Option<Gate>, Option<Org>) = (found.take(&gate)?, found.take(&org)?);
    let (gate, org) = gate.zip(org).ok_or(OrgError::NotFound)?;
    gate.admit(now)?;
    let member = Member {
        org_id: org.org_id,
        member_id: new.member_id,
        user_id: new.user_id,
        email: new.email,
        name: new.name,
        role: new.role,
        managed_by: new.managed_by,
        joined_at: now,
        version: 0,
    };
    let changes = seated(table, Via::Scim, (&org, &gate, &member), now).await?;
    Ok(Provisioned { changes, refusals: no_room(tenant, new.user_id) })
}

/// Takes back an open invite to this address of somebody who is no member; nothing where there is none.
pub async fn uninvite(table: &Table, tenant: Tenant, email: &Email) -> Result<Changes, OrgError> {
    let Some(invite) = Invite::to(table, tenant, email).await? else { return Ok(Changes::new()) };
    Ok(invite.revoked(table.clock().now()).and(Seats::of(tenant).leave(1, 1)))
}

/// The member in the role that the directory gives; `managed_by` is whether a group gives it, so that nobody
/// says otherwise by hand. Owners are made and unmade by owners alone.
pub fn directed(member: Member, role: Role, managed_by: Option<ManagedBy>) -> Changes {
    let is_so = member.role == role && member.managed_by == managed_by;
    if is_so || [member.role, role].contains(&Role::Owner) {
        return Changes::new();
    }
    changed(member, role, managed_by).1
}
