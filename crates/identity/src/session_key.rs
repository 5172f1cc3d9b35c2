use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity_core::{Session, derive, mac};
use primitives::{Secret, SessionId, UserId};

use crate::signer::Signer;

/// Makes and checks the tokens of sessions.
#[derive(Debug)]
pub struct SessionKey {
    refresh: Secret<[u8; 32]>,
    pub(crate) signer: Signer,
    issuer: String,
}

/// What every refresh token begins with.
pub(crate) const REFRESH_TOKEN: &str = "grt_";

impl SessionKey {
    /// Derives the keys from a secret text; `issuer` is the API's public URL.
    pub fn from_secret(secret: &str, issuer: impl Into<String>) -> Self {
        let refresh = derive(secret, "refresh tokens");
        Self { refresh, signer: Signer::from_secret(secret), issuer: issuer.into() }
    }

    /// Names the key that access tokens are signed with.
    pub fn kid(&self) -> &str {
        self.signer.kid()
    }

    /// The API's public URL, as the tokens name it.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The refresh token of this generation of the session.
    pub(crate) fn refresh_token(&self, session: &Session, generation: u32) -> String {
        let head = head(session.user_id, session.session_id, generation);
        let mac = mac(&self.refresh, &[session.salt.as_bytes(), &head]);
        format!("{REFRESH_TOKEN}{}", URL_SAFE_NO_PAD.encode([head.as_slice(), &mac].concat()))
    }
}

fn head(user: UserId, session: SessionId, generation: u32) -> Vec<u8> {
    [user.uuid().as_bytes().as_slice(), session.uuid().as_bytes(), &generation.to_be_bytes()].concat()
}
