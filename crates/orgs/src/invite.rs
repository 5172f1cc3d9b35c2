use access::{Role, Tenant};
use events::{Event, NewEvent};
use identity_core::{InviteProof, REPEATED};
use primitives::{Email, InviteId, MemberId, OrgId, SignedDuration, Time, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, Index, Item, Key, Table};

use crate::{
    Member, OrgError,
    api::{self, InviteStatus},
    events::{InviteAccepted, InviteConfirmed, InviteCreated, InviteDeclined, InviteExpired, InviteRebound},
    events::{InviteResent, InviteRevoked},
    keys,
};

/// Somebody is asked to become a member, at an address. As long as it is open it holds a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The organization.
    pub org_id: OrgId,
    /// The invite.
    pub invite_id: InviteId,
    /// Whom it is sent to: nobody with another address comes in by it.
    pub email: Email,
    /// What that person becomes.
    pub role: Role,
    /// As it is stored: one whose time is over may be pending still.
    pub(crate) status: InviteStatus,
    /// Who answers for it: who sent it, or who confirmed it later.
    pub(crate) invited_by: UserId,
    /// The membership of that person.
    pub(crate) inviter: MemberId,
    /// Whether somebody wanted to come in after that membership had ended.
    #[serde(default)]
    pub(crate) needs_confirmation: bool,
    /// How often a link was sent.
    generation: u32,
    created_at: Timestamp,
    pub(crate) sent_at: Timestamp,
    valid_until: Timestamp,
    closed_at: Option<Timestamp>,
    /// The membership that came of it.
    pub(crate) accepted_as: Option<MemberId>,
    #[serde(default)]
    version: u64,
}

impl Item for Invite {
    fn key(&self) -> Key {
        keys::Invite::key(Tenant::trusted(self.org_id), self.invite_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// By what became of it, those that end first before the others.
    fn index(&self) -> Option<Index> {
        let shown = self.resource(self.next_version());
        Some(keys::invite_by_status(Tenant::trusted(self.org_id), &shown))
    }

    /// One that is open holds a seat: it is not forgotten before that was given back.
    fn expires_at(&self) -> Option<Timestamp> {
        self.closed_at.map(|at| at + Self::KEPT)
    }
}

/// That somebody is invited: one invite for each address and organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invited {
    org_id: OrgId,
    email: Email,
    pub(crate) invite_id: InviteId,
    #[serde(default)]
    version: u64,
}

impl Item for Invited {
    fn key(&self) -> Key {
        keys::Invited::key(self.email.clone(), Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Who invites.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inviter {
    pub(crate) user_id: UserId,
    pub(crate) member_id: MemberId,
}

impl Invite {
    /// For how long the link works.
    pub const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
    /// No link into an organization works for longer.
    pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);
    /// For how long one is shown that is closed.
    const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

    /// One for this address, sent now.
    pub(crate) fn send(
        (tenant, invite_id): (Tenant, InviteId),
        email: Email,
        role: Role,
        by: Inviter,
        now: Timestamp,
    ) -> Self {
        Self {
            org_id: tenant.org_id(),
            invite_id,
            email,
            role,
            status: InviteStatus::Pending,
            invited_by: by.user_id,
            inviter: by.member_id,
            needs_confirmation: false,
            generation: 1,
            created_at: now,
            sent_at: now,
            valid_until: now + Self::LIFETIME,
            closed_at: None,
            accepted_as: None,
            version: 0,
        }
    }

    /// The open invite to this address, if there is one: a call, and another where there is.
    pub(crate) async fn to(table: &Table, tenant: Tenant, email: &Email) -> Result<Option<Self>, OrgError> {
        let key = keys::Invited::key(email.clone(), tenant);
        let Some(invited) = table.get::<Invited>(&key, Consistency::Strong).await? else { return Ok(None) };
        Ok(table.get(&keys::Invite::key(tenant, invited.invite_id), Consistency::Strong).await?)
    }

    /// As the API shows it at this version.
    pub fn resource(&self, version: u64) -> api::Invite {
        api::Invite {
            id: self.invite_id,
            email: self.email.clone(),
            role: self.role,
            status: self.status,
            invited_by: self.invited_by,
            created_at: self.created_at.into(),
            last_sent_at: self.sent_at.into(),
            expires_at: self.valid_until.into(),
            needs_confirmation: self.needs_confirmation,
            version,
        }
    }

    /// What the link that was sent last is for.
    pub fn link(&self) -> InviteProof {
        InviteProof { org_id: self.org_id, invite_id: self.invite_id, generation: self.generation }
    }

    /// When that link stops working.
    pub fn valid_until(&self) -> Time {
        self.valid_until.into()
    }

    /// Whether somebody can come in by it now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == InviteStatus::Pending && now < self.valid_until
    }

    /// Whether it holds a seat although its time is over.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.status == InviteStatus::Pending && self.valid_until <= now
    }

    /// The row that keeps a second invite from being sent to the same address.
    pub(crate) fn row(&self) -> Invited {
        let Self { org_id, invite_id, ref email, .. } = *self;
        Invited { org_id, email: email.clone(), invite_id, version: 0 }
    }

    /// It is there from now on.
    pub(crate) fn created(&self) -> Changes {
        let event = InviteCreated { invite: self.resource(self.next_version()) };
        Changes::new().create(self).publish(self.event(&event))
    }

    /// The same with a new link; the one before does not work any more.
    #[must_use]
    pub(crate) fn resent(&self, now: Timestamp) -> Self {
        let (generation, valid_until) = (self.generation.saturating_add(1), now + Self::LIFETIME);
        Self { generation, sent_at: now, valid_until, ..self.clone() }
    }

    /// The same for another address.
    #[must_use]
    pub(crate) fn rebound(self, email: Email) -> Self {
        Self { email, ..self }
    }

    /// The same, with somebody else who answers for it.
    #[must_use]
    pub(crate) fn confirmed_by(self, by: Inviter) -> Self {
        Self { invited_by: by.user_id, inviter: by.member_id, needs_confirmation: false, ..self }
    }

    /// The same, noted to need that. Nothing to note where that is so already.
    pub(crate) fn awaiting_confirmation(self) -> Changes {
        if self.needs_confirmation {
            return Changes::new();
        }
        Changes::new().replace(&Self { needs_confirmation: true, ..self })
    }

    /// Whether it was sent again so lately that who asks for it has only not heard of it.
    pub(crate) fn was_resent_just_now(&self, now: Timestamp) -> bool {
        self.generation > 1 && now.duration_since(self.sent_at) <= REPEATED
    }

    /// As it is stored once it was sent again.
    pub(crate) fn resending(&self) -> Changes {
        let event = InviteResent { invite: self.resource(self.next_version()) };
        Changes::new().replace(self).publish(self.event(&event))
    }

    /// As it is stored once it was sent to another address than `before`; its row there is the caller's to
    /// write.
    pub(crate) fn rebinding(&self, before: &Self) -> Changes {
        let previous_email = before.email.clone();
        let event = InviteRebound { invite: self.resource(self.next_version()), previous_email };
        Changes::new().replace(self).remove(before.row().key()).publish(self.event(&event))
    }

    /// Somebody else answers for it from now on.
    pub(crate) fn confirming(&self) -> Changes {
        let event = InviteConfirmed { invite: self.resource(self.next_version()) };
        Changes::new().replace(self).publish(self.event(&event))
    }

    /// It is taken back. Nothing where it is closed.
    pub(crate) fn revoked(self, now: Timestamp) -> Changes {
        self.closed(InviteStatus::Revoked, now, |invite| InviteRevoked { invite })
    }

    /// The person does not want to.
    pub(crate) fn declined(self, now: Timestamp) -> Changes {
        self.closed(InviteStatus::Declined, now, |invite| InviteDeclined { invite })
    }

    /// Its time is over.
    pub(crate) fn expired(self, now: Timestamp) -> Changes {
        self.closed(InviteStatus::Expired, now, |invite| InviteExpired { invite })
    }

    /// Its time is over, and another one to the same address takes its row and its seat.
    pub(crate) fn replaced_by(self, other: &Self, now: Timestamp) -> Changes {
        self.ended(InviteStatus::Expired, now, |invite| InviteExpired { invite }).overwrite(&other.row())
    }

    /// This came of it.
    pub(crate) fn accepted(self, member: &Member, now: Timestamp) -> Changes {
        let member_id = member.member_id;
        let accepted = Self { accepted_as: Some(member_id), ..self };
        accepted.closed(InviteStatus::Accepted, now, |invite| InviteAccepted { invite, member_id })
    }

    /// The end of one that is pending; its seat is whoever's who ends it to give back.
    fn closed<E: Event>(
        self,
        status: InviteStatus,
        now: Timestamp,
        event: impl FnOnce(api::Invite) -> E,
    ) -> Changes {
        if self.status != InviteStatus::Pending {
            return Changes::new();
        }
        let row = self.row().key();
        self.ended(status, now, event).remove(row)
    }

    fn ended<E: Event>(
        self,
        status: InviteStatus,
        now: Timestamp,
        event: impl FnOnce(api::Invite) -> E,
    ) -> Changes {
        let closed = Self { status, closed_at: Some(now), ..self };
        let event = closed.event(&event(closed.resource(closed.next_version())));
        Changes::new().replace(&closed).publish(event)
    }

    fn event<E: Event>(&self, event: &E) -> NewEvent {
        NewEvent::new(Some(self.org_id), &self.invite_id, self.next_version(), event)
    }

    /// As it stands once the change is stored that leads to it.
    #[must_use]
    pub(crate) fn stored(self) -> Self {
        Self { version: self.next_version(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    fn invite(now: Timestamp) -> Invite {
        let by = Inviter { user_id: Ids::unguessable(), member_id: Ids::unguessable() };
        let id = (Tenant::trusted(Ids::unguessable()), Ids::unguessable());
        Invite::send(id, "ada@example.com".parse().unwrap(), Role::Member, by, now)
    }

    #[test]
    fn an_invite_is_open_for_seven_days_to_the_moment() {
        let now = Timestamp::UNIX_EPOCH;
        let sent = invite(now);
        let end = now + SignedDuration::from_hours(7 * 24);
        let before = end - SignedDuration::from_millis(1);
        assert!(sent.is_open(now) && sent.is_open(before) && !sent.is_open(end));
        assert!(!sent.is_overdue(before) && sent.is_overdue(end));
        let shown = |at| sent.resource(1).at(at).status;
        assert_eq!([shown(before), shown(end)], [InviteStatus::Pending, InviteStatus::Expired]);
        let resent = sent.resent(end);
        assert!(resent.is_open(end) && resent.link().generation == sent.link().generation + 1);
    }

    #[test]
    fn what_is_closed_is_never_open_nor_overdue_and_ends_once() {
        let now = Timestamp::UNIX_EPOCH;
        for status in
            [InviteStatus::Accepted, InviteStatus::Declined, InviteStatus::Revoked, InviteStatus::Expired]
        {
            let closed = Invite { status, ..invite(now) };
            assert!(!closed.is_open(now) && !closed.is_overdue(now + Invite::LONGEST), "{status}");
            assert!(closed.clone().revoked(now).is_empty() && closed.expired(now).is_empty(), "{status}");
        }
        assert!(!invite(now).revoked(now).is_empty());
    }
}
