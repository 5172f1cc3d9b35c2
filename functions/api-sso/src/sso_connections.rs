use std::collections::BTreeMap;

use access::{
    Always, Full, With, features,
    needs::{ReadDirectory, WriteDirectory},
};
use directory::DirectoryError;
use http_api::{
    Answer, Caller, Change, Command, Fresh, IfMatch, IntoResponse, Limiter, Member, Paged, PathParameter,
    Problem, Problems, Repeatable, Response, State, StatusCode, ToSchema,
};
use primitives::{DomainId, Name, Page, Secret, SsoConnectionId, Text};
use serde::Deserialize;
use sso::{
    NewConnection, SsoError,
    api::{GroupRole, SsoConnection, SsoDefaultRole},
    limits,
};
use table::{Item, Keep};
use utoipa::openapi::{
    Ref,
    schema::{ObjectBuilder, Schema, Type},
};

use crate::{Api, sso_client::SsoFailed};

pub(crate) fn refused(failed: SsoFailed) -> Problem {
    match failed {
        SsoFailed::Sso(error) => match error {
            SsoError::DomainCount { .. } => Problem::field("/domain_ids", &error),
            SsoError::Groups { .. } => Problem::field("/group_roles", &error),
            SsoError::SecretNeeded => Problem::field("/client_secret", &error),
            SsoError::VersionMismatch { current } => Problem::from(error).standing_at(current),
            error => error.into(),
        },
        SsoFailed::Directory(error @ DirectoryError::Unknown { .. }) => Problem::field("/domain_ids", &error),
        failed => failed.into(),
    }
}

/// As [`sso::create`] judges them.
fn group_roles() -> Schema {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(128));
    let roles = ObjectBuilder::new().property_names(Some(name)).max_properties(Some(20));
    let role = Ref::from_schema_name(GroupRole::name());
    roles.additional_properties(Some(role)).build().into()
}

fn shown(connection: &sso::SsoConnection) -> Response {
    let version = connection.version();
    Answer::ok(&connection.resource(version)).tagged(version).into_response()
}

/// The connections of the organization to identity providers of its own, in the order in which they were
/// made, a page at a time.
#[utoipa::path(
    get, path = "/v1/orgs/current/sso/connections", tag = "Single sign-on", operation_id = "listSsoConnections",
    security(("access_token" = [])), params(Paged),
    responses((status = 200, description = "A page of connections", body = Page<SsoConnection>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: Member<ReadDirectory, Always>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = sso::connections(&api.table, &*api.cursors, &reader.permit, page).await?;
    Ok(Answer::ok(&page.map(|connection| connection.resource(connection.version()))).into_response())
}

/// The identity provider to connect.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSsoConnection {
    /// What people call it.
    name: Name,
    /// The provider, as it calls itself: an address by https, below which it describes itself (OpenID Connect
    /// Discovery). Some have one for each customer, with the customer's name or id in it.
    #[schema(inline)]
    issuer: Text<1, 255>,
    /// What the provider calls us.
    #[schema(inline)]
    client_id: Text<1, 255>,
    /// What the provider knows us by. It is not shown again.
    #[schema(inline)]
    client_secret: Text<1, 1000>,
    /// The verified domains of the organization whose people sign in by it. Another connection serves none of
    /// them.
    #[schema(min_items = 1, max_items = 20)]
    domain_ids: Vec<DomainId>,
    /// What those become who were no members, where their groups say nothing else.
    default_role: SsoDefaultRole,
    /// The claim that says in which groups a person is. Without it, roles do not follow from groups. With it
    /// they do at each sign-in: what else is said about the role of somebody who is no owner lasts until
    /// then.
    #[schema(inline)]
    group_claim: Option<Text<1, 100>>,
    /// What those become who are in these groups: at most 20, each with at most 128 characters. Of several it
    /// is the one that may do most; who is in none of them becomes what `default_role` says.
    #[serde(default)]
    #[schema(schema_with = group_roles)]
    group_roles: BTreeMap<String, GroupRole>,
    /// Whether anybody signs in by it, from now on. Without it they do.
    enabled: Option<bool>,
}

fn created(connection: &sso::SsoConnection) -> Answer {
    let at = format!("/v1/orgs/current/sso/connections/{}", connection.connection_id);
    let version = connection.version();
    Answer::new(StatusCode::CREATED, &connection.resource(version)).at(at).tagged(version)
}

/// Connects an identity provider of the organization's own (OpenID Connect). Register `/auth/sso/{org_id}` of
/// the app as the address to which the provider sends people back. It is asked now what it is. From then on
/// whoever has an address of one of the domains can sign in by it, and becomes a member by that.
#[utoipa::path(
    post, path = "/v1/orgs/current/sso/connections", tag = "Single sign-on", operation_id = "createSsoConnection",
    security(("access_token" = [])), request_body = CreateSsoConnection,
    responses(
        (status = 201, description = "Connected", body = SsoConnection, headers(("ETag"), ("Location"))), Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "domain_in_use", "domain_unverified", "feature_not_in_plan", "not_found",
            "step_up_required", "too_many_sso_connections",
        ])),
        ("x-gantry-limits" = json!(["sso-discovery"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 10, "write_units": 30})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 1, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: Member<WriteDirectory, With<features::Sso>>,
    caller: Caller,
    _: Fresh,
    limiter: Limiter,
    command: Repeatable<CreateSsoConnection>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let create = |input: CreateSsoConnection, keep| async move {
        limiter.take(&limits::discoveries(), &member.permit.org_id.to_string()).await?;
        let issuer = input.issuer.into_string();
        api.discover(&issuer).await.map_err(|refused| Problem::field("/issuer", &refused))?;
        let new = NewConnection {
            connection_id: api.table.ids().next(),
            name: input.name.to_string(),
            issuer,
            client_id: input.client_id.into_string(),
            client_secret: Secret::new(input.client_secret.into_string()),
            domain_ids: input.domain_ids,
            default_role: input.default_role,
            group_claim: input.group_claim.map(Text::into_string),
            group_roles: input.group_roles,
            enabled: input.enabled.unwrap_or(true),
        };
        store(&api, &member, &new, &keep).await.map_err(refused)
    };
    command.once(&table, &scope, created, create).await
}

/// What a connection is and which domains it serves is one transaction: here both are known.
async fn store(
    api: &Api,
    member: &Member<WriteDirectory, With<features::Sso>>,
    new: &NewConnection,
    keep: &Keep<'_, sso::SsoConnection>,
) -> Result<sso::SsoConnection, SsoFailed> {
    let (table, permit) = (&api.table, &member.permit);
    let key = &api.seals.get().await.map_err(|_| SsoError::Sealing)?.current;
    let decide = |_| async move {
        let wanted = (&[][..], &*new.domain_ids);
        let served = directory::serve(table, permit.tenant(), new.connection_id, wanted).await?;
        Ok(sso::create(table, permit, key, new.clone(), served).await?)
    };
    table.decide_once(&member.cause(), keep, decide).await
}

/// A connection.
#[utoipa::path(
    get, path = "/v1/orgs/current/sso/connections/{connection_id}", tag = "Single sign-on",
    operation_id = "getSsoConnection", security(("access_token" = [])),
    params(("connection_id" = SsoConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = SsoConnection, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: Member<ReadDirectory, Always>,
    PathParameter(id): PathParameter<SsoConnectionId>,
) -> Result<Response, Problem> {
    Ok(shown(&sso::connection_with_id(&api.table, &reader.permit, id).await?))
}

/// What is to change. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateSsoConnection {
    /// What people call it.
    name: Option<Name>,
    /// The provider, which is asked what it is. Another one comes with its secret.
    #[schema(inline)]
    issuer: Option<Text<1, 255>>,
    /// What the provider calls us.
    #[schema(inline)]
    client_id: Option<Text<1, 255>>,
    /// What the provider knows us by.
    #[schema(inline)]
    client_secret: Option<Text<1, 1000>>,
    /// The verified domains of the organization whose people sign in by it.
    #[schema(min_items = 1, max_items = 20)]
    domain_ids: Option<Vec<DomainId>>,
    /// What those become who were no members.
    default_role: Option<SsoDefaultRole>,
    /// The claim that says in which groups a person is. Null is none.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    group_claim: Change<Text<1, 100>>,
    /// What those become who are in these groups: all of them.
    #[schema(schema_with = group_roles)]
    group_roles: Option<BTreeMap<String, GroupRole>>,
    /// Whether anybody signs in by it.
    enabled: Option<bool>,
}

/// Changes a connection, for the sign-ins that come. One that is no more in use signs nobody in; where SSO is
/// required, sessions by it end with their next request in the organization.
#[utoipa::path(
    patch, path = "/v1/orgs/current/sso/connections/{connection_id}", tag = "Single sign-on",
    operation_id = "updateSsoConnection", security(("access_token" = [])), request_body = UpdateSsoConnection,
    params(("connection_id" = SsoConnectionId, Path, description = "The connection")),
    responses((status = 200, description = "The connection", body = SsoConnection, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "domain_in_use", "domain_unverified", "not_found", "step_up_required", "would_lock_out",
        ])),
        ("x-gantry-limits" = json!(["sso-discovery"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 10, "write_units": 32})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 1, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: Member<WriteDirectory, Full>,
    _: Fresh,
    limiter: Limiter,
    PathParameter(id): PathParameter<SsoConnectionId>,
    IfMatch(expected): IfMatch,
    command: Command<UpdateSsoConnection>,
) -> Result<Response, Problem> {
    let input = command.input;
    if let Some(issuer) = &input.issuer {
        limiter.take(&limits::discoveries(), &member.permit.org_id.to_string()).await?;
        let found = api.discover(issuer.as_str()).await;
        found.map_err(|refused| Problem::field("/issuer", &refused))?;
    }
    let wanted = sso::Change {
        name: input.name.map(|name| name.to_string()),
        issuer: input.issuer.map(Text::into_string),
        client_id: input.client_id.map(Text::into_string),
        client_secret: input.client_secret.map(|secret| Secret::new(secret.into_string())),
        domain_ids: input.domain_ids,
        default_role: input.default_role,
        group_claim: match input.group_claim {
            Change::Keep => None,
            Change::Clear => Some(None),
            Change::Set(claim) => Some(Some(claim.into_string())),
        },
        group_roles: input.group_roles,
        enabled: input.enabled,
    };
    let (table, permit, wanted) = (&api.table, &member.permit, &wanted);
    let (key, expected) = (&api.seals.get().await?.current, &expected);
    let decide = |_| async move {
        let before = sso::to_change(table, permit, (id, expected)).await?;
        let after = wanted.domain_ids.as_deref().unwrap_or(&before.domain_ids);
        let served = directory::serve(table, permit.tenant(), id, (&before.domain_ids, after)).await?;
        Ok(sso::change(table, key, before, wanted, served).await?)
    };
    let changed = table.decide(&member.cause(), decide).await;
    Ok(shown(&changed.map_err(refused)?))
}

/// Removes a connection: nobody signs in by it any more. Who is a member stays one. Where SSO is required,
/// the last one that is in use stays: 409 `sso_required`.
#[utoipa::path(
    delete, path = "/v1/orgs/current/sso/connections/{connection_id}", tag = "Single sign-on",
    operation_id = "removeSsoConnection", security(("access_token" = [])),
    params(("connection_id" = SsoConnectionId, Path, description = "The connection")),
    responses((status = 204, description = "It is gone"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 10, "write_units": 32})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    member: Member<WriteDirectory, Always>,
    _: Fresh,
    PathParameter(id): PathParameter<SsoConnectionId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let (table, permit, expected) = (&api.table, &member.permit, &expected);
    let decide = |_| async move {
        let connection = sso::to_change(table, permit, (id, expected)).await?;
        let served = (&*connection.domain_ids, &[][..]);
        let served = directory::serve(table, permit.tenant(), id, served).await?;
        Ok(sso::remove(table, connection, served).await?)
    };
    table.decide(&member.cause(), decide).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}
