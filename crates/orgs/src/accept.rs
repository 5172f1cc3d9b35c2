//! What whoever is invited does: with the link of the mail, which names the organization and cannot be
//! forged.

use access::{AccessError, AccessSchedule, Full, Open, Permission, Principal, Role, Tenant};
use identity_core::{InviteProof, Membership, User, keys as identity_keys};
use primitives::Timestamp;
use serde::Deserialize;
use table::{Cause, Condition, Consistency, Decision, Table};

use crate::{
    Invite, Member, Org, OrgError,
    api::InviteStatus,
    caps::{MOST_MEMBERSHIPS, memberships, owners},
    events::Via,
    keys,
    org::join,
    place::FormerMember,
    seats::Seats,
};

/// What somebody may know of an invite who has its link.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The invite.
    pub invite: Invite,
    /// The organization.
    pub org: Org,
    /// Who answers for it, as that person is called.
    pub inviter: Option<String>,
}

/// The tenant of a link: the link was made by us for this organization.
fn tenant(link: &InviteProof) -> Tenant {
    Tenant::trusted(link.org_id)
}

/// An invite by its link, which works: two calls.
pub async fn preview(table: &Table, link: &InviteProof) -> Result<Preview, OrgError> {
    let tenant = tenant(link);
    let keys = [keys::Invite::key(tenant, link.invite_id), keys::Org::key(tenant)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [invite, org] = keys;
    let invite: Option<Invite> = found.take(&invite)?;
    let invite = invite.filter(|invite| invite.link() == *link && invite.is_open(table.clock().now()));
    let (invite, org) = invite.zip(found.take(&org)?).ok_or(OrgError::InviteClosed)?;
    let inviter: Option<User> =
        table.get(&identity_keys::User::key(invite.invited_by), Consistency::Eventual).await?;
    let inviter = inviter.and_then(|inviter| inviter.person().profile.name);
    Ok(Preview { invite, org, inviter })
}

/// What decides whether somebody may come in.
#[derive(Deserialize)]
pub(crate) struct Gate {
    deleted_at: Option<Timestamp>,
    suspended_at: Option<Timestamp>,
    pub(crate) access: AccessSchedule,
}

impl Gate {
    /// Whether anybody may come in at all.
    pub(crate) fn admits(&self) -> bool {
        self.deleted_at.is_none() && self.suspended_at.is_none()
    }
}

/// What came of it.
enum Accepted {
    As(Box<Membership>),
    /// Whoever answers for it cannot invite any more: somebody else has to confirm it.
    NeedsConfirmation,
}

/// Makes a member of the person whom the invite was sent to; once for each invite.
pub async fn accept(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    link: &InviteProof,
) -> Result<Membership, OrgError> {
    let tenant = tenant(link);
    let user_id = principal.user_id;
    let id = table.ids().next();
    let decide = |_| async move {
        let now = table.clock().now();
        let keys = [
            keys::Invite::key(tenant, link.invite_id),
            keys::Org::key(tenant),
            identity_keys::Gate::key(tenant),
            identity_keys::Membership::key(user_id, tenant),
            keys::FormerMember::key(tenant, user_id),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [invite, org, gate, place, former] = keys;
        let invite: Invite = found.take(&invite)?.ok_or(OrgError::InviteClosed)?;
        if invite.email != principal.email {
            return Err(OrgError::WrongAccount);
        }
        let place: Option<Membership> = found.take(&place)?;
        if let Some(place) = place {
            let is_this = invite.accepted_as == Some(place.member_id);
            return if is_this {
                Ok(Decision::done(Accepted::As(Box::new(place))))
            } else {
                Err(OrgError::AlreadyMember)
            };
        }
        let former: Option<FormerMember> = found.take(&former)?;
        let is_void = former.is_some_and(|former| invite.created_at <= former.removed_at);
        let gate: Option<Gate> = found.take(&gate)?.filter(Gate::admits);
        let org: Option<Org> = found.take(&org)?;
        let is_open = invite.link() == *link && invite.is_open(now) && !is_void;
        let (org, gate) = org.zip(gate).filter(|_| is_open).ok_or(OrgError::InviteClosed)?;
        let level = gate.access.at(now);
        if !Full::at(level) {
            return Err(AccessError::Restricted { level }.into());
        }
        let answers = identity_keys::Membership::key(invite.invited_by, tenant);
        let inviter: Option<Membership> = table.get(&answers, Consistency::Strong).await?;
        let Some(inviter) = inviter.filter(|inviter| answers_for(&invite, inviter)) else {
            return Ok(Decision::commit(invite.awaiting_confirmation(), Accepted::NeedsConfirmation));
        };
        let member = Member {
            org_id: org.org_id,
            member_id: id,
            user_id,
            email: principal.email.clone(),
            role: invite.role,
            joined_at: now,
            version: 0,
        };
        let changes = join(&org, &member, Via::Invite)
            .and(invite.accepted(&member, now))
            .require(answers, Condition::VersionIs(inviter.version));
        let roster = owners(org.org_id);
        let changes = match member.role {
            Role::Owner => changes.and(roster.add(&member.member_id.to_string(), &true)),
            _ => changes,
        };
        let too_many = OrgError::TooManyMemberships { limit: MOST_MEMBERSHIPS };
        let decision = Decision::commit(changes, Accepted::As(Box::new(org.membership(&member))));
        let decision = decision.unless(memberships(user_id).key(), Err(too_many));
        Ok(decision.unless(roster.key(), Err(OrgError::too_many_owners())))
    };
    match table.decide(cause, decide).await? {
        Accepted::As(membership) => Ok(*membership),
        Accepted::NeedsConfirmation => Err(OrgError::ConfirmationPending),
    }
}

/// Whether this is the membership that answers for the invite, and may invite to that role.
fn answers_for(invite: &Invite, inviter: &Membership) -> bool {
    let needed = match invite.role {
        Role::Owner => Permission::WriteOwners,
        Role::Admin | Role::Member | Role::Viewer => Permission::WriteInvites,
    };
    inviter.member_id == invite.inviter && inviter.role.holds(needed)
}

/// Refuses an invite, without signing in: whoever has the link reads the mail. Refused already: it is so.
pub async fn decline(table: &Table, cause: &Cause, link: &InviteProof) -> Result<(), OrgError> {
    let tenant = tenant(link);
    let decide = |_| async move {
        let key = keys::Invite::key(tenant, link.invite_id);
        let invite: Option<Invite> = table.get(&key, Consistency::Strong).await?;
        let invite = invite.filter(|invite| invite.link() == *link).ok_or(OrgError::InviteClosed)?;
        if invite.status == InviteStatus::Declined {
            return Ok(Decision::done(()));
        }
        let now = table.clock().now();
        if !invite.is_open(now) {
            return Err(OrgError::InviteClosed);
        }
        Ok(Decision::commit(invite.declined(now).and(Seats::of(tenant).give_back(1)), ()))
    };
    table.decide(cause, decide).await
}
