use access::{Always, needs::ReadOrganization};
use http_api::{
    Answer, Caller, MemberOrKey, Problem, Problems, Repeatable, Response, State, StatusCode, ToSchema,
    http::HeaderMap,
};
use orgs::{Founder, Org, OrgError, api::Organization};
use primitives::{Name, Slug};
use serde::Deserialize;
use table::{Decision, Item, Keep};

use crate::Api;

/// The organization to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateOrganization {
    /// Its name: 1 to 100 characters that are seen, without a link. Kept in one spelling: NFC, single spaces.
    name: Name,
    /// Its name in URLs, its alone. Some words, such as `admin`, are nobody's.
    slug: Slug,
}

fn answer(status: StatusCode, org: &Org, version: u64) -> Answer {
    Answer::new(status, &org.resource(version)).tagged(version)
}

/// Creates an organization with the caller as its owner, and begins its free trial. Switch to it with `POST
/// /v1/auth/switch-org`.
#[utoipa::path(
    post, path = "/v1/orgs", tag = "Organizations", operation_id = "createOrganization",
    security(("access_token" = [])), request_body = CreateOrganization,
    responses((status = 201, description = "Created", body = Organization, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "slug_reserved", "slug_taken", "too_many_memberships"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 3, "write_units": 36})),
        ("x-gantry-usage" = json!({"new_organization": 1, "events": 3, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    command: Repeatable<CreateOrganization>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    command.once(&table, &scope, created, |input, keep| establish(api, caller, input, keep)).await
}

fn created(org: &Org) -> Answer {
    answer(StatusCode::CREATED, org, org.next_version())
}

/// Organization, owner and trial are one transaction: this is the place that knows both domains.
async fn establish(
    api: Api,
    caller: Caller,
    input: CreateOrganization,
    keep: Keep<'static, Org>,
) -> Result<Org, Problem> {
    let CreateOrganization { name, slug } = input;
    let cause = caller.cause();
    let founder = Founder { user_id: caller.principal.user_id, email: caller.principal.email };
    let decide = |_| async {
        let access = |now| billing::trial_access(now, &api.billing);
        let (new, changes) = orgs::create(&api.table, &founder, &name, slug.clone(), access)?;
        let trial = billing::start_trial(new.org.org_id, new.org.created_at, &api.billing);
        let refusals = orgs::refusals(&new);
        let decision = Decision::commit(changes.and(trial), new.org);
        let decision =
            refusals.into_iter().fold(decision, |decision, (key, error)| decision.unless(&key, Err(error)));
        Ok::<_, OrgError>(decision)
    };
    Ok(api.table.decide_once(&cause, &keep, decide).await?)
}

/// The organization that the session is in.
#[utoipa::path(
    get, path = "/v1/orgs/current", tag = "Organizations", operation_id = "getCurrentOrganization",
    security(("access_token" = []), ("api_key" = [])),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "The organization", body = Organization),
        (status = 304, description = "The client has it already"),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 80, "events": 0, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn current(
    State(api): State<Api>,
    member: MemberOrKey<ReadOrganization, Always>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let org = orgs::current(&api.table, &member.permit).await?;
    Ok(answer(StatusCode::OK, &org, org.version()).unless_known(&headers))
}
