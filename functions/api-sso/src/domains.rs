use access::{
    Always, Full, With, features,
    needs::{ReadDirectory, WriteDirectory},
};
use directory::{
    Change, DirectoryError,
    api::{Capture, DefaultRole, Domain},
    limits,
};
use http_api::{
    Answer, Caller, Command, Fresh, IfMatch, IntoResponse, Limiter, Member, Paged, PathParameter, Problem,
    Problems, Repeatable, Response, State, StatusCode, ToSchema,
};
use primitives::{DomainId, EmailDomain, Page};
use serde::Deserialize;
use table::Item;

use crate::Api;

fn refused(error: DirectoryError) -> Problem {
    match error {
        DirectoryError::PublicDomain | DirectoryError::LongName { .. } => Problem::field("/name", &error),
        DirectoryError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        error => error.into(),
    }
}

fn shown(domain: &directory::Domain) -> Response {
    Answer::ok(&domain.resource(domain.version())).tagged(domain.version()).into_response()
}

/// The domains of the organization, in the order in which they were added, a page at a time.
#[utoipa::path(
    get, path = "/v1/orgs/current/domains", tag = "Domains", operation_id = "listDomains",
    security(("access_token" = [])), params(Paged),
    responses((status = 200, description = "A page of domains", body = Page<Domain>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: Member<ReadDirectory, Always>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = directory::domains(&api.table, &*api.cursors, &reader.permit, page).await?;
    Ok(Answer::ok(&page.map(|domain| domain.resource(domain.version()))).into_response())
}

/// The domain to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddDomain {
    /// Its name, of at most 235 characters in ASCII. None that is everybody's, such as `gmail.com` or
    /// `co.uk`.
    name: EmailDomain,
}

fn added(domain: &directory::Domain) -> Answer {
    let at = format!("/v1/orgs/current/domains/{}", domain.domain_id);
    let version = domain.version();
    Answer::new(StatusCode::CREATED, &domain.resource(version)).at(at).tagged(version)
}

/// Adds a domain. Set the TXT record that the answer names, and verify the domain then. Several organizations
/// may do so with one domain: the first one that verifies it has it.
#[utoipa::path(
    post, path = "/v1/orgs/current/domains", tag = "Domains", operation_id = "addDomain",
    security(("access_token" = [])), request_body = AddDomain,
    responses((status = 201, description = "Added", body = Domain, headers(("ETag"), ("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "domain_exists", "too_many_domains", "feature_not_in_plan"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 5, "write_units": 15})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    member: Member<WriteDirectory, With<features::Domains>>,
    caller: Caller,
    command: Repeatable<AddDomain>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let add = |AddDomain { name }, keep| async move {
        let domain = directory::add(&api.table, &member.cause(), &member.permit, name, &keep).await;
        domain.map_err(refused)
    };
    command.once(&table, &scope, added, add).await
}

/// A domain.
#[utoipa::path(
    get, path = "/v1/orgs/current/domains/{domain_id}", tag = "Domains", operation_id = "getDomain",
    security(("access_token" = [])),
    params(("domain_id" = DomainId, Path, description = "The domain")),
    responses((status = 200, description = "The domain", body = Domain, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 0, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: Member<ReadDirectory, Always>,
    PathParameter(id): PathParameter<DomainId>,
) -> Result<Response, Problem> {
    Ok(shown(&directory::domain_with_id(&api.table, &reader.permit, id).await?))
}

/// Looks the record of a domain up, and makes the domain the organization's where it is there. From then on
/// it is looked up each week: a domain is verified no more when the record was not found on three days in a
/// row. That DNS does not answer counts for nothing.
#[utoipa::path(
    post, path = "/v1/orgs/current/domains/{domain_id}/verify", tag = "Domains", operation_id = "verifyDomain",
    security(("access_token" = [])),
    params(("domain_id" = DomainId, Path, description = "The domain")),
    responses((status = 200, description = "It is the organization's", body = Domain, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "domain_claimed", "not_found", "record_not_found"])),
        ("x-gantry-limits" = json!(["domain-look-up"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 7, "write_units": 17})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    member: Member<WriteDirectory, Full>,
    limiter: Limiter,
    PathParameter(id): PathParameter<DomainId>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Problem> {
    limiter.take(&limits::look_ups(), &member.permit.org_id.to_string()).await?;
    let (cause, permit) = (member.cause(), &member.permit);
    let domain = directory::verify(&api.table, &cause, &api.dns, permit, (id, &expected)).await;
    Ok(shown(&domain.map_err(refused)?))
}

/// What is to change. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateDomain {
    /// Whether people may join whose verified address is of the domain.
    capture: Option<Capture>,
    /// What they become.
    default_role: Option<DefaultRole>,
}

/// Says who may join by a domain, from the next request on.
#[utoipa::path(
    patch, path = "/v1/orgs/current/domains/{domain_id}", tag = "Domains", operation_id = "updateDomain",
    security(("access_token" = [])), request_body = UpdateDomain,
    params(("domain_id" = DomainId, Path, description = "The domain")),
    responses((status = 200, description = "The domain", body = Domain, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "domain_unverified", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: Member<WriteDirectory, Full>,
    _: Fresh,
    PathParameter(id): PathParameter<DomainId>,
    IfMatch(expected): IfMatch,
    command: Command<UpdateDomain>,
) -> Result<Response, Problem> {
    let UpdateDomain { capture, default_role } = command.input;
    let (cause, permit, change) = (member.cause(), &member.permit, Change { capture, default_role });
    let domain = directory::update(&api.table, &cause, permit, (id, &expected), change).await;
    Ok(shown(&domain.map_err(refused)?))
}

/// Removes a domain: nobody joins by it any more, and another organization may verify it. Who is a member
/// stays one.
#[utoipa::path(
    delete, path = "/v1/orgs/current/domains/{domain_id}", tag = "Domains", operation_id = "removeDomain",
    security(("access_token" = [])),
    params(("domain_id" = DomainId, Path, description = "The domain")),
    responses((status = 204, description = "It is gone"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 16})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    member: Member<WriteDirectory, Always>,
    _: Fresh,
    PathParameter(id): PathParameter<DomainId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let removed = directory::remove(&api.table, &member.cause(), &member.permit, (id, &expected)).await;
    removed.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}
