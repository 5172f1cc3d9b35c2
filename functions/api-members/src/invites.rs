use access::{
    Always, Full, Permit, Reading, Role,
    needs::{ReadInvites, WriteInvites},
};
use http_api::{
    Answer, Caller, IfMatch, InPerson, IntoResponse, Limiter, Member, MemberOrKey, Paged, PathParameter,
    Problem, Problems, Repeatable, Response, Searched, State, StatusCode, ToSchema,
};
use orgs::{
    OrgError,
    api::{Invite, InviteStatus},
};
use primitives::{Email, InviteId, Page};
use serde::Deserialize;
use table::Item;

use crate::{Api, refused};

/// Which invites are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct ByStatus {
    status: Option<InviteStatus>,
}

/// The invites of the organization, oldest first, a page at a time; of one status those that end first.
/// Closed ones are listed for 90 days.
#[utoipa::path(
    get, path = "/v1/orgs/current/invites", tag = "Members", operation_id = "listInvites",
    security(("access_token" = []), ("api_key" = [])),
    params(Paged, ("status" = Option<InviteStatus>, Query, description = "Those of which this became. A pending \
        one whose time is over is listed with the pending ones, as expired, until that was noted.")),
    responses((status = 200, description = "A page of invites", body = Page<Invite>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 4, "events": 0, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: MemberOrKey<ReadInvites, Reading>,
    Paged { limit, cursor }: Paged,
    Searched(ByStatus { status }): Searched<ByStatus>,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = orgs::invites(&api.table, &*api.cursors, &reader.permit, status, page).await?;
    Ok(Answer::ok(&page).into_response())
}

/// One that was sent a moment ago.
fn sent(invite: &orgs::Invite) -> Answer {
    Answer::ok(&invite.resource(invite.version())).tagged(invite.version())
}

fn created(invite: &orgs::Invite) -> Answer {
    let at = format!("/v1/orgs/current/invites/{}", invite.invite_id);
    Answer::new(StatusCode::CREATED, &invite.resource(invite.version())).at(at).tagged(invite.version())
}

fn shown(api: &Api, invite: &orgs::Invite) -> Response {
    let resource = invite.resource(invite.version()).at(api.table.clock().now());
    Answer::ok(&resource).tagged(invite.version()).into_response()
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateInvite {
    /// Where the link is sent to. Nobody with another address comes in by it.
    email: Email,
    /// What that person becomes: no more than the caller is.
    role: Role,
}

/// Invites somebody, who gets a mail with a link that works for seven days. The invite holds a seat as long
/// as it is open. To invite an owner takes an owner who has shown a moment ago who they are.
#[utoipa::path(
    post, path = "/v1/orgs/current/invites", tag = "Members", operation_id = "createInvite",
    security(("access_token" = []), ("api_key" = [])), request_body = CreateInvite,
    responses((status = 201, description = "Sent", body = Invite, headers(("ETag"), ("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "already_member", "conflict", "invite_pending", "seat_limit_reached", "step_up_required",
        ])),
        ("x-gantry-limits" = json!(["invite", "invite-address"])),
        ("x-gantry-budget" = json!({"calls": 9, "read_units": 14, "write_units": 28})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: MemberOrKey<WriteInvites, Full>,
    _: InPerson,
    limiter: Limiter,
    command: Repeatable<CreateInvite>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), member.asker().scope());
    let send = |input: CreateInvite, keep| async move {
        let (to, cause, asker) = ((&input.email, input.role), member.cause(), member.asker());
        let may = orgs::may_invite(&api.table, &member.permit, asker, to).await;
        if may.map_err(|error| refused(asker, error))?.is_some() {
            return Err(OrgError::InvitePending.into());
        }
        mailing(&limiter, &member.permit, &input.email).await?;
        let invite = orgs::invite(&api.table, &cause, &member.permit, asker, to, &keep).await;
        invite.map_err(|error| refused(asker, error))
    };
    command.once(&table, &scope, created, send).await
}

/// Counts a mail to this address.
pub(crate) async fn mailing(
    limiter: &Limiter,
    permit: &Permit<WriteInvites>,
    to: &Email,
) -> Result<(), Problem> {
    limiter.take(&orgs::limits::invites(), &permit.org_id.to_string()).await?;
    limiter.take(&orgs::limits::invites_to_address(), to.as_str()).await?;
    Ok(())
}

/// An invite.
#[utoipa::path(
    get, path = "/v1/orgs/current/invites/{invite_id}", tag = "Members", operation_id = "getInvite",
    security(("access_token" = []), ("api_key" = [])),
    params(("invite_id" = InviteId, Path, description = "The invite")),
    responses((status = 200, description = "The invite", body = Invite, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: MemberOrKey<ReadInvites, Reading>,
    PathParameter(id): PathParameter<InviteId>,
) -> Result<Response, Problem> {
    let invite = orgs::invite_with_id(&api.table, &reader.permit, id).await?;
    Ok(shown(&api, &invite))
}

/// Takes an invite back, and gives its seat back. One that is over stays as it is.
#[utoipa::path(
    delete, path = "/v1/orgs/current/invites/{invite_id}", tag = "Members", operation_id = "revokeInvite",
    security(("access_token" = []), ("api_key" = [])),
    params(("invite_id" = InviteId, Path, description = "The invite")),
    responses((status = 204, description = "Nobody comes in by it"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "invite_closed", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    member: MemberOrKey<WriteInvites, Always>,
    _: InPerson,
    PathParameter(id): PathParameter<InviteId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let revoked = orgs::revoke(&api.table, &member.cause(), &member.permit, (id, &expected)).await;
    revoked.map_err(|error| refused(member.asker(), error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a new link, which works for seven days; the link before works no more. Asked for again within a
/// minute, it is the same one.
#[utoipa::path(
    post, path = "/v1/orgs/current/invites/{invite_id}/resend", tag = "Members", operation_id = "resendInvite",
    security(("access_token" = []), ("api_key" = [])),
    params(("invite_id" = InviteId, Path, description = "The invite")),
    responses((status = 200, description = "Sent", body = Invite, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "invite_closed", "not_found", "step_up_required"])),
        ("x-gantry-limits" = json!(["invite", "invite-address"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 5, "write_units": 18})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 1, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn resend(
    State(api): State<Api>,
    member: MemberOrKey<WriteInvites, Full>,
    _: InPerson,
    limiter: Limiter,
    PathParameter(id): PathParameter<InviteId>,
) -> Result<Response, Problem> {
    let (cause, permit) = (member.cause(), &member.permit);
    let to = orgs::to_resend(&api.table, permit, member.asker(), id).await;
    if let Some(to) = to.map_err(|error| refused(member.asker(), error))? {
        mailing(&limiter, permit, &to).await?;
    }
    let resent = orgs::resend(&api.table, &cause, permit, member.asker(), id).await;
    Ok(shown(&api, &resent.map_err(|error| refused(member.asker(), error))?))
}

/// Where an invite is to go instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebindInvite {
    /// The address.
    email: Email,
}

/// Sends an invite to another address instead, with a new link; the link before works no more.
#[utoipa::path(
    post, path = "/v1/orgs/current/invites/{invite_id}/rebind", tag = "Members", operation_id = "rebindInvite",
    security(("access_token" = [])), request_body = RebindInvite,
    params(("invite_id" = InviteId, Path, description = "The invite")),
    responses((status = 200, description = "Sent", body = Invite, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "already_member", "conflict", "invite_closed", "invite_pending", "not_found", "step_up_required",
        ])),
        ("x-gantry-limits" = json!(["invite", "invite-address"])),
        ("x-gantry-budget" = json!({"calls": 11, "read_units": 16, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn rebind(
    State(api): State<Api>,
    member: Member<WriteInvites, Full>,
    caller: Caller,
    limiter: Limiter,
    PathParameter(id): PathParameter<InviteId>,
    command: Repeatable<RebindInvite>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let send = |input: RebindInvite, keep| async move {
        let (to, cause, permit) = ((id, &input.email), member.cause(), &member.permit);
        let may = orgs::may_rebind(&api.table, permit, caller.asker(), to).await;
        may.map_err(|error| refused(caller.asker(), error))?;
        mailing(&limiter, permit, &input.email).await?;
        let rebound = orgs::rebind(&api.table, &cause, permit, caller.asker(), to, &keep).await;
        rebound.map_err(|error| refused(caller.asker(), error))
    };
    command.once(&table, &scope, sent, send).await
}

/// Answers for an invite in the place of whoever sent it, who has left or cannot invite any more.
#[utoipa::path(
    post, path = "/v1/orgs/current/invites/{invite_id}/confirm", tag = "Members",
    operation_id = "confirmInvite", security(("access_token" = [])),
    params(("invite_id" = InviteId, Path, description = "The invite")),
    responses((status = 200, description = "The invite", body = Invite, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "invite_closed", "not_found", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 3, "read_units": 4, "write_units": 10})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn confirm(
    State(api): State<Api>,
    member: Member<WriteInvites, Full>,
    caller: Caller,
    PathParameter(id): PathParameter<InviteId>,
) -> Result<Response, Problem> {
    let (cause, permit) = (member.cause(), &member.permit);
    let confirmed = orgs::confirm(&api.table, &cause, permit, caller.asker(), id).await;
    Ok(shown(&api, &confirmed.map_err(|error| refused(caller.asker(), error))?))
}
