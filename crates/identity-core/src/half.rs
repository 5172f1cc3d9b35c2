use access::{Shown, Tenant, Way};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{HalfSessionId, OrgId, Secret, SessionId, SignedDuration, Timestamp, UserId, random_secret};
use serde::{Deserialize, Serialize};
use table::{Item, Key};
use uuid::Uuid;

use crate::{Policy, keys, same};

/// A login that lacks something before it is a session: what was shown so far, for some minutes. It opens
/// nothing but what adds the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfSession {
    /// Whose it is.
    pub user_id: UserId,
    /// Its id.
    pub half_id: HalfSessionId,
    /// The hash of the secret in its token.
    secret: String,
    /// What was shown.
    pub shown: Shown,
    /// When that was.
    pub created_at: Timestamp,
    /// Until when the rest may be shown.
    pub valid_until: Timestamp,
    /// The organization that the session is to be in.
    pub org_id: Option<OrgId>,
    /// Whether the person signed in from that network before, so that strangers elsewhere cannot use up what
    /// is counted for it.
    pub knows_network: bool,
    /// The session that it has become.
    pub used: Option<Used>,
    #[serde(default)]
    version: u64,
}

/// What became of a half-session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The session.
    pub session_id: SessionId,
    /// The hash of what was shown for it.
    pub proof: String,
    /// When.
    pub at: Timestamp,
}

impl Item for HalfSession {
    fn key(&self) -> Key {
        keys::HalfSession::key(self.user_id, self.half_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

/// What the tokens of half-sessions begin with.
pub const HALF_SESSION_TOKEN: &str = "ghs_";

/// For how long an answer that was lost is given again.
const REPEATED: SignedDuration = SignedDuration::from_secs(10);

/// The token of a half-session as somebody showed it. It says where to look, and not that it is right.
#[derive(Clone, Debug)]
pub struct ShownHalf {
    /// The person that it names.
    pub user_id: UserId,
    /// The half-session that it names.
    pub half_id: HalfSessionId,
    secret: [u8; 32],
}

impl ShownHalf {
    /// Reads a token, if it is one.
    pub fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(HALF_SESSION_TOKEN)?).ok()?;
        let bytes: [u8; 64] = bytes.try_into().ok()?;
        Some(Self {
            user_id: UserId::from_uuid(Uuid::from_slice(&bytes[..16]).ok()?),
            half_id: HalfSessionId::from_uuid(Uuid::from_slice(&bytes[16..32]).ok()?),
            secret: bytes[32..].try_into().ok()?,
        })
    }

    /// Where the half-session is stored, if there is one.
    pub fn key(&self) -> Key {
        keys::HalfSession::key(self.user_id, self.half_id)
    }
}

impl HalfSession {
    /// A new one, and its token.
    pub fn begin(
        user_id: UserId,
        half_id: HalfSessionId,
        shown: Shown,
        org: Option<Tenant>,
        policy: &Policy,
        now: Timestamp,
    ) -> (Self, Secret<String>) {
        let secret = random_secret::<32>();
        let (user, half) = (user_id.uuid(), half_id.uuid());
        let parts = [user.as_bytes().as_slice(), half.as_bytes(), &secret].concat();
        let token = format!("{HALF_SESSION_TOKEN}{}", URL_SAFE_NO_PAD.encode(parts));
        let half = Self {
            user_id,
            half_id,
            secret: hash(&secret),
            shown,
            created_at: now,
            valid_until: now + SignedDuration::from_secs(policy.half_session_seconds),
            org_id: org.map(Tenant::org_id),
            knows_network: false,
            used: None,
            version: 0,
        };
        (half, Secret::new(token))
    }

    /// Whether this is its token, while it is valid.
    pub fn is_shown_by(&self, shown: &ShownHalf, now: Timestamp) -> bool {
        same(self.secret.as_bytes(), hash(&shown.secret).as_bytes()) && now < self.valid_until
    }

    /// The same after this was shown as well.
    #[must_use]
    pub fn with(mut self, way: Way) -> Self {
        self.shown = self.shown.and(way);
        self
    }

    /// The same as it is used up by the session that it has become.
    #[must_use]
    pub fn used_for(mut self, session_id: SessionId, proof: &[u8], now: Timestamp) -> Self {
        self.used = Some(Used { session_id, proof: hash(proof), at: now });
        self
    }
}

impl Used {
    /// Whether the same is asked for with the same once more, since its answer was lost.
    pub fn is_repeated_by(&self, proof: &[u8], now: Timestamp) -> bool {
        same(self.proof.as_bytes(), hash(proof).as_bytes()) && now.duration_since(self.at) <= REPEATED
    }
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_own_token_opens_it_in_time_and_no_other_does() {
        let (now, policy) = (Timestamp::UNIX_EPOCH, Policy::default());
        let user_id = Ids::unguessable();
        let begin = || HalfSession::begin(user_id, Ids::unguessable(), Shown::default(), None, &policy, now);
        let ((half, token), (_, other)) = (begin(), begin());
        let read = |token: &Secret<String>| ShownHalf::read(token.expose()).unwrap();
        assert!(half.is_shown_by(&read(&token), now));
        assert!(!half.is_shown_by(&read(&token), half.valid_until), "it is over then");
        assert!(!half.is_shown_by(&read(&other), now));
        assert!(!format!("{half:?}").contains(&token.expose()[48..]), "the secret is not stored");
    }

    proptest! {
        #[test]
        fn no_text_is_read_as_more_than_it_is(text in "(ghs_)?[-_A-Za-z0-9]{0,90}") {
            let read = ShownHalf::read(&text);
            prop_assert!(read.is_none() || text.len() == 4 + 86);
        }
    }
}
