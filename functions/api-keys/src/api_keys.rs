use access::{
    Always, Full, Scope,
    needs::{ReadApiKeys, WriteApiKeys},
};
use http_api::{
    Answer, Caller, Change, Command, Fresh, IfMatch, IntoResponse, Member, Paged, PathParameter, Problem,
    Problems, Repeatable, Response, State, StatusCode, ToSchema,
};
use org_keys::{
    ApiKeyError, Made, NewKey,
    api::{ApiKey, shown},
};
use primitives::{ApiKeyId, Name, Network, Page, SignedDuration, Time, json};
use serde::{Deserialize, Serialize};
use table::Item;

use crate::Api;

fn refused(error: ApiKeyError) -> Problem {
    match error {
        ApiKeyError::ScopeNotHeld { place, .. } => Problem::field(&format!("/scopes/{place}"), &error),
        ApiKeyError::ScopeCount { .. } => Problem::field("/scopes", &error),
        ApiKeyError::NetworkCount { .. } => Problem::field("/allowed_addresses", &error),
        ApiKeyError::LongOverlap { .. } => Problem::field("/overlap_seconds", &error),
        ApiKeyError::EndsInThePast => Problem::field("/expires_at", &error),
        ApiKeyError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        error => error.into(),
    }
}

/// The keys of the organization, oldest first, a page at a time. One that was taken back is listed for 90
/// days.
#[utoipa::path(
    get, path = "/v1/orgs/current/api-keys", tag = "API keys", operation_id = "listApiKeys",
    security(("access_token" = [])), params(Paged),
    responses((status = 200, description = "A page of keys", body = Page<ApiKey>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: Member<ReadApiKeys, Always>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = org_keys::keys_of(&api.table, &*api.cursors, &reader.permit, page).await?;
    Ok(Answer::ok(&page).into_response())
}

/// What a key is to be like.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateApiKey {
    /// What people call it.
    name: Name,
    /// What it may do: nothing that its maker may not.
    #[schema(min_items = 1, max_items = 20)]
    scopes: Vec<Scope>,
    /// When it ends. Without it, it ends when somebody takes it back.
    expires_at: Option<Time>,
    /// From where it may be used: at most 20 ranges of addresses. Without it, or empty, from anywhere.
    #[serde(default)]
    #[schema(inline, max_items = 20)]
    allowed_addresses: Vec<Network>,
}

/// A key with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyCreated {
    /// The key.
    api_key: ApiKey,
    /// What the program shows as `Authorization: Bearer …`. It is told here and never again: null in the
    /// answer to a request that was repeated with its `Idempotency-Key`.
    secret: Option<String>,
}

fn answered(made: &Made, secret: Option<String>) -> Answer {
    let version = made.key.next_version();
    let created = ApiKeyCreated { api_key: shown(&made.key, version, made.at), secret };
    let at = format!("/v1/orgs/current/api-keys/{}", made.key.key_id);
    Answer::new(StatusCode::CREATED, &created).at(at).tagged(version)
}

fn told(made: &Made) -> Answer {
    answered(made, Some(made.text.expose().clone()))
}

fn recorded(made: &Made) -> Answer {
    answered(made, None)
}

/// Makes a key. Its text is shown this once; a hash of it is stored.
#[utoipa::path(
    post, path = "/v1/orgs/current/api-keys", tag = "API keys", operation_id = "createApiKey",
    security(("access_token" = [])), request_body = CreateApiKey,
    responses(
        (status = 201, description = "Made", body = ApiKeyCreated, headers(("ETag"), ("Location"))), Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "step_up_required", "too_many_api_keys"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 5, "write_units": 18})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: Member<WriteApiKeys, Full>,
    caller: Caller,
    _: Fresh,
    command: Repeatable<CreateApiKey>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let make = |input: CreateApiKey, keep| async move {
        let CreateApiKey { name, scopes, expires_at, allowed_addresses } = input;
        let expires_at = expires_at.map(Time::timestamp);
        let new = NewKey { name: name.to_string(), scopes, expires_at, allowed_addresses };
        let (cause, permit) = (member.cause(), &member.permit);
        let made = org_keys::create(&api.table, &cause, permit, api.environment, new, &keep).await;
        made.map_err(refused)
    };
    command.once_but(&table, &scope, (told, recorded), make).await
}

/// A key.
#[utoipa::path(
    get, path = "/v1/orgs/current/api-keys/{key_id}", tag = "API keys", operation_id = "getApiKey",
    security(("access_token" = [])),
    params(("key_id" = ApiKeyId, Path, description = "The key")),
    responses((status = 200, description = "The key", body = ApiKey, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: Member<ReadApiKeys, Always>,
    PathParameter(id): PathParameter<ApiKeyId>,
) -> Result<Response, Problem> {
    let key = org_keys::key(&api.table, reader.permit.tenant(), id).await?;
    let shown = shown(&key, key.version(), api.table.clock().now());
    Ok(Answer::ok(&shown).tagged(key.version()).into_response())
}

/// What is to change. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateApiKey {
    /// What people call it.
    name: Option<Name>,
    /// What it may do. Nobody adds what they may not do themselves.
    #[schema(min_items = 1, max_items = 20)]
    scopes: Option<Vec<Scope>>,
    /// When it ends. Null is never.
    #[serde(default)]
    #[schema(value_type = Option<Time>)]
    expires_at: Change<Time>,
    /// From where it may be used: at most 20 ranges of addresses. Empty is anywhere.
    #[schema(inline, max_items = 20)]
    allowed_addresses: Option<Vec<Network>>,
}

/// Changes a key, from the next request on that shows it.
#[utoipa::path(
    patch, path = "/v1/orgs/current/api-keys/{key_id}", tag = "API keys", operation_id = "updateApiKey",
    security(("access_token" = [])), request_body = UpdateApiKey,
    params(("key_id" = ApiKeyId, Path, description = "The key")),
    responses((status = 200, description = "The key", body = ApiKey, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "key_revoked", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 10})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 1, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: Member<WriteApiKeys, Full>,
    _: Fresh,
    PathParameter(id): PathParameter<ApiKeyId>,
    IfMatch(expected): IfMatch,
    command: Command<UpdateApiKey>,
) -> Result<Response, Problem> {
    let UpdateApiKey { name, scopes, expires_at, allowed_addresses } = command.input;
    let expires_at = match expires_at {
        Change::Keep => None,
        Change::Clear => Some(None),
        Change::Set(time) => Some(Some(time.timestamp())),
    };
    let name = name.map(|name| name.to_string());
    let change = org_keys::Change { name, scopes, expires_at, allowed_addresses };
    let (table, cause) = (&api.table, member.cause());
    let key = org_keys::change(table, &cause, &member.permit, (id, &expected), &change).await;
    let key = key.map_err(refused)?;
    let shown = shown(&key, key.version(), table.clock().now());
    Ok(Answer::ok(&shown).tagged(key.version()).into_response())
}

/// How a key is to be rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateApiKey {
    /// For how long the text before works, seconds: a day where it is not said, at most seven.
    #[serde(default = "a_day", deserialize_with = "json::whole")]
    #[schema(minimum = 0, maximum = 604_800, default = 86_400)]
    overlap_seconds: u32,
}

fn a_day() -> u32 {
    86_400
}

/// Gives a key another text, which is shown this once. The one before works for a while, so that programs can
/// be given the new one.
#[utoipa::path(
    post, path = "/v1/orgs/current/api-keys/{key_id}/rotate", tag = "API keys", operation_id = "rotateApiKey",
    security(("access_token" = [])), request_body = RotateApiKey,
    params(("key_id" = ApiKeyId, Path, description = "The key")),
    responses(
        (status = 201, description = "The key with its new text", body = ApiKeyCreated, headers(("ETag"), ("Location"))),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "key_expired", "key_revoked", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn rotate(
    State(api): State<Api>,
    member: Member<WriteApiKeys, Full>,
    caller: Caller,
    _: Fresh,
    PathParameter(id): PathParameter<ApiKeyId>,
    command: Repeatable<RotateApiKey>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let rotate = |input: RotateApiKey, keep| async move {
        let overlap = SignedDuration::from_secs(i64::from(input.overlap_seconds));
        let (cause, permit) = (member.cause(), &member.permit);
        let made = org_keys::rotate(&api.table, &cause, permit, api.environment, (id, overlap), &keep).await;
        made.map_err(refused)
    };
    command.once_but(&table, &scope, (told, recorded), rotate).await
}

/// Takes a key back, from the next request on. One that was taken back is: 204 again.
#[utoipa::path(
    delete, path = "/v1/orgs/current/api-keys/{key_id}", tag = "API keys", operation_id = "revokeApiKey",
    security(("access_token" = [])),
    params(("key_id" = ApiKeyId, Path, description = "The key")),
    responses((status = 204, description = "It works no more"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 12})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    member: Member<WriteApiKeys, Always>,
    PathParameter(id): PathParameter<ApiKeyId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let revoked = org_keys::revoke(&api.table, &member.cause(), &member.permit, (id, &expected)).await;
    revoked.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}
