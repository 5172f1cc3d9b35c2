use ::scim::{
    Made, NewToken, Overview, ScimError, Token,
    api::{ScimFailure, ScimGroup, ScimToken},
};
use access::{
    Always, Full, Role, With, features,
    needs::{ReadDirectory, WriteDirectory},
};
use http_api::{
    Answer, Caller, Change, Command, Fresh, IfMatch, IntoResponse, Member, Paged, PathParameter, Problem,
    Problems, Repeatable, Response, State, StatusCode, ToSchema,
};
use lambda_host::{ConfigurationError, Host, Stage};
use primitives::{Name, Page, ScimGroupId, ScimTokenId, Time};
use serde::{Deserialize, Serialize};
use table::Item;

use crate::Api;

/// What the routes about SCIM have of their own.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Where an identity provider sends its requests.
    base_url: String,
    /// What the text of a token says of where it is good.
    environment: &'static str,
}

impl Settings {
    pub(crate) fn of(host: &Host) -> Result<Self, ConfigurationError> {
        let environment = match host.environment().stage()? {
            Stage::Production => "live",
            stage => stage.name(),
        };
        Ok(Self { base_url: format!("{}/scim/v2", host.public_api_url()?), environment })
    }
}

fn refused(error: ScimError) -> Problem {
    match error {
        ScimError::EndsInThePast => Problem::field("/expires_at", &error),
        ScimError::OwnersByHand => Problem::field("/role", &error),
        ScimError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        error => error.into(),
    }
}

/// How an identity provider keeps the directory of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scim {
    /// Where it sends its requests.
    #[schema(format = "uri", example = "https://api.example.com/scim/v2")]
    base_url: String,
    /// The tokens that it may use, the oldest first.
    tokens: Vec<ScimToken>,
    /// When it asked for something last, to a minute. Null is never.
    last_request_at: Option<Time>,
    /// The last requests that were refused for something that people can mend, at most 10, the last one
    /// first.
    errors: Vec<ScimFailure>,
}

/// Where an identity provider sends its requests, with which tokens, and what of it was refused.
#[utoipa::path(
    get, path = "/v1/orgs/current/scim", tag = "SCIM", operation_id = "getScim",
    security(("access_token" = [])),
    responses((status = 200, description = "How the directory is kept", body = Scim), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: Member<ReadDirectory, Always>,
) -> Result<Response, Problem> {
    let Overview { tokens, failures: errors } = ::scim::overview(&api.table, &reader.permit).await?;
    let last_request_at = tokens.iter().filter_map(|token| token.last_used_at).max().map(Time::from);
    let tokens = tokens.iter().map(Token::shown).collect();
    let base_url = api.scim.base_url.clone();
    Ok(Answer::ok(&Scim { base_url, tokens, last_request_at, errors }).into_response())
}

/// What a token is to be like.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateScimToken {
    /// What people call it.
    name: Name,
    /// When it ends. Without it, it ends when somebody takes it back.
    expires_at: Option<Time>,
}

/// A token with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScimTokenCreated {
    /// The token.
    scim_token: ScimToken,
    /// What the identity provider shows as `Authorization: Bearer …`. It is told here and never again:
    /// null in the answer to a request that was repeated with its `Idempotency-Key`.
    secret: Option<String>,
}

fn answered(made: &Made, secret: Option<String>) -> Answer {
    let created = ScimTokenCreated { scim_token: made.token.shown(), secret };
    Answer::new(StatusCode::CREATED, &created).at("/v1/orgs/current/scim".to_owned())
}

fn told(made: &Made) -> Answer {
    answered(made, Some(made.text.expose().clone()))
}

fn recorded(made: &Made) -> Answer {
    answered(made, None)
}

/// Makes a token by which an identity provider keeps the directory. Its text is shown this once; a hash of
/// it is stored. From the first token on, whom the directory has taken out comes in by it alone.
#[utoipa::path(
    post, path = "/v1/orgs/current/scim/tokens", tag = "SCIM", operation_id = "createScimToken",
    security(("access_token" = [])), request_body = CreateScimToken,
    responses((status = 201, description = "Made", body = ScimTokenCreated, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required", "too_many_scim_tokens", "feature_not_in_plan"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 4, "write_units": 18})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn create_token(
    State(api): State<Api>,
    member: Member<WriteDirectory, With<features::Scim>>,
    caller: Caller,
    _: Fresh,
    command: Repeatable<CreateScimToken>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let make = |CreateScimToken { name, expires_at }, keep| async move {
        let new = NewToken { name: name.to_string(), expires_at: expires_at.map(Time::timestamp) };
        let (cause, permit) = (member.cause(), &member.permit);
        let made = ::scim::create_token(&api.table, &cause, permit, api.scim.environment, new, &keep).await;
        made.map_err(refused)
    };
    command.once_but(&table, &scope, (told, recorded), make).await
}

/// Takes a token back, from the next request on. One that is gone is: 204 again. Without any token the
/// directory has no say any more in who comes in; those whom it let in stay.
#[utoipa::path(
    delete, path = "/v1/orgs/current/scim/tokens/{token_id}", tag = "SCIM", operation_id = "revokeScimToken",
    security(("access_token" = [])),
    params(("token_id" = ScimTokenId, Path, description = "The token")),
    responses((status = 204, description = "It works no more"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn revoke_token(
    State(api): State<Api>,
    member: Member<WriteDirectory, Always>,
    _: Fresh,
    PathParameter(id): PathParameter<ScimTokenId>,
) -> Result<StatusCode, Problem> {
    let revoked = ::scim::revoke_token(&api.table, &member.cause(), &member.permit, id).await;
    revoked.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The groups of the directory, as the identity provider keeps them, the oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/orgs/current/scim/groups", tag = "SCIM", operation_id = "listScimGroups",
    security(("access_token" = [])), params(Paged),
    responses((status = 200, description = "A page of groups", body = Page<ScimGroup>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list_groups(
    State(api): State<Api>,
    reader: Member<ReadDirectory, Always>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = ::scim::groups(&api.table, &*api.cursors, &reader.permit, page).await?;
    Ok(Answer::ok(&page.map(|group| group.shown(group.version()))).into_response())
}

/// What is to change. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateScimGroup {
    /// What the members of the group are in the organization: any role but `owner`. Null is that the group
    /// says nothing of it.
    #[serde(default)]
    #[schema(value_type = Option<Role>)]
    role: Change<Role>,
}

/// Says which role a group gives. A member has the highest of those that the groups give, and without any
/// the one that it came in with; owners stay what they are. The members of the group have it some seconds
/// later; whoever comes in has it at once.
#[utoipa::path(
    patch, path = "/v1/orgs/current/scim/groups/{group_id}", tag = "SCIM", operation_id = "updateScimGroup",
    security(("access_token" = [])), request_body = UpdateScimGroup,
    params(("group_id" = ScimGroupId, Path, description = "The group")),
    responses((status = 200, description = "The group", body = ScimGroup, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "step_up_required", "too_many_mapped_groups"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn update_group(
    State(api): State<Api>,
    member: Member<WriteDirectory, Full>,
    _: Fresh,
    PathParameter(id): PathParameter<ScimGroupId>,
    IfMatch(expected): IfMatch,
    command: Command<UpdateScimGroup>,
) -> Result<Response, Problem> {
    let role = match command.input.role {
        Change::Keep => None,
        Change::Clear => Some(None),
        Change::Set(role) => Some(Some(role)),
    };
    let (cause, permit) = (member.cause(), &member.permit);
    let group = ::scim::update_group_role(&api.table, &cause, permit, (id, &expected), role).await;
    let group = group.map_err(refused)?;
    Ok(Answer::ok(&group.shown(group.version())).tagged(group.version()).into_response())
}
