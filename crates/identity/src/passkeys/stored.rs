use aws_lc_rs::digest::{SHA256, digest};
use identity_core::{REPEATED, keys};
use primitives::{PasskeyId, SessionId, SignedDuration, Timestamp, UserId, json};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use table::{Item, Key};
use uuid::Uuid;
use webauthn_rs::prelude as webauthn;

/// The passkey that a credential of this id is.
pub(crate) fn passkey_of(credential_id: &[u8]) -> PasskeyId {
    let hash = digest(&SHA256, credential_id);
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_ref()[..16]);
    PasskeyId::from_uuid(Uuid::from_bytes(half))
}

/// A passkey of a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Passkey {
    pub(crate) user_id: UserId,
    pub(crate) passkey_id: PasskeyId,
    /// What the person calls it.
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
    /// Whether copies of it may be kept elsewhere, by whoever made the device or by a password manager.
    pub(crate) may_be_backed_up: bool,
    /// Whether that was so when it was used last.
    pub(crate) is_backed_up: bool,
    /// Its id, its public key and its counter.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub(crate) credential: webauthn::Passkey,
    #[serde(default)]
    version: u64,
}

fn as_text<S: Serializer>(credential: &webauthn::Passkey, serializer: S) -> Result<S::Ok, S::Error> {
    let text = serde_json::to_string(credential).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<webauthn::Passkey, D::Error> {
    let text = String::deserialize(deserializer)?;
    json::from_str(&text).map_err(de::Error::custom)
}

/// A public key that is longer is none that anybody needs, and is not kept.
const LONGEST_TEXT: usize = 3 * 1024;

impl Item for Passkey {
    fn key(&self) -> Key {
        keys::Passkey::key(self.user_id, self.passkey_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Passkey {
    /// A new one, of a credential that was verified; nothing where it is too large to be kept. Who made its
    /// device is not kept: nobody is judged by it.
    pub(crate) fn new(
        user_id: UserId,
        name: String,
        credential: webauthn::Credential,
        now: Timestamp,
    ) -> Option<Self> {
        let credential = webauthn::Credential {
            transports: None,
            attestation: webauthn::ParsedAttestation::default(),
            attestation_format: webauthn::AttestationFormat::None,
            ..credential
        };
        let passkey = Self {
            user_id,
            passkey_id: passkey_of(&credential.cred_id),
            name,
            created_at: now,
            last_used_at: None,
            may_be_backed_up: credential.backup_eligible,
            is_backed_up: credential.backup_state,
            credential: credential.into(),
            version: 0,
        };
        let text = serde_json::to_string(&passkey.credential).ok()?;
        (text.len() <= LONGEST_TEXT).then_some(passkey)
    }

    /// The same after it was shown.
    pub(crate) fn shown(&self, result: &webauthn::AuthenticationResult, now: Timestamp) -> Self {
        let mut credential = self.credential.clone();
        credential.update_credential(result);
        let is_backed_up = result.backup_state();
        Self { credential, is_backed_up, last_used_at: Some(now), ..self.clone() }
    }
}

/// Whose a passkey is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PasskeyOwner {
    passkey_id: PasskeyId,
    user_id: UserId,
    #[serde(default)]
    version: u64,
}

impl Item for PasskeyOwner {
    fn key(&self) -> Key {
        keys::PasskeyOwner::key(self.passkey_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl PasskeyOwner {
    pub(crate) fn of(passkey: &Passkey) -> Self {
        Self { passkey_id: passkey.passkey_id, user_id: passkey.user_id, version: 0 }
    }
}

/// That a challenge was answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SpentChallenge {
    hash: String,
    user_id: UserId,
    /// The session that came of it, where one did by it alone.
    pub(crate) session_id: Option<SessionId>,
    /// The hash of the answer.
    answer: String,
    at: Timestamp,
    #[serde(default)]
    version: u64,
}

/// It is remembered for longer than a challenge works, however clocks differ.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(15);

impl Item for SpentChallenge {
    fn key(&self) -> Key {
        keys::SpentChallenge::key(self.hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.at + REMEMBERED)
    }
}

impl SpentChallenge {
    /// The challenge with this hash, answered by this.
    pub(crate) fn new(
        hash: &str,
        user_id: UserId,
        session_id: Option<SessionId>,
        answer: &[u8],
        now: Timestamp,
    ) -> Self {
        let (hash, answer) = (hash.to_owned(), hashed(answer));
        Self { hash, user_id, session_id, answer, at: now, version: 0 }
    }

    /// Whether the same person asks with the same once more, since the answer was lost.
    pub(crate) fn is_repeated_by(&self, user_id: UserId, answer: &[u8], now: Timestamp) -> bool {
        self.user_id == user_id && self.answer == hashed(answer) && now.duration_since(self.at) <= REPEATED
    }
}

pub(crate) fn hashed(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
