use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use identity::{IdentityError, LinkKey, Password};
use primitives::{Email, Keys, Text};
use serde::{Deserialize, Serialize};

use crate::{Api, about_password};

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
pub(crate) async fn request(
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
    let opened = |keys: &Keys<LinkKey>| keys.iter().find_map(|key| key.open_reset_token(token.as_str()));
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
