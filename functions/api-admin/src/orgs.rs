use access::{
    Access, AccessLevel, StaffPermit,
    staff_needs::{ReadOrganizations, SuspendOrganizations},
};
use billing::{CustomerId, api::Subscription};
use http_api::{
    Answer, Command, Fresh, IntoResponse, Paged, PathParameter, Problem, Problems, Response, Searched, Staff,
    State, ToSchema, not_found,
};
use orgs::{OrgError, Overseen, api::Member};
use primitives::{Limit, OrgId, Page, Slug, Text, Time, Timestamp};
use serde::{Deserialize, Serialize};
use staff::{Act, Found, Why};
use table::{Changes, Decision, Item};

use crate::{Api, StaffAct};

/// An organization as our staff sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminOrganization {
    /// The organization.
    id: OrgId,
    /// Its name.
    name: String,
    /// Its name in URLs.
    slug: Slug,
    /// Since when.
    created_at: Time,
    /// Since when our staff has suspended it; null where it is not.
    suspended_at: Option<Time>,
    /// When the organization is erased; null where it is not.
    erase_at: Option<Time>,
    /// How much it may use, by its trial and subscription.
    access: Access,
    /// Trial and subscription; null where the organization is one of a list, and in the answer to an act.
    subscription: Option<Subscription>,
}

impl AdminOrganization {
    pub(crate) fn of(overseen: Overseen, now: Timestamp) -> Self {
        let Overseen { org, access, suspended_at, .. } = overseen;
        Self {
            id: org.org_id,
            name: org.name,
            slug: org.slug,
            created_at: org.created_at.into(),
            suspended_at: suspended_at.map(Time::from),
            erase_at: org.deletion.map(|deletion| deletion.erase_at.into()),
            access: Access::new(access.at(now), access.until(now)),
            subscription: None,
        }
    }
}

/// Of which access level organizations are looked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Looked {
    /// Those whose payment failed, as long as everything is open to them.
    Grace,
}

/// By what organizations are looked for: one of the four.
#[derive(Debug, Deserialize)]
pub(crate) struct OrganizationSearch {
    access: Option<Looked>,
    slug: Option<Slug>,
    q: Option<Text<1, 40>>,
    stripe_customer_id: Option<CustomerId>,
}

/// Finds organizations by a slug, by what slugs begin with, by a customer at Stripe, or those in the grace
/// that a failed payment leaves, the latest failure first. Which were found is written down before they are
/// shown. A page has 50 at most, and may have fewer than there are.
#[utoipa::path(
    get, path = "/v1/admin/orgs", tag = "Staff", operation_id = "adminListOrgs",
    security(("access_token" = [])),
    params(
        ("slug" = Option<Slug>, Query, description = "The whole slug"),
        ("q" = Option<String>, Query, description = "What the slug begins with; instead of `slug`",
            min_length = 1, max_length = 40, example = "acm"),
        ("stripe_customer_id" = Option<String>, Query, description = "The customer at Stripe; instead of both",
            min_length = 1, max_length = 255, pattern = "^[A-Za-z0-9_-]+$", example = "cus_ABC123"),
        ("access" = Option<String>, Query, description = "Those of this access level, which is `grace`; instead of \
            all of them", pattern = "^grace$", example = "grace"),
        Paged,
    ),
    responses((status = 200, description = "A page of organizations", body = Page<AdminOrganization>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    staff: Staff<ReadOrganizations>,
    Searched(search): Searched<OrganizationSearch>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (table, permit) = (&api.table, &staff.permit);
    let single = |items| Page { items, next_cursor: None };
    let (searched, page) = match search {
        OrganizationSearch { access: None, slug: Some(slug), q: None, stripe_customer_id: None } => {
            (slug.as_str().to_owned(), single(orgs::with_slug(table, permit, slug).await?))
        }
        OrganizationSearch { access: None, slug: None, q: Some(q), stripe_customer_id: None } => {
            let (prefix, cursor) = (q.as_str().trim().to_ascii_lowercase(), cursor.as_deref());
            let page = orgs::with_slugs(table, &*api.cursors, permit, &prefix, limit, cursor).await?;
            (prefix, page)
        }
        OrganizationSearch { access: Some(Looked::Grace), slug: None, q: None, stripe_customer_id: None } => {
            ("access=grace".to_owned(), in_grace(&api, permit, limit, cursor.as_deref()).await?)
        }
        OrganizationSearch { access: None, slug: None, q: None, stripe_customer_id: Some(customer) } => {
            let searched = customer.to_string();
            let found = billing::org_of_customer(table, customer).await?;
            let found = match found {
                Some(org_id) => vec![Overseen::read(table, permit.tenant(org_id)).await?],
                None => Vec::new(),
            };
            (searched, single(found))
        }
        _ => {
            return Err(Problem::broken_rule(
                "search by one of `slug`, `q`, `stripe_customer_id` and `access`",
            ));
        }
    };
    let targets = page.items.iter().map(|found| found.org.org_id.to_string()).collect();
    let act = Act { by: **permit, operation: "adminListOrgs" };
    act.looked(table, &staff.cause(), &Found { searched: Some(searched), targets }).await?;
    let now = table.clock().now();
    Ok(Answer::ok(&page.map(|found| AdminOrganization::of(found, now))).into_response())
}

/// Those in the grace that a failed payment leaves. The index is a moment behind: the gate decides.
async fn in_grace(
    api: &Api,
    permit: &StaffPermit<ReadOrganizations>,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Overseen>, Problem> {
    // each is two items, and a call asks for a hundred
    let limit = Limit::try_from(u32::try_from(limit.get().min(50)).unwrap_or(50)).unwrap_or(limit);
    let page = billing::in_grace(&api.table, &*api.cursors, &api.rules, limit, cursor).await?;
    let mut items = orgs::with_ids(&api.table, permit, page.items).await?;
    let now = api.table.clock().now();
    items.retain(|found| found.access.at(now) == AccessLevel::Grace);
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// The organization; that there is none is a look, too.
async fn found(
    api: &Api,
    staff: &Staff<ReadOrganizations>,
    act: Act,
    org_id: OrgId,
) -> Result<Overseen, Problem> {
    match Overseen::read(&api.table, staff.permit.tenant(org_id)).await {
        Err(OrgError::NotFound) => {
            act.looked(&api.table, &staff.cause(), &Found::nothing(&org_id)).await?;
            Err(not_found())
        }
        found => Ok(found?),
    }
}

/// An organization, with its trial and subscription.
#[utoipa::path(
    get, path = "/v1/admin/orgs/{org_id}", tag = "Staff", operation_id = "adminGetOrg",
    security(("access_token" = [])),
    params(("org_id" = OrgId, Path, description = "The organization")),
    responses((status = 200, description = "The organization", body = AdminOrganization), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 1300})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    staff: Staff<ReadOrganizations>,
    PathParameter(org_id): PathParameter<OrgId>,
) -> Result<Response, Problem> {
    let (table, tenant) = (&api.table, staff.permit.tenant(org_id));
    let act = Act { by: *staff.permit, operation: "adminGetOrg" };
    let found = found(&api, &staff, act, org_id).await?;
    let seen = billing::overview_for_staff(table, &api.rules, tenant).await?;
    let targets = vec![org_id.to_string()];
    act.looked(table, &staff.cause(), &Found { searched: None, targets }).await?;
    let subscription = Some(Subscription::of(&seen.account, seen.as_of, seen.access));
    let organization =
        AdminOrganization { subscription, ..AdminOrganization::of(found, table.clock().now()) };
    Ok(Answer::ok(&organization).into_response())
}

/// The members of an organization, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/admin/orgs/{org_id}/members", tag = "Staff", operation_id = "adminListOrgMembers",
    security(("access_token" = [])),
    params(("org_id" = OrgId, Path, description = "The organization"), Paged),
    responses((status = 200, description = "A page of members", body = Page<Member>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list_members(
    State(api): State<Api>,
    staff: Staff<ReadOrganizations>,
    PathParameter(org_id): PathParameter<OrgId>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (table, tenant) = (&api.table, staff.permit.tenant(org_id));
    let act = Act { by: *staff.permit, operation: "adminListOrgMembers" };
    found(&api, &staff, act, org_id).await?;
    let page = orgs::members_of(table, &*api.cursors, tenant, limit, cursor.as_deref()).await?;
    let ids = page.items.iter().map(|member| member.user_id.to_string());
    let targets = std::iter::once(org_id.to_string()).chain(ids).collect();
    act.looked(table, &staff.cause(), &Found { searched: None, targets }).await?;
    Ok(Answer::ok(&page.map(|member| member.resource(member.version()))).into_response())
}

/// Does something to an organization, once, and writes down why, in one transaction.
async fn act_on(
    api: &Api,
    staff: &Staff<SuspendOrganizations>,
    (operation, org_id, why): (&'static str, OrgId, &Why),
    change: impl Fn(&mut Overseen, Timestamp) -> Option<Changes>,
) -> Result<Response, Problem> {
    let act = Act { by: *staff.permit, operation };
    let (table, change, tenant) = (&api.table, &change, staff.permit.tenant(org_id));
    let decide = |_| async move {
        let now = table.clock().now();
        let mut organization = Overseen::read(table, tenant).await?;
        let changes = change(&mut organization, now);
        Ok::<_, Problem>(Decision::commit(act.done(&org_id, why, changes, now), organization))
    };
    let organization = table.decide(&staff.cause(), decide).await?;
    Ok(Answer::ok(&AdminOrganization::of(organization, table.clock().now())).into_response())
}

/// Lets nobody work in an organization any more, from the next request on. Its members may sign in, and work
/// in others. Of one that is suspended it is written down, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/orgs/{org_id}/suspend", tag = "Staff", operation_id = "adminSuspendOrg",
    security(("access_token" = [])), request_body = StaffAct,
    params(("org_id" = OrgId, Path, description = "The organization")),
    responses((status = 200, description = "The organization", body = AdminOrganization), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 13})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn suspend(
    State(api): State<Api>,
    staff: Staff<SuspendOrganizations>,
    _: Fresh,
    PathParameter(org_id): PathParameter<OrgId>,
    command: Command<StaffAct>,
) -> Result<Response, Problem> {
    let why = command.input.why()?;
    act_on(&api, &staff, ("adminSuspendOrg", org_id, &why), Overseen::suspend).await
}

/// Lets the members of an organization work in it again that was suspended.
#[utoipa::path(
    post, path = "/v1/admin/orgs/{org_id}/unsuspend", tag = "Staff", operation_id = "adminUnsuspendOrg",
    security(("access_token" = [])), request_body = StaffAct,
    params(("org_id" = OrgId, Path, description = "The organization")),
    responses((status = 200, description = "The organization", body = AdminOrganization), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 13})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn unsuspend(
    State(api): State<Api>,
    staff: Staff<SuspendOrganizations>,
    _: Fresh,
    PathParameter(org_id): PathParameter<OrgId>,
    command: Command<StaffAct>,
) -> Result<Response, Problem> {
    let why = command.input.why()?;
    let lifted = |organization: &mut Overseen, _| organization.unsuspend();
    act_on(&api, &staff, ("adminUnsuspendOrg", org_id, &why), lifted).await
}
