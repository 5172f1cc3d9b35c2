//! What whoever is invited does: with the link of the mail, which names the organization and cannot be
//! forged.

use access::{
    AccessError, AccessSchedule, Deletion, Full, MfaPolicy, Open, Permission, Principal, Role, SsoPolicy,
    Tenant,
};
use identity_core::{InviteProof, Membership, User, keys as identity_keys};
use primitives::{MemberId, Timestamp, UserId};
use serde::Deserialize;
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Key, Table};

use crate::{
    Invite, Member, Org, OrgError,
    api::InviteStatus,
    bars::bars,
    caps::{MOST_MEMBERSHIPS, all_owned, memberships, owners},
    events::Via,
    keys,
    org::join,
    place::{FormerMember, stays},
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
    let org: Option<Org> = found.take(&org)?;
    let org = org.filter(|org| org.deletion.is_none());
    let (invite, org) = invite.zip(org).ok_or(OrgError::InviteClosed)?;
    let inviter: Option<User> =
        table.get(&identity_keys::User::key(invite.invited_by), Consistency::Eventual).await?;
    let inviter = inviter.and_then(|inviter| inviter.person().profile.name);
    Ok(Preview { invite, org, inviter })
}

/// What decides whether somebody may come in, and what is asked of whoever does.
#[derive(Deserialize)]
pub(crate) struct Gate {
    #[serde(default)]
    pub(crate) mfa: MfaPolicy,
    #[serde(default)]
    pub(crate) sso: SsoPolicy,
    deletion: Option<Deletion>,
    suspended_at: Option<Timestamp>,
    pub(crate) access: AccessSchedule,
    /// Whether a directory says who belongs to the organization.
    #[serde(default)]
    has_scim: bool,
    version: u64,
}

impl Gate {
    /// Refuses everybody where nobody may come in at all.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<(), OrgError> {
        if self.deletion.is_some() {
            return Err(OrgError::InviteClosed);
        }
        if self.suspended_at.is_some() {
            return Err(AccessError::OrganizationSuspended.into());
        }
        let level = self.access.at(now);
        if Full::at(level) { Ok(()) } else { Err(AccessError::Restricted { level }.into()) }
    }

    /// That nobody comes in whom the organization's directory has taken out: a condition, so that it holds
    /// whichever of the two was first.
    pub(crate) fn admitting<T>(
        &self,
        member: &Member,
        (changes, output): (Changes, T),
    ) -> Decision<T, OrgError> {
        let (changes, refusals) = self.barring(member, changes);
        let decision = Decision::commit(changes, output);
        refusals.into_iter().fold(decision, |decision, (key, error)| decision.unless(&key, Err(error)))
    }

    /// The changes under that condition, and what it means if it does not hold.
    pub(crate) fn barring(&self, member: &Member, changes: Changes) -> (Changes, Vec<(Key, OrgError)>) {
        let tenant = Tenant::trusted(member.org_id);
        if !self.has_scim {
            // one that begins at this moment may say so with its first word
            let gate = identity_keys::Gate::key(tenant);
            return (changes.require(gate, Condition::VersionIs(self.version)), Vec::new());
        }
        let bars = bars(tenant, member.user_id, [&member.email]);
        let absent = |changes: Changes, key: &Key| changes.require(key.clone(), Condition::Absent);
        let changes = bars.iter().fold(changes, absent);
        (changes, bars.into_iter().map(|key| (key, OrgError::Deprovisioned)).collect())
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
            identity_keys::User::key(user_id),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let [invite, org, gate, place, former, person] = keys;
        let invite: Option<Invite> = found.take(&invite)?;
        let invite = invite.filter(|invite| invite.link() == *link).ok_or(OrgError::InviteClosed)?;
        // as it is now: the address may have changed since the session was looked at
        let user: User = found.take(&person)?.ok_or(OrgError::WrongAccount)?;
        if invite.email != user.email {
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
        let is_void = former.is_some_and(|former| invite.sent_at <= former.removed_at);
        let (gate, org): (Option<Gate>, Option<Org>) = (found.take(&gate)?, found.take(&org)?);
        let is_open = invite.is_open(now) && !is_void;
        let (gate, org) = gate.zip(org).filter(|_| is_open).ok_or(OrgError::InviteClosed)?;
        gate.admit(now)?;
        let answers = (invite.invited_by, invite.inviter, needed(invite.role));
        let Some((answers, condition)) =
            answering(table, tenant, answers, !invite.needs_confirmation).await?
        else {
            return Ok(Decision::commit(invite.awaiting_confirmation(), Accepted::NeedsConfirmation));
        };
        let member = Member {
            org_id: org.org_id,
            member_id: id,
            user_id,
            email: user.email.clone(),
            name: user.person().profile.name,
            role: invite.role,
            managed_by: None,
            joined_at: now,
            version: 0,
        };
        let changes = join((&org, &gate.sso), &member, Via::Invite)
            .and(invite.accepted(&member, now))
            .and(Seats::of(tenant).keep_promise())
            .require(answers, condition)
            .require(person, Condition::VersionIs(user.version()));
        let roster = owners(org.org_id);
        let changes = match member.role {
            Role::Owner => {
                let listed = roster.add(&member.member_id.to_string(), &user_id);
                changes.and(listed).and(all_owned(user_id).add(1))
            }
            _ => changes,
        };
        let too_many = OrgError::TooManyMemberships { limit: MOST_MEMBERSHIPS };
        let accepted = Accepted::As(Box::new(org.membership(&member, &gate.sso)));
        let decision = gate.admitting(&member, (changes, accepted));
        let decision = decision.unless(memberships(user_id).key(), Err(too_many));
        Ok(decision.unless(roster.key(), Err(OrgError::too_many_owners())))
    };
    match table.decide(cause, decide).await? {
        Accepted::As(membership) => Ok(*membership),
        Accepted::NeedsConfirmation => Err(OrgError::ConfirmationPending),
    }
}

/// What whoever answers for an invite to this role must hold.
fn needed(role: Role) -> Permission {
    match role {
        Role::Owner => Permission::WriteOwners,
        Role::Admin | Role::Member | Role::Viewer => Permission::WriteInvites,
    }
}

/// The membership that answers for an invite or a link, with the condition that it is as it was read: it is
/// this one, may invite, and its person's account stays.
pub(crate) async fn answering(
    table: &Table,
    tenant: Tenant,
    (user_id, member_id, permission): (UserId, MemberId, Permission),
    is_known: bool,
) -> Result<Option<(Key, Condition)>, OrgError> {
    let keys = [identity_keys::Membership::key(user_id, tenant), identity_keys::User::key(user_id)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [membership, person] = keys;
    let (place, person): (Option<Membership>, Option<User>) =
        (found.take(&membership)?, found.take(&person)?);
    let is_here = |place: &Membership| place.member_id == member_id && place.role.holds(permission);
    let place = place.filter(is_here).filter(|_| is_known && person.as_ref().is_some_and(stays));
    Ok(place.map(|place| (membership, Condition::VersionIs(place.version))))
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
        Ok(Decision::commit(invite.declined(now).and(Seats::of(tenant).leave(1, 1)), ()))
    };
    table.decide(cause, decide).await
}
