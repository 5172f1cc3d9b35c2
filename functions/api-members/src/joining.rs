use access::{Always, Full, Reading, needs::WriteMembers};
use http_api::{
    Answer, Caller, Command, IntoResponse, Limiter, Member, Paged, PathParameter, Problem, Problems,
    Repeatable, Response, Searched, State, StatusCode, ToSchema,
};
use orgs::{
    ByDomain, OrgError, Requested,
    api::{InviteLinkRole, JoinRequest, JoinRequestStatus},
};
use primitives::{EmailDomain, JoinRequestId, OrgId, Page};
use serde::{Deserialize, Serialize};
use table::{Decision, Item, Keep};

use crate::{Api, refused};

/// An organization that the person may join by the domain of their address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JoinableOrganization {
    /// The organization.
    org_id: OrgId,
    /// Its name.
    name: String,
    /// The domain that it has shown to be its own.
    domain: EmailDomain,
    /// Whether one of its owners or admins has to say yes. Who was a member before needs that in any case.
    needs_approval: bool,
}

/// The organizations that the person may join by the domain of their address, and does not belong to: there
/// is one at most. Who has joined a moment ago may see it still.
#[utoipa::path(
    get, path = "/v1/me/joinable-organizations", tag = "Account", operation_id = "listJoinableOrganizations",
    security(("access_token" = [])),
    responses((status = 200, description = "All of them", body = Page<JoinableOrganization>), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 3, "write_units": 0})),
        ("x-gantry-usage" = json!({"new_person": 1, "events": 0, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn joinable(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let mut items = Vec::new();
    if let Some(joinable) = directory::joinable(&api.table, &caller.principal.email).await? {
        let name = orgs::to_be_joined(&api.table, caller.principal.user_id, joinable.org_id).await?;
        items.extend(name.map(|name| JoinableOrganization {
            org_id: joinable.org_id,
            name,
            domain: joinable.domain,
            needs_approval: joinable.needs_approval,
        }));
    }
    Ok(Answer::ok(&Page { items, next_cursor: None }).into_response())
}

/// What the person wants to join.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateJoinRequest {
    /// The organization.
    org_id: OrgId,
}

fn asked(request: &orgs::JoinRequest) -> Answer {
    let version = request.version();
    Answer::new(StatusCode::CREATED, &request.resource(version)).tagged(version)
}

/// Asks to join an organization by the domain of the person's address. Where nobody has to say yes, the
/// request is approved at once, and the person is a member. Who asks again has asked.
#[utoipa::path(
    post, path = "/v1/me/join-requests", tag = "Account", operation_id = "createJoinRequest",
    security(("access_token" = [])), request_body = CreateJoinRequest,
    responses((status = 201, description = "Asked, or joined", body = JoinRequest, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "access_restricted", "already_member", "conflict", "domain_not_allowed", "join_request_closed",
            "join_request_declined", "not_found", "organization_suspended", "seat_limit_reached",
            "too_many_memberships",
        ])),
        ("x-gantry-limits" = json!(["join-request"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 16, "write_units": 34})),
        ("x-gantry-usage" = json!({"new_person": 0.5, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    limiter: Limiter,
    command: Repeatable<CreateJoinRequest>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let ask = |CreateJoinRequest { org_id }, keep| async move {
        limiter.take(&orgs::limits::join_requests(), &caller.principal.user_id.to_string()).await?;
        ask(&api, &caller, org_id, &keep).await.map_err(|error| refused(caller.asker(), error))
    };
    command.once(&table, &scope, asked, ask).await
}

/// Whom a domain lets in, and how somebody comes in, are one transaction: this is the place that knows both.
async fn ask(
    api: &Api,
    caller: &Caller,
    org_id: OrgId,
    keep: &Keep<'_, orgs::JoinRequest>,
) -> Result<orgs::JoinRequest, OrgError> {
    let (table, principal, cause) = (&api.table, &caller.principal, &caller.cause());
    let (request_id, member_id) = (table.ids().next(), table.ids().next());
    let decide = |_| async move {
        let found = directory::joinable(table, &principal.email).await?;
        let found = found.filter(|found| found.org_id == org_id).ok_or(OrgError::NotFound)?;
        let by = ByDomain {
            org_id,
            domain: found.domain,
            needs_approval: found.needs_approval,
            role: found.role,
            condition: found.condition,
        };
        orgs::ask(table, principal, (request_id, member_id), by).await
    };
    match table.decide_once(cause, keep, decide).await {
        Err(OrgError::SeatLimit) if orgs::release_seats(table, cause, org_id).await? => {
            table.decide_once(cause, keep, decide).await
        }
        // of one that is about to be erased nobody becomes a member
        Err(OrgError::InviteClosed) => Err(OrgError::NotFound),
        other => other,
    }
}

/// Which requests are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct ByStatus {
    status: Option<JoinRequestStatus>,
}

/// Who asks to join the organization, a page at a time; of one status the oldest first. Those that were
/// decided are listed for 90 days.
#[utoipa::path(
    get, path = "/v1/orgs/current/join-requests", tag = "Members", operation_id = "listJoinRequests",
    security(("access_token" = [])),
    params(Paged, ("status" = Option<JoinRequestStatus>, Query, description = "Those of which this became")),
    responses((status = 200, description = "A page of requests", body = Page<JoinRequest>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 800})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: Member<WriteMembers, Reading>,
    Paged { limit, cursor }: Paged,
    Searched(ByStatus { status }): Searched<ByStatus>,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = orgs::join_requests(&api.table, &*api.cursors, &reader.permit, status, page).await?;
    Ok(Answer::ok(&page).into_response())
}

/// What whoever asked becomes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveJoinRequest {
    /// The role. Without it, it is what the domain says.
    role: Option<InviteLinkRole>,
}

/// Makes a member of whoever asked, who takes a seat, as long as people join by that domain.
#[utoipa::path(
    post, path = "/v1/orgs/current/join-requests/{request_id}/approve", tag = "Members",
    operation_id = "approveJoinRequest", security(("access_token" = [])), request_body = ApproveJoinRequest,
    params(("request_id" = JoinRequestId, Path, description = "The request")),
    responses((status = 200, description = "The member", body = orgs::api::Member, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "already_member", "conflict", "join_request_closed", "member_inactive", "not_found",
            "seat_limit_reached", "too_many_memberships",
        ])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 13, "write_units": 38})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn approve(
    State(api): State<Api>,
    member: Member<WriteMembers, Full>,
    caller: Caller,
    PathParameter(id): PathParameter<JoinRequestId>,
    command: Command<ApproveJoinRequest>,
) -> Result<Response, Problem> {
    let (table, cause, tenant) = (&api.table, &member.cause(), member.permit.tenant());
    let (role, member_id) = (command.input.role, table.ids().next());
    // whom a domain lets in, and how somebody comes in, are one transaction here too
    let decide = |_| async move {
        let request = match orgs::requested(table, tenant, id).await? {
            Requested::Waiting(request) => *request,
            Requested::Approved(member) => return Ok(Decision::done(*member)),
        };
        let joinable = directory::joinable(table, &request.email).await?;
        let joinable = joinable.filter(|joinable| joinable.org_id == tenant.org_id());
        let by = joinable.ok_or(OrgError::RequestClosed)?.condition;
        orgs::approve(table, tenant, request, by, (member_id, role)).await
    };
    let approved = match table.decide(cause, decide).await {
        Err(OrgError::SeatLimit) if orgs::release_seats(table, cause, tenant.org_id()).await? => {
            table.decide(cause, decide).await
        }
        other => other,
    };
    let member = approved.map_err(|error| refused(caller.asker(), error))?;
    Ok(Answer::ok(&member.resource(member.version())).tagged(member.version()).into_response())
}

/// Says no to whoever asked, who can ask again after 30 days.
#[utoipa::path(
    post, path = "/v1/orgs/current/join-requests/{request_id}/decline", tag = "Members",
    operation_id = "declineJoinRequest", security(("access_token" = [])),
    params(("request_id" = JoinRequestId, Path, description = "The request")),
    responses((status = 204, description = "Declined"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "join_request_closed", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 5, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn decline(
    State(api): State<Api>,
    member: Member<WriteMembers, Always>,
    caller: Caller,
    PathParameter(id): PathParameter<JoinRequestId>,
) -> Result<StatusCode, Problem> {
    let declined = orgs::decline_request(&api.table, &member.cause(), &member.permit, id).await;
    declined.map_err(|error| refused(caller.asker(), error))?;
    Ok(StatusCode::NO_CONTENT)
}
