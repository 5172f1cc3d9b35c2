use std::sync::Arc;

use http_api::{
    Answer, Client, Command, HalfSession, IntoResponse, Limiter, Problem, Problems, Response, State, ToSchema,
};
use http_host::{AuthenticationCredential, Challenge, SignIn};
use identity::{
    Assertion, Code, IdentityError, InvalidCode, PasskeyProof, RecoveryCode, SecondAttempt, SecondProof,
};
use primitives::Text;
use serde::Deserialize;
use table::Cause;

use crate::{
    Api,
    guesses::{self, Guess},
    sms,
};

/// What a sign-in lacks, and how to add it.
#[utoipa::path(
    get, path = "/v1/auth/mfa", tag = "Signing in", operation_id = "getMfaChallenge",
    security(("half_session" = [])),
    responses((status = 200, description = "What is missing", body = Challenge), Problems),
    extensions(
        ("x-gantry-codes" = json!(["session_ended"])),
        ("x-gantry-budget" = json!({"calls": 1, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 0.5, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    half: HalfSession,
    client: Client,
) -> Result<Response, Problem> {
    let challenge = identity::challenge(&api.table, &client.cause(), half.token()).await?;
    Ok(Answer::ok(&Challenge::from(challenge)).into_response())
}

/// A second factor.
#[derive(Debug)]
pub(crate) struct SecondFactor {
    pub(crate) method: Shown,
    pub(crate) code: Option<String>,
    pub(crate) ceremony_token: Option<Text<1, 2000>>,
    pub(crate) credential: Option<Assertion>,
}

/// What can be shown.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shown {
    Totp,
    Sms,
    RecoveryCode,
    Passkey,
}

impl SecondFactor {
    /// The code, where it is one of a phone.
    pub(crate) fn of_phone(&self) -> Result<Option<Code>, Problem> {
        match (self.method, &self.code) {
            (Shown::Sms, Some(code)) if self.ceremony_token.is_none() && self.credential.is_none() => {
                code.parse().map(Some).map_err(|error: InvalidCode| Problem::field("/code", &error))
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn proof(self, api: &Api) -> Result<SecondProof, Problem> {
        match (self.method, self.code, self.ceremony_token, self.credential) {
            (Shown::Totp, Some(code), None, None) => {
                let code: Result<Code, _> = code.parse();
                code.map(SecondProof::Totp).map_err(|error| Problem::field("/code", &error))
            }
            (Shown::RecoveryCode, Some(code), None, None) => {
                let code: Result<RecoveryCode, _> = code.parse();
                code.map(SecondProof::Recovery).map_err(|error| Problem::field("/code", &error))
            }
            (Shown::Passkey, None, Some(token), Some(shown)) => {
                let ceremony = api.ceremony(token.as_str()).await?.ok_or(IdentityError::MfaFailed)?;
                let relying_party = Arc::clone(&api.relying_party);
                Ok(SecondProof::Passkey(Box::new(PasskeyProof { relying_party, ceremony, shown })))
            }
            (Shown::Passkey, ..) => Err(Problem::broken_rule(
                "with a passkey send `ceremony_token` and `credential`, and no `code`",
            )),
            (Shown::Totp | Shown::Sms | Shown::RecoveryCode, ..) => {
                Err(Problem::broken_rule("send a `code`, and nothing else"))
            }
        }
    }
}

/// A second factor that completes a sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyMfa {
    /// What is shown.
    #[schema(value_type = String, example = "totp")]
    method: Shown,
    /// The code: six digits of the authenticator app or of the SMS, or a recovery code.
    #[schema(max_length = 100, example = "314159")]
    code: Option<String>,
    /// For a passkey, in the place of a code: the token of the ceremony.
    #[schema(inline)]
    ceremony_token: Option<Text<1, 2000>>,
    /// For a passkey, beside it: what `navigator.credentials.get()` gave, as its `toJSON()` writes it.
    #[schema(value_type = Option<AuthenticationCredential>)]
    credential: Option<Assertion>,
    /// No second factor is asked for in this browser for 30 days, unless an organization asks everybody for
    /// one.
    #[serde(default)]
    remember_browser: bool,
}

/// Completes a sign-in with a second factor. Each code works once; the same request once more within a
/// minute gives the same tokens.
#[utoipa::path(
    post, path = "/v1/auth/mfa/verify", tag = "Signing in", operation_id = "verifyMfa",
    security(("half_session" = [])), request_body = VerifyMfa,
    responses((status = 200, description = "Signed in", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["mfa_failed", "session_ended"])),
        ("x-gantry-limits" = json!(["code-guess"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 18, "write_units": 28})),
        ("x-gantry-usage" = json!({"person": 0.5, "events": 3, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    half: HalfSession,
    client: Client,
    limiter: Limiter,
    command: Command<VerifyMfa>,
) -> Result<Response, Problem> {
    let VerifyMfa { method, code, ceremony_token, credential, remember_browser } = command.input;
    let factor = SecondFactor { method, code, ceremony_token, credential };
    let seals = api.seals.get().await?;
    let (cause, network) = (client.cause(), client.address());
    let attempt = if let Some(code) = factor.of_phone()? {
        sms::attempt(&api, half.token(), code).await?
    } else {
        let proof = factor.proof(&api).await?;
        SecondAttempt::judge(&api.table, &cause, &seals, half.token(), proof).await?
    };
    if !(attempt.is_counted() && attempt.is_right()) {
        let subject = attempt.subject(&network);
        let guess = Guess::of_person(api.policy.wrong_factors(), &subject, attempt.user_id(), attempt.way());
        count(&api, &limiter, &cause, &guess, attempt.is_right()).await?;
    }
    let issuer = api.issuer().await?;
    let entrance = api.entrance(&issuer, &cause, &network);
    let signed_in = identity::verify_second_factor(&entrance, &seals, &attempt, remember_browser).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

/// Counts a factor as a guess: [`guesses::count`].
pub(crate) async fn count(
    api: &Api,
    limiter: &Limiter,
    cause: &Cause,
    guess: &Guess<'_>,
    is_right: bool,
) -> Result<(), Problem> {
    let state = guesses::count(api, limiter, cause, guess, is_right).await?;
    match (state.allowed, is_right) {
        (false, _) => Err(Limiter::refusal(&state, None)),
        (true, false) => Err(IdentityError::MfaFailed.into()),
        (true, true) => Ok(()),
    }
}

/// Asks again what is missing, after a second factor was set up: a session, if nothing is.
#[utoipa::path(
    post, path = "/v1/auth/complete", tag = "Signing in", operation_id = "completeSignIn",
    security(("half_session" = [])),
    responses((status = 200, description = "Signed in, or what is missing", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "session_ended"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 8, "write_units": 16})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 1, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn complete(
    State(api): State<Api>,
    half: HalfSession,
    client: Client,
) -> Result<Response, Problem> {
    let (cause, network) = (client.cause(), client.address());
    let issuer = api.issuer().await?;
    let entrance = api.entrance(&issuer, &cause, &network);
    let signed_in = identity::complete_sign_in(&entrance, half.token()).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}
