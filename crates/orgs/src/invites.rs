//! What members do with invites.

use access::{
    AccessError, Asker, Permission, Permit, Role, Tenant,
    needs::{ReadInvites, WriteInvites},
};
use identity_core::{EmailOwner, Membership};
use primitives::{Email, Expected, InviteId, Limit, Page, Timestamp};
use table::{Cause, Consistency, CursorKeys, Decision, Item, Keep, Table};

use crate::{
    Invite, OrgError,
    api::{self, InviteStatus},
    invite::{Invited, Inviter},
    keys,
    policies::StoredPolicies,
    seats::{Cap, Seats},
};

/// Who may become what by an invite: nobody invites above the own role, and to make an owner takes an owner
/// with a fresh proof. A program invites no admins; and nobody where whoever made its key has left, since a
/// member answers for an invite.
fn authorize(
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    role: Role,
    now: Timestamp,
) -> Result<(), AccessError> {
    if let Asker::Key(key) = asker
        && (key.outlives_maker || matches!(role, Role::Owner | Role::Admin))
    {
        return Err(AccessError::PeopleOnly);
    }
    match role {
        Role::Owner => asker.require_owner(permit, now),
        Role::Admin if !permit.role.holds(Permission::WriteMembers) => {
            Err(AccessError::Forbidden { permission: Permission::WriteMembers, role: permit.role })
        }
        _ => Ok(()),
    }
}

fn inviter(permit: &Permit<WriteInvites>) -> Inviter {
    Inviter { user_id: permit.user_id, member_id: permit.member_id }
}

/// What is known of an address that is to be invited.
struct Addressee {
    /// An invite to it, of which the time may be over.
    invite: Option<Invite>,
    most: Option<u32>,
}

impl Addressee {
    /// Refuses an address that a member has: two calls, and a third where somebody else has it or it was
    /// invited before.
    async fn read(table: &Table, tenant: Tenant, email: &Email) -> Result<Self, OrgError> {
        let owner = identity_core::keys::EmailOwner::key(email.clone());
        let invited = keys::Invited::key(email.clone(), tenant);
        let gate = identity_core::keys::Gate::key(tenant);
        let policies = keys::Policies::key(tenant);
        let asked = [owner.clone(), invited.clone(), gate.clone(), policies.clone()];
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let policies: Option<StoredPolicies> = found.take(&policies)?;
        StoredPolicies::admit(policies.as_ref(), email)?;
        let owner = found.take::<EmailOwner>(&owner)?.filter(EmailOwner::is_current);
        let invited: Option<Invited> = found.take(&invited)?;
        let gate: Cap = found.take(&gate)?.ok_or(OrgError::NotFound)?;
        let place = owner.map(|owner| identity_core::keys::Membership::key(owner.user_id, tenant));
        let invite = invited.map(|invited| keys::Invite::key(tenant, invited.invite_id));
        let asked: Vec<_> = place.iter().chain(&invite).cloned().collect();
        if asked.is_empty() {
            return Ok(Self { invite: None, most: gate.seats() });
        }
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let place: Option<Membership> = place.map(|place| found.take(&place)).transpose()?.flatten();
        if place.is_some() {
            return Err(OrgError::AlreadyMember);
        }
        let invite = invite.map(|invite| found.take(&invite)).transpose()?.flatten();
        Ok(Self { invite, most: gate.seats() })
    }
}

/// Refuses what would not be sent anyhow, before a mail is counted: who may not invite so, or whoever is a
/// member already. Gives the invite that is open to this address, if there is one. To decide is [`invite`]'s.
pub async fn may_invite(
    table: &Table,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    (email, role): (&Email, Role),
) -> Result<Option<Invite>, OrgError> {
    let now = table.clock().now();
    authorize(permit, asker, role, now)?;
    let known = Addressee::read(table, permit.tenant(), email).await?;
    Ok(known.invite.filter(|open| !open.is_overdue(now)))
}

/// Invites somebody. Where no seat is left, those are given back first that invites hold whose time is over.
pub async fn invite(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    (email, role): (&Email, Role),
    keep: &Keep<'_, Invite>,
) -> Result<Invite, OrgError> {
    authorize(permit, asker, role, table.clock().now())?;
    let tenant = permit.tenant();
    let seats = Seats::of(tenant);
    let id = table.ids().next();
    let decide = |_| async move {
        let now = table.clock().now();
        let known = Addressee::read(table, tenant, email).await?;
        let invite = Invite::send((tenant, id), email.clone(), role, inviter(permit), now);
        let changes = invite.created();
        let changes = match known.invite {
            Some(open) if !open.is_overdue(now) => return Err(OrgError::InvitePending),
            // its seat and its row are this one's now
            Some(over) => changes.and(over.replaced_by(&invite, now)),
            None => changes.create(&invite.row()).and(seats.promise(known.most, now)),
        };
        Ok(Decision::commit(changes, invite.stored()).unless(&seats.key(), Err(OrgError::SeatLimit)))
    };
    match table.decide_once(cause, keep, decide).await {
        Err(OrgError::SeatLimit) if release(table, cause, tenant).await? => {
            table.decide_once(cause, keep, decide).await
        }
        other => other,
    }
}

/// How many are looked at when a seat is needed.
const RELEASED_AT_ONCE: usize = 20;

/// Gives the seats back that invites hold whose time is over; says whether there was one.
pub(crate) async fn release(table: &Table, cause: &Cause, tenant: Tenant) -> Result<bool, OrgError> {
    let cause = &Cause::system("invites", cause.correlation_id.clone());
    let query = keys::with_status(tenant, InviteStatus::Pending);
    let pending: Vec<keys::Summary<api::Invite>> = table.first(&query, RELEASED_AT_ONCE).await?;
    let now = table.clock().now();
    let mut released = false;
    let over = pending.into_iter().map(|keys::Summary(shown)| shown);
    for shown in over.filter(|shown| shown.expires_at.timestamp() <= now) {
        let key = keys::Invite::key(tenant, shown.id);
        let expire = |_| {
            let key = key.clone();
            async move {
                let invite: Option<Invite> = table.get(&key, Consistency::Strong).await?;
                let Some(invite) = invite.filter(|invite| invite.is_overdue(now)) else {
                    return Ok::<_, OrgError>(Decision::done(false));
                };
                let changes = invite.expired(now).and(Seats::of(tenant).leave(1, 1));
                Ok(Decision::commit(changes, true))
            }
        };
        released |= table.decide(cause, expire).await?;
    }
    Ok(released)
}

/// One page of the organization's invites, oldest first; of one status those that end first.
pub async fn invites(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadInvites>,
    status: Option<InviteStatus>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<api::Invite>, OrgError> {
    let (tenant, now) = (reader.tenant(), table.clock().now());
    let page = if let Some(status) = status {
        let page = table.page(&keys::with_status(tenant, status), limit, cursor, cursors).await?;
        page.map(|keys::Summary(invite)| invite)
    } else {
        let page = table.page::<Invite>(&keys::Invite::all(tenant), limit, cursor, cursors).await?;
        page.map(|invite| invite.resource(invite.version()))
    };
    Ok(page.map(|invite: api::Invite| invite.at(now)))
}

/// One invite. What an eventual read misses may be a moment old.
pub async fn invite_with_id(
    table: &Table,
    reader: &Permit<ReadInvites>,
    invite_id: InviteId,
) -> Result<Invite, OrgError> {
    let key = keys::Invite::key(reader.tenant(), invite_id);
    match table.get(&key, Consistency::Eventual).await? {
        Some(invite) => Ok(invite),
        None => table.get(&key, Consistency::Strong).await?.ok_or(OrgError::NotFound),
    }
}

async fn read(table: &Table, tenant: Tenant, invite_id: InviteId) -> Result<Invite, OrgError> {
    let key = keys::Invite::key(tenant, invite_id);
    table.get(&key, Consistency::Strong).await?.ok_or(OrgError::NotFound)
}

/// Whom a new link is to be sent to; nobody where one was sent a moment ago.
pub async fn to_resend(
    table: &Table,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    invite_id: InviteId,
) -> Result<Option<Email>, OrgError> {
    let invite = pending(read(table, permit.tenant(), invite_id).await?)?;
    let now = table.clock().now();
    authorize(permit, asker, invite.role, now)?;
    Ok(if invite.was_resent_just_now(now) { None } else { Some(invite.email) })
}

/// Refuses to send an invite to another address that is closed, or to one that [`may_invite`] refuses.
pub async fn may_rebind(
    table: &Table,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    (invite_id, email): (InviteId, &Email),
) -> Result<(), OrgError> {
    let invite = pending(read(table, permit.tenant(), invite_id).await?)?;
    if invite.email == *email {
        return Ok(authorize(permit, asker, invite.role, table.clock().now())?);
    }
    let open = may_invite(table, permit, asker, (email, invite.role)).await?;
    if open.is_some() { Err(OrgError::InvitePending) } else { Ok(()) }
}

/// Sends a new link for an invite whose seat was not given back; the link before does not work any more. One
/// that was sent a moment ago is the one that is asked for: an answer may have been lost.
pub async fn resend(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    invite_id: InviteId,
) -> Result<Invite, OrgError> {
    let decide = |_| async move {
        let invite = pending(read(table, permit.tenant(), invite_id).await?)?;
        let now = table.clock().now();
        authorize(permit, asker, invite.role, now)?;
        if invite.was_resent_just_now(now) {
            return Ok(Decision::done(invite));
        }
        let resent = invite.resent(now);
        Ok(Decision::commit(resent.resending(), resent.stored()))
    };
    table.decide(cause, decide).await
}

fn pending(invite: Invite) -> Result<Invite, OrgError> {
    if invite.status == InviteStatus::Pending { Ok(invite) } else { Err(OrgError::InviteClosed) }
}

/// Sends an invite to another address instead.
pub async fn rebind(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    (invite_id, email): (InviteId, &Email),
    keep: &Keep<'_, Invite>,
) -> Result<Invite, OrgError> {
    let tenant = permit.tenant();
    let decide = |_| async move {
        let before = pending(read(table, tenant, invite_id).await?)?;
        let now = table.clock().now();
        authorize(permit, asker, before.role, now)?;
        let resent = before.resent(now);
        if before.email == *email {
            return Ok(Decision::commit(resent.resending(), resent.stored()));
        }
        let known = Addressee::read(table, tenant, email).await?;
        let rebound = resent.rebound(email.clone());
        let changes = match known.invite {
            Some(open) if !open.is_overdue(now) => return Err(OrgError::InvitePending),
            // two seats were held, and one is
            Some(over) => {
                let changes = rebound.rebinding(&before).and(over.replaced_by(&rebound, now));
                changes.and(Seats::of(tenant).leave(1, 1))
            }
            None => rebound.rebinding(&before).create(&rebound.row()),
        };
        Ok(Decision::commit(changes, rebound.stored()))
    };
    table.decide_once(cause, keep, decide).await
}

/// Answers for an invite in the place of whoever sent it.
pub async fn confirm(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    asker: Asker<'_>,
    invite_id: InviteId,
) -> Result<Invite, OrgError> {
    let decide = |_| async move {
        let invite = pending(read(table, permit.tenant(), invite_id).await?)?;
        authorize(permit, asker, invite.role, table.clock().now())?;
        if invite.inviter == permit.member_id && !invite.needs_confirmation {
            return Ok(Decision::done(invite));
        }
        let confirmed = invite.confirmed_by(inviter(permit));
        Ok(Decision::commit(confirmed.confirming(), confirmed.stored()))
    };
    table.decide(cause, decide).await
}

/// Takes an invite back, and gives its seat back. One that was taken back, declined or is over stays so.
pub async fn revoke(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteInvites>,
    (invite_id, expected): (InviteId, &Expected),
) -> Result<(), OrgError> {
    let tenant = permit.tenant();
    let decide = |_| async move {
        let invite = read(table, tenant, invite_id).await?;
        if !expected.admits(invite.version()) {
            return Err(OrgError::VersionMismatch { current: invite.version() });
        }
        Ok(match invite.status {
            InviteStatus::Pending => {
                let changes = invite.revoked(table.clock().now()).and(Seats::of(tenant).leave(1, 1));
                Decision::commit(changes, ())
            }
            InviteStatus::Accepted => return Err(OrgError::InviteClosed),
            _ => Decision::done(()),
        })
    };
    table.decide(cause, decide).await
}
