use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity_core::{ConnectedAccount, OAuthOwner, REPEATED, keys, same};
use primitives::{
    ConnectedAccountId, Email, HalfSessionId, LoginId, SessionId, SignedDuration, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use super::attempt::OpenedOAuth;

/// What an identity provider says of somebody, checked.
#[derive(Clone, Debug)]
pub struct External {
    /// Who says so.
    pub issuer: String,
    /// The name there that never changes and is never another's.
    pub subject: String,
    /// The address that it tells.
    pub email: Option<Email>,
    /// Whether it knows that the address is the person's, now.
    pub email_verified: bool,
}

impl External {
    pub(crate) fn hash(&self) -> String {
        OAuthOwner::hash(&self.issuer, &self.subject)
    }

    /// As an account that somebody connects now.
    pub(crate) fn account(&self, id: ConnectedAccountId, provider: &str, now: Timestamp) -> ConnectedAccount {
        ConnectedAccount {
            account_id: id,
            provider: provider.to_owned(),
            hash: self.hash(),
            email: self.email.clone(),
            connected_at: now,
        }
    }
}

/// That somebody came back with this attempt, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OAuthAttempt {
    login_id: LoginId,
    /// The hash of the code that it was done with.
    code: String,
    used_at: Timestamp,
    remembered_until: Timestamp,
    pub(crate) outcome: Outcome,
    #[serde(default)]
    version: u64,
}

/// What becomes of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// A session.
    Session { user_id: UserId, session_id: SessionId },
    /// A login that lacks something.
    Half { user_id: UserId, half_id: HalfSessionId },
    /// A connected account.
    Linked { user_id: UserId, account_id: ConnectedAccountId },
}

impl Item for OAuthAttempt {
    fn key(&self) -> Key {
        keys::OAuthAttempt::key(self.login_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.remembered_until)
    }
}

/// It is remembered for longer than the attempt works, whatever the clocks say.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

impl OAuthAttempt {
    pub(crate) fn used(opened: &OpenedOAuth, code: &str, outcome: Outcome, now: Timestamp) -> Self {
        let remembered_until = opened.valid_until + REMEMBERED;
        Self {
            login_id: opened.login_id,
            code: hash(code),
            used_at: now,
            remembered_until,
            outcome,
            version: 0,
        }
    }

    /// The same, which became something else since what it became before was lost.
    pub(crate) fn again(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// Whether the same is asked for once more, since its answer was lost.
    pub(crate) fn is_repeated_by(&self, code: &str, now: Timestamp) -> bool {
        same(self.code.as_bytes(), hash(code).as_bytes()) && now.duration_since(self.used_at) <= REPEATED
    }
}

fn hash(code: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, code.as_bytes()))
}
