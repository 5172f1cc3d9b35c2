use http_api::ToSchema;
use identity::SessionTokens;
use primitives::{OrgId, SessionId, UserId};
use serde::Serialize;

/// How far a sign-in has come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignInStatus {
    /// There is a session.
    Complete,
}

/// What came of signing in, or of going to another organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignIn {
    /// How far it has come. With a word that you do not know there is no session (yet).
    status: SignInStatus,
    /// The session's tokens, once it is complete.
    tokens: Option<Tokens>,
}

impl SignIn {
    pub(crate) fn complete(tokens: SessionTokens) -> Self {
        Self { status: SignInStatus::Complete, tokens: Some(tokens.into()) }
    }
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Goes with every request: `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token works, seconds.
    expires_in: i64,
    /// Gets the next pair of tokens, once.
    refresh_token: Option<String>,
    /// The session.
    session_id: SessionId,
    /// The person.
    user_id: UserId,
    /// The organization that the session is in. Without one it can only create or choose one.
    org_id: Option<OrgId>,
}

impl From<SessionTokens> for Tokens {
    fn from(tokens: SessionTokens) -> Self {
        Self {
            access_token: tokens.access_token.expose().clone(),
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: Some(tokens.refresh_token.expose().clone()),
            session_id: tokens.session_id,
            user_id: tokens.user_id,
            org_id: tokens.org_id,
        }
    }
}
