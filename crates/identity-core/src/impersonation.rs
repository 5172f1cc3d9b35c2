use access::ImpersonationMode;
use primitives::{ImpersonationId, OrgId, SessionId, SignedDuration, Time, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Index, Item, Key};

use crate::keys;

/// How long one is known of.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// That somebody of our staff acts in the name of a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impersonation {
    /// The impersonation.
    pub id: ImpersonationId,
    /// The organization.
    pub org_id: OrgId,
    /// In whose name.
    pub user_id: UserId,
    /// Who of our staff.
    pub staff_user_id: UserId,
    /// With which session.
    pub staff_session_id: SessionId,
    /// What they may do.
    pub mode: ImpersonationMode,
    /// Why.
    pub reason: String,
    /// Where more is said about it.
    pub ticket: Option<String>,
    /// When it began.
    pub created_at: Time,
    /// When it ends at the latest.
    pub ends_at: Time,
    /// When somebody ended it before; null where nobody did.
    pub ended_at: Option<Time>,
    /// How often it has changed.
    #[serde(default)]
    pub version: u64,
}

impl Item for Impersonation {
    fn key(&self) -> Key {
        keys::Impersonation::key(self.id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.created_at.timestamp() + KEPT)
    }

    /// The newest first, with what is shown of it.
    fn index(&self) -> Option<Index> {
        let shown = Self { version: self.next_version(), ..self.clone() };
        let summary = serde_json::to_string(&shown).unwrap_or_default();
        Some(keys::impersonation(self.created_at.timestamp(), self.id, summary))
    }
}

/// What a person's item has of one: what a request is allowed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTheName {
    /// Who of our staff.
    pub by: UserId,
    /// With which session: it ends with that one.
    pub session_id: SessionId,
    /// Since when they are what they are: it ends when they are something else, and again the same.
    pub role_since: Option<Timestamp>,
    /// In which organization.
    pub org_id: OrgId,
    /// What they may do.
    pub mode: ImpersonationMode,
    /// Until when.
    pub until: Timestamp,
}

impl Impersonation {
    /// What stands for a session in its token: no session has this id.
    pub fn session_id(id: ImpersonationId) -> SessionId {
        SessionId::from_uuid(id.uuid())
    }

    /// What the person's item has of it.
    pub fn in_the_name(&self, role_since: Option<Timestamp>) -> InTheName {
        let (org_id, mode) = (self.org_id, self.mode);
        let (by, session_id) = (self.staff_user_id, self.staff_session_id);
        InTheName { by, session_id, role_since, org_id, mode, until: self.ends_at.timestamp() }
    }
}
