use primitives::{Email, EmailChangeId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::keys;

/// A person's change of address: the one that is under way, or can be undone. There is one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailChange {
    /// Whose it is.
    pub user_id: UserId,
    /// Its id: the links about it name it.
    pub change_id: EmailChangeId,
    /// The session that it was asked for with: as long as that lives, the new address can say yes.
    pub session_id: SessionId,
    /// The address before.
    pub old_email: Email,
    /// The address that the person asks for.
    pub new_email: Email,
    /// When the person asked.
    pub requested_at: Timestamp,
    /// When the person asked first, of requests that nothing came of: asking again, also after giving up,
    /// moves nothing that is undone out of reach.
    pub first_requested_at: Timestamp,
    /// Until when the next request knows of this one, if nothing comes of it.
    pub remembered_until: Timestamp,
    /// How far it has come.
    pub state: ChangeState,
    #[serde(default)]
    version: u64,
}

/// How far a change of address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// The new address has to say yes until then.
    Pending(Timestamp),
    /// The person gave it up.
    Cancelled,
    /// It was made, and the address before can take it back until then.
    Made(Timestamp),
    /// It was taken back; the record goes then.
    Undone(Timestamp),
}

impl Item for EmailChange {
    fn key(&self) -> Key {
        keys::EmailChange::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(match self.state {
            ChangeState::Pending(until) => self.remembered_until.max(until),
            ChangeState::Cancelled => self.remembered_until,
            ChangeState::Made(until) | ChangeState::Undone(until) => until,
        })
    }
}

impl EmailChange {
    /// A new one, in the place of `before`: asked for when, and until when the new address can say yes and
    /// the request is remembered.
    pub fn new(
        (user_id, session_id, change_id): (UserId, SessionId, EmailChangeId),
        (old_email, new_email): (Email, Email),
        (requested_at, until, remembered_until): (Timestamp, Timestamp, Timestamp),
        before: Option<&Self>,
    ) -> Self {
        let version = before.map_or(0, |before| before.version);
        let state = ChangeState::Pending(until);
        let first =
            before.filter(|before| before.came_to_nothing() && requested_at < before.remembered_until);
        let first_requested_at = first.map_or(requested_at, |first| first.first_requested_at);
        Self {
            user_id,
            change_id,
            session_id,
            old_email,
            new_email,
            requested_at,
            first_requested_at,
            remembered_until,
            state,
            version,
        }
    }

    /// The same, further on.
    #[must_use]
    pub fn at(&self, state: ChangeState) -> Self {
        Self { state, ..self.clone() }
    }

    /// Until when the new address can say yes, where it has not.
    pub fn pending_until(&self) -> Option<Timestamp> {
        match self.state {
            ChangeState::Pending(until) => Some(until),
            ChangeState::Cancelled | ChangeState::Made(_) | ChangeState::Undone(_) => None,
        }
    }

    /// Whether it was neither made nor undone, and perhaps never will be.
    fn came_to_nothing(&self) -> bool {
        matches!(self.state, ChangeState::Pending(_) | ChangeState::Cancelled)
    }

    /// Whether the new address can still say yes.
    pub fn is_pending(&self, now: Timestamp) -> bool {
        matches!(self.state, ChangeState::Pending(until) if now < until)
    }

    /// Whether the address before can still take it back.
    pub fn is_undoable(&self, now: Timestamp) -> bool {
        matches!(self.state, ChangeState::Made(until) if now < until)
    }
}
