use garde::Validate;
use http_api::{
    Answer, Caller, Client, Command, IntoResponse, Problem, Problems, Response, State, StatusCode, ToSchema,
    parses,
};
use identity::IdentityError;
use primitives::OrgId;
use serde::Deserialize;

use crate::{Api, magic_links::Session};

/// The token to replace.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The refresh token of the last pair.
    #[garde(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    refresh_token: String,
}

/// Replaces a pair of tokens. The token that was replaced last gives the same pair again, until the next one
/// is used; an older one ends the session.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "Sessions", operation_id = "refreshSession",
    request_body = Refresh,
    responses((status = 200, description = "The next pair", body = Session), Problems),
    extensions(("x-gantry-codes" = json!(["invalid_refresh_token"]))),
)]
pub(crate) async fn refresh(
    State(api): State<Api>,
    client: Client,
    command: Command<Refresh>,
) -> Result<Response, Problem> {
    let (table, policy, cause, token) =
        (&api.table, &api.policy, client.cause(), &command.input.refresh_token);
    let issuer = api.issuer().await?;
    let mut tokens = identity::refresh(table, &issuer, policy, &cause, token).await;
    // another instance may know a newer key, and have made the token with it
    if matches!(tokens, Err(IdentityError::InvalidRefreshToken))
        && let Some(newer) = api.newer_issuer(&issuer).await?
    {
        tokens = identity::refresh(table, &newer, policy, &cause, token).await;
    }
    Ok(Answer::ok(&Session::from(tokens?)).into_response())
}

/// Ends the session. Its tokens do not work from the next request on. A session that has ended already is
/// signed out: 204 again.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", tag = "Sessions", operation_id = "signOut",
    security(("access_token" = [])),
    responses((status = 204, description = "Signed out"), Problems),
    extensions(("x-gantry-codes" = json!(["conflict"]))),
)]
pub(crate) async fn sign_out(
    State(api): State<Api>,
    caller: Result<Caller, Problem>,
) -> Result<StatusCode, Problem> {
    match caller {
        Ok(caller) => {
            identity::sign_out(&api.table, &caller.cause(), &caller.principal).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        Err(problem) if problem.code() == "session_ended" => Ok(StatusCode::NO_CONTENT),
        Err(problem) => Err(problem),
    }
}

/// Where to go.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchOrg {
    /// One of the person's organizations.
    #[garde(custom(parses::<OrgId>))]
    #[schema(pattern = "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "org_01kar8h5g0e0vsx4q1v3f6m2ah")]
    org_id: String,
}

/// Takes the session into another of the person's organizations: a new access token, and the refresh token
/// that there is. The same request again gives the same pair.
#[utoipa::path(
    post, path = "/v1/auth/switch-org", tag = "Sessions", operation_id = "switchOrg",
    security(("access_token" = [])), request_body = SwitchOrg,
    responses((status = 200, description = "The session in that organization", body = Session), Problems),
    extensions(("x-gantry-codes" = json!(["conflict", "not_found"]))),
)]
pub(crate) async fn switch_org(
    State(api): State<Api>,
    caller: Caller,
    command: Command<SwitchOrg>,
) -> Result<Response, Problem> {
    let org_id = command.input.org_id.parse().map_err(|_| http_api::not_found())?;
    let issuer = api.issuer().await?;
    let (cause, principal) = (caller.cause(), &caller.principal);
    let tokens = identity::switch_org(&api.table, &issuer, &api.policy, &cause, principal, org_id).await?;
    Ok(Answer::ok(&Session::from(tokens)).into_response())
}
