use identity_core::keys;
use primitives::{Email, LoginId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

/// One attempt to log in: from the request of a magic link to its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) login_id: LoginId,
    pub(crate) email: Email,
    pub(crate) valid_until: Timestamp,
    pub(crate) used: Option<Used>,
    #[serde(default)]
    pub(crate) version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
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
