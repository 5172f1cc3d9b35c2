use access::Way;
use http_api::ToSchema;
use identity::{Missing, SessionTokens, SignedIn};
use primitives::{OrgId, SessionId, UserId};
use serde::Serialize;

/// How far a sign-in has come.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInStatus {
    /// There is a session.
    Complete,
    /// A second factor is to be shown.
    MfaRequired,
    /// A second factor is to be set up, and shown: an organization of the person's asks for it.
    MfaEnrollmentRequired,
}

/// What came of signing in, or of going to another organization.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignIn {
    /// How far it has come. With a word that you do not know there is no session (yet).
    status: SignInStatus,
    /// The session's tokens, once it is complete.
    tokens: Option<Tokens>,
    /// What is missing, until then.
    challenge: Option<Challenge>,
    /// What this browser is remembered by, where `remember_browser` was asked for: it is shown once. Send it
    /// along at the next sign-in here, and no second factor is asked for.
    browser_token: Option<String>,
}

impl From<SignedIn> for SignIn {
    fn from(signed_in: SignedIn) -> Self {
        match signed_in {
            SignedIn::Session(tokens) => {
                let browser_token = tokens.browser_token.as_ref().map(|token| token.expose().clone());
                let (status, challenge) = (SignInStatus::Complete, None);
                Self { status, tokens: Some(tokens.into()), challenge, browser_token }
            }
            SignedIn::Half(missing) => {
                let challenge = Challenge::from(missing);
                Self {
                    status: challenge.reason,
                    tokens: None,
                    challenge: Some(challenge),
                    browser_token: None,
                }
            }
        }
    }
}

/// What a sign-in lacks, and how to add it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Challenge {
    /// Goes with the requests that add what is missing, and with no others: `Authorization: Bearer …`.
    token: String,
    /// How long it works, seconds.
    expires_in: i64,
    /// What is missing.
    reason: SignInStatus,
    /// What can be shown, as `POST /v1/auth/mfa/verify` takes it. Pass over words that you do not know.
    methods: Vec<Method>,
}

/// A way to show a second factor.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A code of the authenticator app.
    Totp,
    /// A code that is sent to the person's phone: `POST /v1/auth/mfa/codes` has it sent.
    Sms,
    /// A recovery code.
    RecoveryCode,
    /// A passkey: `POST /v1/auth/mfa/passkeys/options` begins it.
    Passkey,
}

impl From<identity::Challenge> for Challenge {
    fn from(challenge: identity::Challenge) -> Self {
        let methods = challenge.methods.into_iter().filter_map(|way| match way {
            Way::Totp => Some(Method::Totp),
            Way::Sms => Some(Method::Sms),
            Way::RecoveryCode => Some(Method::RecoveryCode),
            Way::Passkey => Some(Method::Passkey),
            Way::Mail
            | Way::Password
            | Way::ConnectedAccount
            | Way::TrustedBrowser
            | Way::Sso
            | Way::DeviceLink => None,
        });
        Self {
            token: challenge.token.expose().clone(),
            expires_in: challenge.expires_in,
            reason: match challenge.missing {
                Missing::Mfa => SignInStatus::MfaRequired,
                Missing::MfaEnrollment => SignInStatus::MfaEnrollmentRequired,
            },
            methods: methods.collect(),
        }
    }
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
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
