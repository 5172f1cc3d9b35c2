use primitives::{Email, PasswordResetId, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{Policy, REPEATED, keys};

/// A person's password, as far as it is kept: what tells whether somebody knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    /// Whose it is.
    pub user_id: UserId,
    /// Its hash in the PHC string format: algorithm, parameters, salt and hash.
    pub phc: String,
    /// Since when.
    pub set_at: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for PasswordHash {
    fn key(&self) -> Key {
        keys::Password::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl PasswordHash {
    /// A new one.
    pub fn new(user_id: UserId, phc: String, set_at: Timestamp) -> Self {
        Self { user_id, phc, set_at, version: 0 }
    }

    /// Another password in its place.
    #[must_use]
    pub fn replaced(mut self, phc: String, now: Timestamp) -> Self {
        self.phc = phc;
        self.set_at = now;
        self
    }

    /// The same password with a hash that is harder to guess by.
    #[must_use]
    pub fn rehashed(mut self, phc: String) -> Self {
        self.phc = phc;
        self
    }
}

/// That somebody asked for a new password for an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordReset {
    /// Its id, which the token in the mail is derived from.
    pub reset_id: PasswordResetId,
    /// The address.
    pub email: Email,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when the link works.
    pub valid_until: Timestamp,
    /// When it was used.
    #[serde(default)]
    used_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for PasswordReset {
    fn key(&self) -> Key {
        keys::PasswordReset::key(self.reset_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

impl PasswordReset {
    /// Asked for now.
    pub fn new(reset_id: PasswordResetId, email: Email, policy: &Policy, now: Timestamp) -> Self {
        let valid_until = now + SignedDuration::from_secs(policy.password_reset_seconds);
        Self { reset_id, email, created_at: now, valid_until, used_at: None, version: 0 }
    }

    /// The same, used.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> Self {
        Self { used_at: Some(now), ..self.clone() }
    }

    /// Whether it was used already,
    pub fn is_used(&self) -> bool {
        self.used_at.is_some()
    }

    /// and so lately that it comes from somebody whose answer was lost, if the password is the same.
    pub fn may_be_repeated(&self, now: Timestamp) -> bool {
        self.used_at.is_some_and(|used| now.duration_since(used) <= REPEATED)
    }
}
