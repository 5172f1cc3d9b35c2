use http_api::{
    Answer, Client, Command, Enrolling, IntoResponse, Limiter, Problem, Problems, Response, State, ToSchema,
};
use http_host::{AuthenticationCredential, PasskeyOptions, SignIn};
use identity::{Assertion, Enroller, IdentityError, OpenedCeremony, ShownHalf};
use primitives::{Email, Text};
use serde::Deserialize;

use crate::Api;

/// Who wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartPasskeySignIn {
    /// The address, where somebody typed one. Without it the browser offers the passkeys that it has.
    email: Option<Email>,
}

/// Begins a sign-in with a passkey. With an address it names passkeys; the answer looks the same whether or
/// not somebody has this address, or a passkey.
#[utoipa::path(
    post, path = "/v1/auth/passkeys/options", tag = "Signing in", operation_id = "startPasskeySignIn",
    request_body = StartPasskeySignIn,
    responses((status = 200, description = "What to ask the browser", body = PasskeyOptions), Problems),
    extensions(
        ("x-gantry-limits" = json!(["passkey-challenge"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 4, "write_units": 1})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 1300})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<StartPasskeySignIn>,
) -> Result<Response, Problem> {
    limiter.take(&api.policy.passkey_challenges_per_client(), &client.address()).await?;
    let seals = api.seals.get().await?;
    let email = command.input.email.as_ref();
    let options = identity::start_passkey_sign_in(&api.table, &api.relying_party, &seals, email).await?;
    Ok(Answer::ok(&PasskeyOptions::from(options)).into_response())
}

/// What the browser answered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyPasskey {
    /// The token of the ceremony.
    #[schema(inline)]
    ceremony_token: Text<1, 2000>,
    /// What `navigator.credentials.get()` gave, as its `toJSON()` writes it.
    #[schema(value_type = AuthenticationCredential)]
    credential: Assertion,
}

/// Signs in with a passkey: a session, and nothing else is asked for. Each challenge works once; the same
/// request once more within a minute gives the same tokens.
#[utoipa::path(
    post, path = "/v1/auth/passkeys/verify", tag = "Signing in", operation_id = "verifyPasskey",
    request_body = VerifyPasskey,
    responses((status = 200, description = "Signed in", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["login_failed"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 9, "write_units": 21})),
        ("x-gantry-usage" = json!({"person": 0.5, "events": 1, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    command: Command<VerifyPasskey>,
) -> Result<Response, Problem> {
    let (cause, network) = (client.cause(), client.address());
    let VerifyPasskey { ceremony_token, credential } = command.input;
    let ceremony = api.ceremony(ceremony_token.as_str()).await?.ok_or(IdentityError::PasskeyRefused)?;
    let issuer = api.issuer().await?;
    let entrance = api.entrance(&issuer, &cause, &network);
    let relying_party = &api.relying_party;
    let signed_in = identity::sign_in_with_passkey(&entrance, relying_party, &ceremony, &credential).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

/// Begins to show a passkey as a second factor: for a sign-in that lacks one, or with a session, to show once
/// more who one is. It names the person's passkeys.
#[utoipa::path(
    post, path = "/v1/auth/mfa/passkeys/options", tag = "Signing in", operation_id = "startMfaPasskey",
    security(("half_session" = []), ("access_token" = [])),
    responses((status = 200, description = "What to ask the browser", body = PasskeyOptions), Problems),
    extensions(
        ("x-gantry-codes" = json!(["factor_unavailable", "session_ended"])),
        ("x-gantry-limits" = json!(["passkey-challenge"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 1})),
        ("x-gantry-usage" = json!({"person": 0.1, "events": 0, "answer_bytes": 1300})),
    ),
)]
pub(crate) async fn start_second(
    State(api): State<Api>,
    who: Enrolling<false>,
    limiter: Limiter,
) -> Result<Response, Problem> {
    let (client, who) = match &who {
        Enrolling::Caller(caller) => (&caller.client, Enroller::principal(&caller.principal)),
        Enrolling::Half(half, client) => {
            let shown = ShownHalf::read(half.token()).ok_or(IdentityError::HalfSessionEnded)?;
            (client, Enroller::Half(shown))
        }
    };
    limiter.take(&api.policy.passkey_challenges_per_client(), &client.address()).await?;
    let seals = api.seals.get().await?;
    let options = identity::start_second_passkey(&api.table, &api.relying_party, &seals, &who).await?;
    Ok(Answer::ok(&PasskeyOptions::from(options)).into_response())
}

impl Api {
    /// The ceremony that this text belongs to; another instance may have sealed it with a newer key.
    pub(crate) async fn ceremony(&self, token: &str) -> Result<Option<OpenedCeremony>, Problem> {
        let seals = self.seals.get().await?;
        if let Some(opened) = identity::open_ceremony(&seals, token) {
            return Ok(Some(opened));
        }
        let newer = self.seals.newer(&seals).await?;
        Ok(newer.and_then(|newer| identity::open_ceremony(&newer, token)))
    }
}
