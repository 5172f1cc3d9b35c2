use http_api::{
    Answer, Client, Command, Departing, IntoResponse, Problem, Problems, Response, State, StatusCode,
    ToSchema,
};
use http_host::{SignIn, Tokens};
use identity::IdentityError;
use primitives::{OrgId, Text};
use serde::Deserialize;

use crate::Api;

/// The token to replace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshSession {
    /// The refresh token of the last pair.
    #[schema(inline)]
    refresh_token: Text<1, 200>,
}

/// Replaces a pair of tokens. The token that was replaced last gives the same pair again, until the next one
/// is used; an older one ends the session.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "Sessions", operation_id = "refreshSession",
    request_body = RefreshSession,
    responses((status = 200, description = "The next pair", body = Tokens), Problems),
    extensions(
        ("x-gantry-codes" = json!(["invalid_refresh_token"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 2})),
        ("x-gantry-usage" = json!({"person": 80, "events": 0, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn refresh(
    State(api): State<Api>,
    client: Client,
    command: Command<RefreshSession>,
) -> Result<Response, Problem> {
    let (table, policy, cause, token) =
        (&api.table, &api.policy, client.cause(), command.input.refresh_token.as_str());
    let issuer = api.issuer().await?;
    let mut tokens = identity::refresh(table, &issuer, policy, &cause, token).await;
    // another instance may know a newer key, and have made the token with it
    if matches!(tokens, Err(IdentityError::InvalidRefreshToken))
        && let Some(newer) = api.newer_issuer(&issuer).await?
    {
        tokens = identity::refresh(table, &newer, policy, &cause, token).await;
    }
    Ok(Answer::ok(&Tokens::from(tokens?)).into_response())
}

/// Ends the session. Its tokens do not work from the next request on. A session that has ended already is
/// signed out: 204 again.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", tag = "Sessions", operation_id = "signOut",
    security(("access_token" = [])),
    responses((status = 204, description = "Signed out"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 3, "write_units": 8})),
        ("x-gantry-usage" = json!({"person": 1, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn sign_out(
    State(api): State<Api>,
    caller: Result<Departing, Problem>,
) -> Result<StatusCode, Problem> {
    match caller {
        Ok(Departing(caller)) => {
            identity::sign_out(&api.table, &caller.cause(), &caller.principal).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        Err(problem) if problem.code() == "session_ended" => Ok(StatusCode::NO_CONTENT),
        Err(problem) => Err(problem),
    }
}

/// Where to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchOrg {
    /// One of the person's organizations.
    org_id: OrgId,
}

/// Takes the session into another of the person's organizations: a new access token, and the refresh token
/// that there is. The same request again gives the same pair.
#[utoipa::path(
    post, path = "/v1/auth/switch-org", tag = "Sessions", operation_id = "switchOrg",
    security(("access_token" = [])), request_body = SwitchOrg,
    responses((status = 200, description = "The session in that organization", body = SignIn), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 7, "write_units": 4})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 1400})),
    ),
)]
pub(crate) async fn switch_org(
    State(api): State<Api>,
    Departing(caller): Departing,
    command: Command<SwitchOrg>,
) -> Result<Response, Problem> {
    let org_id = command.input.org_id;
    let issuer = api.issuer().await?;
    let (cause, principal) = (caller.cause(), &caller.principal);
    let switched = identity::switch_org(&api.table, &issuer, &api.policy, &cause, principal, org_id).await?;
    Ok(Answer::ok(&SignIn::from(switched)).into_response())
}
