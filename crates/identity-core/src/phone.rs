use std::fmt;

use primitives::{
    FactorId, HalfSessionId, PhoneNumber, SessionId, SignedDuration, SmsCodeId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{Policy, REPEATED, keys};

/// A person's phone. Its number is nobody's name: who else has verified the same does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// Its number.
    pub number: PhoneNumber,
    /// Since when it is known that the person reads what is sent there.
    pub verified_at: Timestamp,
}

/// What a code is sent for. Each has one at a time, and the next one voids it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsPlace {
    /// To show that a number is the person's.
    Phone,
    /// To set up codes as a second factor.
    Factor(FactorId),
    /// For a login that lacks a second factor.
    Half(HalfSessionId),
    /// To show once more, with this session, who one is.
    Session(SessionId),
}

impl fmt::Display for SmsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phone => f.write_str("PHONE"),
            Self::Factor(factor) => factor.fmt(f),
            Self::Half(half) => half.fmt(f),
            Self::Session(session) => session.fmt(f),
        }
    }
}

impl SmsPlace {
    /// Where the code is stored that was sent for this.
    pub fn key(self, user_id: UserId) -> Key {
        keys::SmsCode::key(user_id, self.to_string())
    }
}

/// A code that is sent to a phone, as far as it is kept: the digits are derived from its id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SmsCode {
    user_id: UserId,
    place: String,
    /// Its id.
    pub code_id: SmsCodeId,
    /// Where it is sent.
    pub number: PhoneNumber,
    /// Until when it works.
    pub valid_until: Timestamp,
    /// When it was used, where that is remembered for whoever did not hear the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for SmsCode {
    fn key(&self) -> Key {
        keys::SmsCode::key(self.user_id, self.place.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

impl SmsCode {
    /// A new one, in the place of the one before.
    pub fn new(
        (user_id, place): (UserId, SmsPlace),
        (code_id, number): (SmsCodeId, PhoneNumber),
        before: Option<&Self>,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let valid_until = now + SignedDuration::from_secs(policy.sms_code_seconds);
        let version = before.map_or(0, |before| before.version);
        Self { user_id, place: place.to_string(), code_id, number, valid_until, used_at: None, version }
    }

    /// Whether it can still be shown.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.valid_until && self.used_at.is_none()
    }

    /// Whether it was used a moment ago, so that the same once more is somebody who did not hear the answer.
    pub fn was_used_lately(&self, now: Timestamp) -> bool {
        self.used_at.is_some_and(|used| now.duration_since(used) <= REPEATED)
    }

    /// The same, used up.
    #[must_use]
    pub fn used(mut self, now: Timestamp) -> Self {
        self.used_at = Some(now);
        self
    }
}
