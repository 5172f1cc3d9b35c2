use http_api::{Caller, Command, Fresh, Problem, Problems, State, StatusCode, ToSchema};
use identity::Password;
use serde::Deserialize;

use crate::{Api, about_password};

/// The new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPassword {
    /// The password.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: Password,
}

/// Sets or changes the password. All other sessions end.
#[utoipa::path(
    put, path = "/v1/me/password", tag = "Account", operation_id = "setPassword",
    security(("access_token" = [])), request_body = SetPassword,
    responses((status = 204, description = "The password is set"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 160})),
        ("x-gantry-usage" = json!({"person": 0.05, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn set(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    command: Command<SetPassword>,
) -> Result<StatusCode, Problem> {
    let password = command.input.password;
    let set = identity::set_password(&api.table, &caller.cause(), &caller.principal, &password).await;
    set.map_err(about_password)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the password away: from now on the person signs in by mail. All other sessions end. One that is gone
/// is gone: 204 again.
#[utoipa::path(
    delete, path = "/v1/me/password", tag = "Account", operation_id = "removePassword",
    security(("access_token" = [])),
    responses((status = 204, description = "There is no password"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 160})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(State(api): State<Api>, caller: Caller, _: Fresh) -> Result<StatusCode, Problem> {
    identity::remove_password(&api.table, &caller.cause(), &caller.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}
