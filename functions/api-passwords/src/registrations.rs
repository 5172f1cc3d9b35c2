use http_api::{
    Answer, Client, Command, IntoResponse, Limiter, Problem, Problems, Response, State, StatusCode, ToSchema,
};
use http_host::{MagicLinkRequested, admit_mail};
use identity::Password;
use primitives::Email;
use serde::Deserialize;

use crate::{Api, about_password};

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
    let (table, policy, cause) = (&api.table, &api.policy, client.cause());
    let history = admit_mail(&limiter, table, policy, &client, email).await?;
    let links = api.links.get().await?;
    let asked = identity::register(table, &links.current, policy, &cause, history, &password).await;
    let asked = asked.map_err(about_password)?;
    Ok(Answer::new(StatusCode::ACCEPTED, &MagicLinkRequested::from(asked)).into_response())
}
