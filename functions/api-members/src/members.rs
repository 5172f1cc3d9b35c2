use access::{
    Always, Full, Reading, Role,
    needs::{ReadMembers, ReadOrganization, WriteMembers, WriteOwners},
};
use http_api::{
    Answer, Caller, Command, Fresh, IfMatch, InPerson, IntoResponse, MemberOrKey, Paged, PathParameter,
    Problem, Problems, Response, Searched, State, StatusCode, ToSchema,
};
use orgs::api::{Member, MemberStatus};
use primitives::{MemberId, Page, Text, json};
use serde::Deserialize;
use table::Item;

use crate::{Api, refused};

/// Which members are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct MemberSearch {
    role: Option<Role>,
    /// Whoever is a member is active: it is one word, and leaves nobody out.
    #[serde(rename = "status")]
    _status: Option<MemberStatus>,
    q: Option<Text<1, 100>>,
}

/// The members of the organization, oldest first, a page at a time; those of one role alone where that is
/// asked for. With `q` those whose address or name begins so, the name from any of its first four words on,
/// in the order of what was found: small and capital letters, and letters with accents and without, are the
/// same. Such a page can have fewer than `limit`, also none, and yet a cursor. A new name is found some
/// seconds later.
#[utoipa::path(
    get, path = "/v1/orgs/current/members", tag = "Members", operation_id = "listMembers",
    security(("access_token" = []), ("api_key" = [])),
    params(
        ("role" = Option<Role>, Query, description = "Those who have this role"),
        ("status" = Option<MemberStatus>, Query,
            description = "Those with this status: all, since whoever is taken out is no member any more"),
        ("q" = Option<String>, Query, description = "What the address or the name begins with, the name from any of its first four words on",
            min_length = 1, max_length = 100, example = "lovel"),
        Paged,
    ),
    responses((status = 200, description = "A page of members", body = Page<Member>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 20, "events": 0, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: MemberOrKey<ReadMembers, Reading>,
    Paged { limit, cursor }: Paged,
    Searched(MemberSearch { role, q, .. }): Searched<MemberSearch>,
) -> Result<Response, Problem> {
    let (table, cursors, page) = (&api.table, &*api.cursors, (limit, cursor.as_deref()));
    let page = match q {
        Some(q) => orgs::members_like(table, cursors, &reader.permit, (&q, role), page).await?,
        None => orgs::members(table, cursors, &reader.permit, role, page).await?,
    };
    Ok(Answer::ok(&page).into_response())
}

fn shown(member: &orgs::Member) -> Response {
    Answer::ok(&member.resource(member.version())).tagged(member.version()).into_response()
}

/// A member of the organization.
#[utoipa::path(
    get, path = "/v1/orgs/current/members/{member_id}", tag = "Members", operation_id = "getMember",
    security(("access_token" = []), ("api_key" = [])),
    params(("member_id" = MemberId, Path, description = "The membership")),
    responses((status = 200, description = "The member", body = Member, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    reader: MemberOrKey<ReadMembers, Reading>,
    PathParameter(id): PathParameter<MemberId>,
) -> Result<Response, Problem> {
    Ok(shown(&orgs::member(&api.table, &reader.permit, id).await?))
}

/// What is to change about a member. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMember {
    /// What the member may do.
    #[serde(default, deserialize_with = "json::present")]
    #[schema(nullable = false)]
    role: Option<Role>,
}

/// Gives a member another role, from the next request on. To make an owner of somebody, or something else of
/// an owner, takes an owner who has shown a moment ago who they are. The last owner stays one. Whose role a
/// group of the directory gives (`managed_by`) has no other by hand but that of an owner.
#[utoipa::path(
    patch, path = "/v1/orgs/current/members/{member_id}", tag = "Members", operation_id = "updateMember",
    security(("access_token" = []), ("api_key" = [])), request_body = UpdateMember,
    params(("member_id" = MemberId, Path, description = "The membership")),
    responses((status = 200, description = "The member", body = Member, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "last_owner", "managed_by_directory", "member_inactive", "not_found",
            "step_up_required", "too_many_owners",
        ])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 7, "write_units": 16})),
        ("x-gantry-usage" = json!({"organization": 0.5, "events": 1, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: MemberOrKey<WriteMembers, Full>,
    _: InPerson,
    PathParameter(id): PathParameter<MemberId>,
    IfMatch(expected): IfMatch,
    command: Command<UpdateMember>,
) -> Result<Response, Problem> {
    let (cause, permit, role) = (member.cause(), &member.permit, command.input.role);
    let change = orgs::set_role(&api.table, &cause, permit, member.asker(), (id, &expected), role).await;
    Ok(shown(&change.map_err(|error| refused(member.asker(), error))?))
}

/// Takes a member out of the organization, from the person's next request on; an open invite to the same
/// address is taken back. To take an owner out takes an owner who has shown a moment ago who they are.
/// Whoever is gone is gone: 204 again.
#[utoipa::path(
    delete, path = "/v1/orgs/current/members/{member_id}", tag = "Members", operation_id = "removeMember",
    security(("access_token" = []), ("api_key" = [])),
    params(("member_id" = MemberId, Path, description = "The membership")),
    responses((status = 204, description = "The person is no member any more"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_owner", "step_up_required"])),
        ("x-gantry-budget" = json!({"calls": 10, "read_units": 13, "write_units": 36})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    member: MemberOrKey<WriteMembers, Always>,
    _: InPerson,
    PathParameter(id): PathParameter<MemberId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let (cause, permit) = (member.cause(), &member.permit);
    let removal = orgs::remove(&api.table, &cause, permit, member.asker(), (id, &expected)).await;
    removal.map_err(|error| refused(member.asker(), error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves the organization that the session is in. The last owner cannot.
#[utoipa::path(
    post, path = "/v1/orgs/current/leave", tag = "Members", operation_id = "leaveOrganization",
    security(("access_token" = [])),
    responses((status = 204, description = "The person is no member any more"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_owner", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 10, "read_units": 13, "write_units": 36})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn leave(
    State(api): State<Api>,
    member: http_api::Member<ReadOrganization, Always>,
    _: InPerson,
) -> Result<StatusCode, Problem> {
    orgs::leave(&api.table, &member.cause(), &member.permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is to own the organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferOwnership {
    /// The member who becomes an owner.
    member_id: MemberId,
    /// What the caller is from then on.
    own_role: Role,
}

/// Makes an owner of another member, and something else of the caller, in one step.
#[utoipa::path(
    post, path = "/v1/orgs/current/transfer-ownership", tag = "Members", operation_id = "transferOwnership",
    security(("access_token" = [])), request_body = TransferOwnership,
    responses((status = 200, description = "The new owner", body = Member, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "member_inactive", "not_found", "step_up_required", "too_many_owners",
        ])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 2, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn transfer(
    State(api): State<Api>,
    member: http_api::Member<WriteOwners, Always>,
    caller: Caller,
    _: Fresh,
    command: Command<TransferOwnership>,
) -> Result<Response, Problem> {
    let TransferOwnership { member_id, own_role } = command.input;
    let (cause, permit) = (member.cause(), &member.permit);
    let transfer = orgs::transfer_ownership(&api.table, &cause, permit, member_id, own_role).await;
    Ok(shown(&transfer.map_err(|error| refused(caller.asker(), error))?))
}
