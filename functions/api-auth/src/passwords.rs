use access::Way;
use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use http_host::SignIn;
use identity::{IdentityError, Password, ShownBrowser};
use primitives::{Email, Text};
use serde::{Deserialize, Serialize};

use crate::{
    Api,
    guesses::{self, Guess},
    magic_links::MagicLinkRequested,
};

/// Who wants to sign in with a password from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterWithPassword {
    /// Where the link goes.
    email: Email,
    /// The password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: Password,
}

/// Sends a mail with a link and a code, as `POST /v1/auth/magic-links` does. Opened in the same browser they
/// make somebody new a person with this password. Somebody who is there already is signed in, and the
/// password is forgotten, as it is in another browser.
#[utoipa::path(
    post, path = "/v1/auth/password/registrations", tag = "Signing in", operation_id = "registerWithPassword",
    request_body = RegisterWithPassword,
    responses((status = 202, description = "Accepted", body = MagicLinkRequested), Problems),
    extensions(
        ("x-gantry-codes" = json!(["rate_limited"])),
        ("x-gantry-limits" = json!(["magic-link-client", "magic-link"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 2, "write_units": 12})),
        ("x-gantry-usage" = json!({"new_person": 0.3, "events": 1, "answer_bytes": 350})),
    ),
)]
pub(crate) async fn register(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<RegisterWithPassword>,
) -> Result<Response, Problem> {
    let RegisterWithPassword { email, password } = command.input;
    let history = api.may_ask_for_mail(&client, &limiter, email).await?;
    let (links, cause) = (api.links.get().await?, client.cause());
    let asked = identity::register(&api.table, &links.current, &api.policy, &cause, history, &password).await;
    let asked = asked.map_err(about_password)?;
    Ok(Answer::new(StatusCode::ACCEPTED, &MagicLinkRequested::from(asked)).into_response())
}

/// An address and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInWithPassword {
    /// The address.
    email: Email,
    /// The password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: Password,
    /// The `browser_token` of an earlier sign-in in this browser. One that is forgotten is passed over.
    #[schema(inline)]
    browser_token: Option<Text<1, 200>>,
}

/// Signs in with a password. An address that nobody has is answered like a wrong password.
#[utoipa::path(
    post, path = "/v1/auth/password/verify", tag = "Signing in", operation_id = "signInWithPassword",
    request_body = SignInWithPassword,
    responses((status = 200, description = "Signed in, or what is missing", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["login_failed"])),
        ("x-gantry-limits" = json!(["failed-login-client", "failed-login"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 8, "write_units": 16})),
        ("x-gantry-usage" = json!({"person": 1, "events": 1, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<SignInWithPassword>,
) -> Result<Response, Problem> {
    let SignInWithPassword { email, password, browser_token } = command.input;
    let browser = browser_token.and_then(|token| ShownBrowser::read(token.as_str()));
    let (policy, cause, network) = (&api.policy, client.cause(), client.address());
    let attempt = identity::password_attempt(&api.table, &cause, email.clone(), &network).await?;
    let (of_network, of_address) = (policy.wrong_passwords_per_client(), policy.wrong_passwords());
    // the hash is what costs: nobody has it made who has guessed at many addresses
    if !attempt.knows_network() {
        refuse_beyond(&limiter.room(&of_network, &network).await?)?;
    }
    let subject = format!("{email} {network}");
    if !attempt.is_right(&password).await? {
        let guess = Guess {
            limit: of_address,
            subject: &subject,
            network: None,
            email: Some(&email),
            user_id: None,
            way: Way::Password,
        };
        let of_address = guesses::count(&api, &limiter, &cause, &guess, false).await?;
        let of_network = limiter.count(&of_network, &network).await?;
        refuse_beyond(&of_address)?;
        if !attempt.knows_network() {
            refuse_beyond(&of_network)?;
        }
        return Err(IdentityError::LoginFailed.into());
    }
    // of many guesses at once no more are answered than of the same one after another
    refuse_beyond(&limiter.room(&of_address, &subject).await?)?;
    let issuer = api.issuer().await?;
    let entrance = api.entrance(&issuer, &cause, &network);
    let signed_in = identity::sign_in_with_password(&entrance, &attempt, &password, browser.as_ref()).await?;
    Ok(Answer::ok(&SignIn::from(signed_in)).into_response())
}

fn refuse_beyond(state: &table::RateLimitState) -> Result<(), Problem> {
    const WAY_OUT: &str = "sign in by a link that you are sent by mail: it works all the same";
    if state.allowed { Ok(()) } else { Err(Limiter::refusal(state, Some(WAY_OUT))) }
}

/// Whose password is lost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestPasswordReset {
    /// Where the link goes, if somebody has this address.
    email: Email,
}

/// The link is on its way, if somebody has the address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordResetRequested {
    /// How long the link works, seconds.
    expires_in: i64,
}

/// Sends a mail with a link to a new password. The answer is the same whether or not somebody has this
/// address; a mail is sent only where somebody has.
#[utoipa::path(
    post, path = "/v1/auth/password/resets", tag = "Signing in", operation_id = "requestPasswordReset",
    request_body = RequestPasswordReset,
    responses((status = 202, description = "Accepted", body = PasswordResetRequested), Problems),
    extensions(
        ("x-gantry-codes" = json!(["rate_limited"])),
        ("x-gantry-limits" = json!(["magic-link-client", "password-reset"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 1, "write_units": 9})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn request_reset(
    State(api): State<Api>,
    client: Client,
    limiter: Limiter,
    command: Command<RequestPasswordReset>,
) -> Result<Response, Problem> {
    let email = command.input.email;
    limiter.take(&api.policy.magic_links_per_client(), &client.address()).await?;
    limiter.take(&api.policy.password_resets(), email.as_str()).await?;
    let asked = identity::request_reset(&api.table, &api.policy, &client.cause(), email).await?;
    let body = PasswordResetRequested { expires_in: asked.expires_in };
    Ok(Answer::new(StatusCode::ACCEPTED, &body).into_response())
}

/// The link's token, and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPassword {
    /// The `token` of the link in the mail.
    #[schema(inline)]
    token: Text<1, 200>,
    /// The new password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: Password,
}

/// Sets a new password, once for each link. All sessions end, and links to a new password from before. Nobody
/// is signed in by it.
#[utoipa::path(
    post, path = "/v1/auth/password/resets/verify", tag = "Signing in", operation_id = "resetPassword",
    request_body = ResetPassword,
    responses((status = 204, description = "The password is set"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "reset_failed"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 5, "write_units": 30})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn reset(
    State(api): State<Api>,
    client: Client,
    command: Command<ResetPassword>,
) -> Result<StatusCode, Problem> {
    let ResetPassword { token, password } = command.input;
    let opened = |keys: &primitives::Keys<identity::LinkKey>| {
        keys.iter().find_map(|key| key.open_reset_token(token.as_str()))
    };
    let links = api.links.get().await?;
    let mut reset_id = opened(&links);
    if reset_id.is_none()
        && let Some(newer) = api.links.newer(&links).await?
    {
        reset_id = opened(&newer);
    }
    let reset_id = reset_id.ok_or(IdentityError::ResetFailed)?;
    let reset = identity::reset_password(&api.table, &client.cause(), reset_id, &password).await;
    reset.map_err(about_password)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says where in the body a password stands that is refused.
fn about_password(error: IdentityError) -> Problem {
    match error {
        IdentityError::Password(error) => Problem::field("/password", &error),
        error => error.into(),
    }
}
