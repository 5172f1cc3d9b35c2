//! A ceremony is stateless: what it was begun for goes to the browser and comes back, sealed.

use primitives::{HalfSessionId, Keys, Secret, SessionId, SignedDuration, Timestamp, UserId, json};
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};

use super::stored::hashed;
use crate::{IdentityError, SealKey};

/// What a challenge was made for, and for whom: it is good for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// To sign in; as this person, where an address was named, who need not exist.
    SignIn(Option<UserId>),
    /// To add a passkey, with this session.
    Add(UserId, SessionId),
    /// To add one, with this half-session.
    AddInHalf(UserId, HalfSessionId),
    /// To complete this half-session.
    Complete(UserId, HalfSessionId),
    /// To show once more who has this session.
    StepUp(UserId, SessionId),
}

/// What the library has to know again when the browser has answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Create(Box<PasskeyRegistration>),
    Get(Box<DiscoverableAuthentication>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ceremony {
    purpose: Purpose,
    /// Until when it works: seconds since 1970, as many digits for everybody.
    until: i64,
    state: State,
}

/// The text that goes to the browser.
pub(crate) fn sealed(
    key: &SealKey,
    purpose: Purpose,
    state: State,
    until: Timestamp,
) -> Result<Secret<String>, IdentityError> {
    let until = until.as_second();
    let bytes =
        serde_json::to_vec(&Ceremony { purpose, until, state }).map_err(|_| IdentityError::Sealing)?;
    Ok(Secret::new(key.seal_ceremony(&bytes)?))
}

/// A ceremony that one of our keys has sealed.
#[derive(Clone, Debug)]
pub struct OpenedCeremony {
    /// The hash of all of it: names its challenge.
    pub(crate) hash: String,
    ceremony: Ceremony,
}

/// Opens what a browser sends back of a ceremony. Nothing where none of these keys has sealed it.
pub fn open_ceremony(keys: &Keys<SealKey>, token: &str) -> Option<OpenedCeremony> {
    let bytes = keys.iter().find_map(|key| key.open_ceremony(token))?;
    let ceremony = json::from_slice(bytes.expose()).ok()?;
    Some(OpenedCeremony { hash: hashed(bytes.expose()), ceremony })
}

impl OpenedCeremony {
    /// What it was begun for, as long as it works.
    pub(crate) fn purpose(&self, now: Timestamp) -> Option<Purpose> {
        (now.as_second() < self.ceremony.until).then_some(self.ceremony.purpose)
    }

    pub(crate) fn state(&self) -> &State {
        &self.ceremony.state
    }
}

/// Until when a ceremony works that begins now.
pub(crate) fn until(seconds: i64, now: Timestamp) -> Timestamp {
    now + SignedDuration::from_secs(seconds)
}
