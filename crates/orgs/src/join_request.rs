use access::{Role, Tenant};
use events::{Event, NewEvent};
use identity_core::KnownIn;
use primitives::{
    Email, EmailDomain, JoinRequestId, MemberId, OrgId, SignedDuration, Time, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use table::{Changes, Index, Item, Key};

use crate::{
    Invite, Member,
    api::{self, JoinRequestStatus},
    events::{JoinRequestApproved, JoinRequestCreated, JoinRequestDeclined},
    keys,
};

/// How long whoever was declined does not ask again.
const DECLINED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Somebody asks to become a member, by the domain of their address. It holds no seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    pub(crate) org_id: OrgId,
    /// The request.
    pub request_id: JoinRequestId,
    pub(crate) user_id: UserId,
    /// That person's address, when they asked.
    pub email: Email,
    domain: EmailDomain,
    pub(crate) role: Role,
    pub(crate) status: JoinRequestStatus,
    asked_at: Timestamp,
    decided_at: Option<Timestamp>,
    /// The membership that came of it.
    pub(crate) approved_as: Option<MemberId>,
    #[serde(default)]
    version: u64,
}

impl Item for JoinRequest {
    fn key(&self) -> Key {
        keys::JoinRequest::key(Tenant::trusted(self.org_id), self.request_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// By what became of it, the oldest first.
    fn index(&self) -> Option<Index> {
        let shown = self.resource(self.next_version());
        Some(keys::join_request_by_status(Tenant::trusted(self.org_id), &shown))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.decided_at.map(|at| at + Invite::LONGEST)
    }
}

/// That a person has asked: nobody asks twice, nor soon again who was declined.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    org_id: OrgId,
    user_id: UserId,
    pub(crate) request_id: JoinRequestId,
    declined_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for Asked {
    fn key(&self) -> Key {
        keys::Asked::key(Tenant::trusted(self.org_id), self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.declined_at.map(|at| at + DECLINED_FOR)
    }
}

impl Asked {
    /// Whether the request waits for somebody.
    pub(crate) fn is_open(&self) -> bool {
        self.declined_at.is_none()
    }

    /// Whether it counts no more.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }
}

/// Who asks, and by which domain.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) org_id: OrgId,
    pub(crate) user_id: UserId,
    pub(crate) email: Email,
    pub(crate) domain: EmailDomain,
    pub(crate) role: Role,
}

impl JoinRequest {
    pub(crate) fn new(asking: Asking, request_id: JoinRequestId, now: Timestamp) -> Self {
        let Asking { org_id, user_id, email, domain, role } = asking;
        Self {
            org_id,
            request_id,
            user_id,
            email,
            domain,
            role,
            status: JoinRequestStatus::Pending,
            asked_at: now,
            decided_at: None,
            approved_as: None,
            version: 0,
        }
    }

    /// As the API shows it at this version.
    pub fn resource(&self, version: u64) -> api::JoinRequest {
        api::JoinRequest {
            id: self.request_id,
            org_id: self.org_id,
            user_id: self.user_id,
            email: self.email.clone(),
            domain: self.domain.clone(),
            role: self.role,
            status: self.status,
            created_at: self.asked_at.into(),
            decided_at: self.decided_at.map(Time::from),
            version,
        }
    }

    /// One that waits. `before` is what the person asked before, which counts no more.
    pub(crate) fn asked(self, before: Option<&Asked>) -> (Self, Changes) {
        let asked = Asked {
            org_id: self.org_id,
            user_id: self.user_id,
            request_id: self.request_id,
            declined_at: None,
            version: before.map_or(0, |before| before.version),
        };
        let event = JoinRequestCreated { join_request: self.resource(self.next_version()) };
        let known = KnownIn::new(self.user_id, self.org_id, &self.request_id);
        let changes = Changes::new().create(&self).replace(&asked).overwrite(&known).publish(self.of(&event));
        (Self { version: self.next_version(), ..self }, changes)
    }

    /// One that nobody has to decide about: the member is there with it.
    pub(crate) fn granted(self, member: &Member, now: Timestamp) -> (Self, Changes) {
        let granted = self.with(JoinRequestStatus::Approved, Some(member.member_id), now);
        let event = JoinRequestCreated { join_request: granted.resource(granted.next_version()) };
        let changes = Changes::new().create(&granted).publish(granted.of(&event));
        (Self { version: granted.next_version(), ..granted }, changes)
    }

    /// One that waited: the member is there with it.
    pub(crate) fn approved(self, member: &Member, now: Timestamp) -> (Self, Changes) {
        let asked = keys::Asked::key(Tenant::trusted(self.org_id), self.user_id);
        let approved = Self { role: member.role, ..self };
        let approved = approved.with(JoinRequestStatus::Approved, Some(member.member_id), now);
        let event = JoinRequestApproved {
            join_request: approved.resource(approved.next_version()),
            member_id: member.member_id,
        };
        let changes = Changes::new().replace(&approved).remove(asked).publish(approved.of(&event));
        (Self { version: approved.next_version(), ..approved }, changes)
    }

    pub(crate) fn declined(self, now: Timestamp) -> Changes {
        let asked = Asked {
            org_id: self.org_id,
            user_id: self.user_id,
            request_id: self.request_id,
            declined_at: Some(now),
            version: 0,
        };
        let declined = self.with(JoinRequestStatus::Declined, None, now);
        let event = JoinRequestDeclined { join_request: declined.resource(declined.next_version()) };
        // that it was pending is the condition of both
        Changes::new().replace(&declined).overwrite(&asked).publish(declined.of(&event))
    }

    fn with(self, status: JoinRequestStatus, approved_as: Option<MemberId>, now: Timestamp) -> Self {
        Self { status, approved_as, decided_at: Some(now), ..self }
    }

    fn of(&self, event: &impl Event) -> NewEvent {
        NewEvent::new(Some(self.org_id), &self.request_id, self.next_version(), event)
    }
}
