use access::{
    Always, Full, Principal,
    needs::{ReadOrganization, WriteOrganization},
};
use billing::Company;
use http_api::{
    Answer, Caller, Change, Command, IfMatch, IntoResponse, MemberOrKey, Problem, Problems, Repeatable,
    Response, State, StatusCode, ToSchema, http::HeaderMap,
};
use orgs::{Founder, Org, OrgError, Settings, api::Organization};
use primitives::{Locale, MediaId, Name, Slug, Timestamp, json};
use serde::Deserialize;
use table::{Decision, Item, Keep};

use crate::Api;

/// The organization to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateOrganization {
    /// Its name: 1 to 100 characters that are seen, without a link. Kept in one spelling: NFC, single
    /// spaces.
    name: Name,
    /// Its name in URLs, its alone. Some words, such as `admin`, are nobody's.
    slug: Slug,
}

pub(crate) fn answer(status: StatusCode, org: &Org, now: Timestamp) -> Answer {
    let version = org.version();
    Answer::new(status, &org.resource(version).at(now)).tagged(version)
}

/// Creates an organization with the caller as its owner, and begins its free trial. A company tries the
/// product once: what the same person, or somebody with an address of the same company, creates later shares
/// what is left of that trial, and has none where it is over. Switch to it with `POST /v1/auth/switch-org`.
#[utoipa::path(
    post, path = "/v1/orgs", tag = "Organizations", operation_id = "createOrganization",
    security(("access_token" = [])), request_body = CreateOrganization,
    responses((status = 201, description = "Created", body = Organization, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "slug_reserved", "slug_taken", "too_many_memberships",
            "too_many_organizations"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 5, "write_units": 44})),
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
    let version = org.next_version();
    Answer::new(StatusCode::CREATED, &org.resource(version)).tagged(version)
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
    let Caller { principal, .. } = caller;
    let Principal { user_id, email, person, .. } = principal;
    let company = Company::of(&email, directory::company_of(&email).as_deref());
    let (company, api) = (&company, &api);
    let founder = Founder { user_id, email, name: person.profile.name, most_owned: api.rules.most_owned };
    let decide = |_| async {
        let granted = billing::grant(&api.table, &api.billing, company).await?;
        let access = |now| billing::trial_access(now, &api.billing, &granted);
        let (new, changes) = orgs::create(&api.table, &founder, &name, slug.clone(), access)?;
        let trial = billing::start_trial(new.org.org_id, new.org.created_at, granted);
        let refusals = orgs::refusals(&new, &founder);
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
    Ok(answer(StatusCode::OK, &org, api.table.clock().now()).unless_known(&headers))
}

/// What is to change. What is left out stays, and null empties what may be empty.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateOrganization {
    /// Its name: 1 to 100 characters that are seen, without a link.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    name: Option<Name>,
    /// Its name in URLs. The one before leads to the new one for 90 days, and is nobody else's meanwhile;
    /// there are five such at most.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    slug: Option<Slug>,
    /// The language of those of its members who say none: a tag of BCP 47.
    #[serde(default)]
    #[schema(inline, value_type = Option<Locale>)]
    locale: Change<Locale>,
    /// A picture of it.
    #[serde(default)]
    #[schema(value_type = Option<MediaId>)]
    logo_media_id: Change<MediaId>,
}

/// Changes what the organization is called and how it is shown. Lists of a person's organizations show it a
/// moment later.
#[utoipa::path(
    patch, path = "/v1/orgs/current", tag = "Organizations", operation_id = "updateCurrentOrganization",
    security(("access_token" = []), ("api_key" = [])), request_body = UpdateOrganization,
    responses((status = 200, description = "The organization", body = Organization, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "slug_reserved", "slug_taken",
            "too_many_former_slugs"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 22})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: MemberOrKey<WriteOrganization, Full>,
    IfMatch(expected): IfMatch,
    command: Command<UpdateOrganization>,
) -> Result<Response, Problem> {
    let UpdateOrganization { name, slug, locale, logo_media_id } = command.input;
    let change = |before: Settings| Settings {
        name: name.as_ref().map_or(before.name, ToString::to_string),
        locale: locale.clone().map(|locale| locale.to_string()).of(before.locale),
        logo_media_id: logo_media_id.clone().of(before.logo_media_id),
    };
    let cause = member.cause();
    let updated = orgs::update(&api.table, &cause, &member.permit, &expected, slug.as_ref(), change).await;
    let org = updated.map_err(|error| match error {
        OrgError::VersionMismatch { current } => Problem::from(error).standing_at(current),
        error => error.into(),
    })?;
    Ok(answer(StatusCode::OK, &org, api.table.clock().now()).into_response())
}
