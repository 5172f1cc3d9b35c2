//! How somebody comes into an organization by its directory: the one place that decides it, whoever says that
//! the person belongs there. So far that is the organization's identity provider, when it signs somebody in.

use access::{MfaPolicy, Role, SsoPolicy, Tenant};
use identity_core::{Membership, User, keys as identity_keys};
use primitives::MemberId;
use table::{Changes, Consistency, Key, Table};

use crate::{
    Member, Org, OrgError,
    accept::Gate,
    events::Via,
    joining::{no_room, seated},
    keys,
    place::{FormerMember, in_role},
    policies::StoredPolicies,
};

/// What an organization's directory says of somebody.
#[derive(Clone, Copy, Debug)]
pub struct ByDirectory {
    /// The organization.
    pub tenant: Tenant,
    /// What the person becomes who was no member: never an owner.
    pub role: Role,
    /// What a member is from now on, where the directory decides on that too: never an owner. Nobody else's
    /// word than an owner's makes something else of an owner.
    pub keeps_role: Option<Role>,
}

/// Somebody's place in an organization, as it is or will be by the changes.
#[derive(Debug)]
pub struct Admission {
    /// The place.
    pub membership: Membership,
    /// What the organization asks of a second factor.
    pub mfa: MfaPolicy,
    /// What it asks of the way in which people sign in.
    pub sso: SsoPolicy,
    /// What is to be stored for it; nothing where nothing changes.
    pub changes: Changes,
    /// What it means if the condition on one of these items does not hold.
    pub refusals: Vec<(Key, OrgError)>,
}

/// Lets somebody into an organization whose directory says that they belong there: as the member that they
/// are, else as a new one, who takes a seat. The person is to be unchanged in the same transaction.
///
/// Whoever was a member and is none any more does not come back by this, whatever the directory says:
/// somebody who is here invites them. That holds for those whom a person took out, and for those whom the
/// directory itself did.
pub async fn admit(
    table: &Table,
    by: ByDirectory,
    user: &User,
    member_id: MemberId,
) -> Result<Admission, OrgError> {
    let (tenant, user_id, now) = (by.tenant, user.user_id, table.clock().now());
    let not_owner = |role| if role == Role::Owner { Role::Admin } else { role };
    let keys = [
        keys::Org::key(tenant),
        identity_keys::Gate::key(tenant),
        identity_keys::Membership::key(user_id, tenant),
        keys::FormerMember::key(tenant, user_id),
        keys::Policies::key(tenant),
    ];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [org, gate, place, former, policies] = keys;
    let (gate, org): (Option<Gate>, Option<Org>) = (found.take(&gate)?, found.take(&org)?);
    let (gate, org) = gate.zip(org).ok_or(OrgError::NotFound)?;
    let (mfa, sso) = (gate.mfa, gate.sso.clone());
    if let Some(membership) = found.take::<Membership>(&place)? {
        let role = by.keeps_role.map(not_owner).filter(|_| membership.role != Role::Owner);
        let as_is = Admission { membership, mfa, sso, changes: Changes::new(), refusals: Vec::new() };
        let Some(role) = role.filter(|role| *role != as_is.membership.role) else { return Ok(as_is) };
        let key = keys::Member::key(tenant, as_is.membership.member_id);
        let member: Option<Member> = table.get(&key, Consistency::Strong).await?;
        // somebody says otherwise at this moment: it is for the next sign-in then
        let Some(member) = member.filter(|member| member.role == as_is.membership.role) else {
            return Ok(as_is);
        };
        let membership = Membership { role, ..as_is.membership };
        return Ok(Admission { membership, changes: in_role(member, role).1, ..as_is });
    }
    gate.admit(now)?;
    // the account is about to be erased
    if user.deletion.is_some() {
        return Err(OrgError::MemberInactive);
    }
    if found.take::<FormerMember>(&former)?.is_some() {
        return Err(OrgError::WasRemoved);
    }
    let policies: Option<StoredPolicies> = found.take(&policies)?;
    StoredPolicies::admit(policies.as_ref(), &user.email).map_err(|_| OrgError::ForeignDomain)?;
    let member = Member {
        org_id: org.org_id,
        member_id,
        user_id,
        email: user.email.clone(),
        name: user.person().profile.name,
        role: not_owner(by.role),
        managed_by: None,
        joined_at: now,
        version: 0,
    };
    let changes = seated(table, Via::Sso, (&org, &gate, &member), now).await?;
    let (changes, bars) = gate.barring(&member, changes);
    let refusals = no_room(tenant, user_id).into_iter().chain(bars).collect();
    Ok(Admission { membership: org.membership(&member, &sso), mfa, sso, changes, refusals })
}
