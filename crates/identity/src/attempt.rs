use identity_core::keys;
use primitives::{Email, HalfSessionId, LoginId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

/// One attempt to log in: from the request of a magic link to its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) login_id: LoginId,
    pub(crate) email: Email,
    pub(crate) valid_until: Timestamp,
    pub(crate) used: Option<Used>,
    /// The hash of the password that somebody new wants to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    #[serde(default)]
    pub(crate) version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Used {
    /// Into a session.
    Session { user_id: UserId, session_id: SessionId },
    /// Into one that lacks something.
    Half { user_id: UserId, half_id: HalfSessionId },
}

impl Item for Login {
    fn key(&self) -> Key {
        keys::Login::key(self.login_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}
