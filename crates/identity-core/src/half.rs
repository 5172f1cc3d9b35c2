use access::{Shown, Tenant, Way};
use primitives::{
    HalfSessionId, OrgId, Secret, SessionId, SignedDuration, SsoConnectionId, Timestamp, UserId, kind,
};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{
    Device, Policy, REPEATED,
    bearer::{Bearer, hash},
    keys, same,
};

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
    /// When such logins of the person's were ended last, as it stood when this began.
    pub others_ended_at: Option<Timestamp>,
    /// Until when the rest may be shown.
    pub valid_until: Timestamp,
    /// The organization that the session is to be in.
    pub org_id: Option<OrgId>,
    /// Whether the person signed in from that network before, so that strangers elsewhere cannot use up what
    /// is counted for it.
    pub knows_network: bool,
    /// The connection to an organization's identity provider that the person signs in by, where it is one:
    /// the session is to be in that organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<SsoConnectionId>,
    /// What the person signs in on, where that was said.
    #[serde(default)]
    pub device: Option<Device>,
    /// The session that it has become.
    pub used: Option<Used<SessionId>>,
    #[serde(default)]
    version: u64,
}

/// What a login was used up by that lacked something, or a device link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used<T> {
    /// By what.
    pub by: T,
    /// The hash of what was sent for it.
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

/// The token of a half-session as somebody showed it.
pub type ShownHalf = Bearer<kind::HalfSession>;

impl ShownHalf {
    /// Where the half-session is stored, if there is one.
    pub fn key(&self) -> Key {
        keys::HalfSession::key(self.user_id, self.id)
    }
}

impl HalfSession {
    /// A new one of a person's, whose logins ended last at `others_ended_at`, and its token.
    pub fn begin(
        (user_id, others_ended_at): (UserId, Option<Timestamp>),
        half_id: HalfSessionId,
        shown: Shown,
        org: Option<Tenant>,
        policy: &Policy,
        now: Timestamp,
    ) -> (Self, Secret<String>) {
        let token = ShownHalf::new(user_id, half_id);
        let half = Self {
            user_id,
            half_id,
            secret: token.hash(),
            shown,
            created_at: now,
            others_ended_at,
            valid_until: now + SignedDuration::from_secs(policy.half_session_seconds),
            org_id: org.map(Tenant::org_id),
            knows_network: false,
            sso: None,
            device: None,
            used: None,
            version: 0,
        };
        (half, token.token())
    }

    /// Whether this is its token, while it is valid.
    pub fn is_shown_by(&self, shown: &ShownHalf, now: Timestamp) -> bool {
        self.half_id == shown.id && shown.is_of(&self.secret) && now < self.valid_until
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
        self.used = Some(Used::new(session_id, proof, now));
        self
    }
}

impl<T> Used<T> {
    pub(crate) fn new(by: T, proof: &[u8], now: Timestamp) -> Self {
        Self { by, proof: hash(proof), at: now }
    }

    /// Whether the same is asked for with the same once more, since its answer was lost.
    pub fn is_repeated_by(&self, proof: &[u8], now: Timestamp) -> bool {
        same(self.proof.as_bytes(), hash(proof).as_bytes()) && now.duration_since(self.at) <= REPEATED
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn its_own_token_opens_it_in_time_and_no_other_does() {
        let (now, policy) = (Timestamp::UNIX_EPOCH, Policy::default());
        let whose = (Ids::unguessable(), None);
        let begin = || HalfSession::begin(whose, Ids::unguessable(), Shown::default(), None, &policy, now);
        let ((half, token), (_, other)) = (begin(), begin());
        let read = |token: &Secret<String>| ShownHalf::read(token.expose()).unwrap();
        assert!(half.is_shown_by(&read(&token), now));
        assert!(!half.is_shown_by(&read(&token), half.valid_until), "it is over then");
        assert!(!half.is_shown_by(&read(&other), now));
        assert!(!format!("{half:?}").contains(&token.expose()[48..]), "the secret is not stored");
    }
}
