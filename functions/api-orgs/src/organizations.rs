use std::str::FromStr;

use access::{Always, needs::ReadOrganization};
use garde::Validate;
use http_api::{
    Answer, Caller, Command, IntoResponse, Member, Problem, Problems, Response, State, StatusCode, ToSchema,
    parses,
};
use orgs::{Founder, Org, OrgError};
use primitives::{Name, Slug};
use serde::{Deserialize, Serialize};
use table::{Decision, Keep};

use crate::Api;

/// The organization to create.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateOrganization {
    /// Its name: 1 to 100 characters that are seen, without a link. Kept in one spelling: NFC, single spaces.
    #[garde(custom(parses::<Name>))]
    #[schema(min_length = 1, max_length = 100, format = "gantry-name", example = "Acme")]
    name: String,
    /// Its name in URLs, its alone: 3 to 40 lower-case letters, digits and single hyphens. Some words, such
    /// as `admin`, are nobody's.
    #[garde(custom(parses::<Slug>))]
    #[schema(min_length = 3, max_length = 40, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", example = "acme")]
    slug: String,
}

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Organization {
    /// The organization.
    #[schema(example = "org_01kar8h5g0e0vsx4q1v3f6m2ah")]
    id: String,
    /// Its name.
    name: String,
    /// Its name in URLs.
    slug: String,
    /// Since when, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Org> for Organization {
    fn from(org: Org) -> Self {
        Self {
            id: org.org_id.to_string(),
            name: org.name,
            slug: org.slug.to_string(),
            created_at: org.created_at.to_string(),
        }
    }
}

/// Creates an organization with the caller as its owner, and begins its free trial. Switch to it with `POST
/// /v1/auth/switch-org`.
#[utoipa::path(
    post, path = "/v1/orgs", tag = "Organizations", operation_id = "createOrganization",
    security(("access_token" = [])), request_body = CreateOrganization,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for 24 hours")),
    responses((status = 201, description = "Created", body = Organization), Problems),
    extensions(("x-gantry-codes" = json!(["conflict", "slug_reserved", "slug_taken", "too_many_memberships"]))),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    command: Command<CreateOrganization>,
) -> Result<Response, Problem> {
    let table = api.table.clone();
    let person = caller.principal.user_id;
    command.once(&table, &person, created, |input, keep| found(api, caller, input, keep)).await
}

fn created(org: &Org) -> Answer {
    Answer::new(StatusCode::CREATED, &Organization::from(org.clone()))
}

/// Organization, owner and trial are one transaction: this is the place that knows both domains.
async fn found(
    api: Api,
    caller: Caller,
    input: CreateOrganization,
    keep: Keep<'static, Org>,
) -> Result<Org, Problem> {
    let (name, slug) = (parsed::<Name>(&input.name)?, parsed::<Slug>(&input.slug)?);
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

/// What the checks of the input let through.
fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(Problem::broken_rule)
}

/// The organization that the session is in.
#[utoipa::path(
    get, path = "/v1/orgs/current", tag = "Organizations", operation_id = "getCurrentOrganization",
    security(("access_token" = [])),
    responses((status = 200, description = "The organization", body = Organization), Problems),
    extensions(("x-gantry-codes" = json!(["no_organization", "not_found"]))),
)]
pub(crate) async fn current(
    State(api): State<Api>,
    member: Member<ReadOrganization, Always>,
) -> Result<Response, Problem> {
    let org = orgs::current(&api.table, &member.permit).await?;
    Ok(Answer::ok(&Organization::from(org)).into_response())
}
