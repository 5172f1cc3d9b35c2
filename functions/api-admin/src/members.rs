use access::{StaffRole, staff_needs::WriteStaff};
use http_api::{
    Answer, Command, Fresh, IntoResponse, Paged, PathParameter, Problem, Problems, Response, Searched, Staff,
    State, StatusCode, ToSchema,
};
use primitives::{Page, Text, Time, UserId};
use serde::{Deserialize, Serialize};
use staff::{Act, Appointment, Found, StaffError};
use table::Decision;

use crate::{Api, why};

/// Somebody of our staff.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StaffMember {
    /// The person.
    id: UserId,
    /// What the person is. Treat a word that you do not know as the least.
    role: StaffRole,
    /// Since when the person is staff.
    created_at: Time,
}

impl From<staff::StaffMember> for StaffMember {
    fn from(member: staff::StaffMember) -> Self {
        Self { id: member.user_id, role: member.role, created_at: member.since.into() }
    }
}

/// Our staff.
#[utoipa::path(
    get, path = "/v1/admin/staff", tag = "Staff", operation_id = "adminListStaff",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of our staff", body = Page<StaffMember>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 5, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 1, "answer_bytes": 600})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    staff: Staff<WriteStaff>,
    _: Fresh,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = staff::members(&api.table, &*api.cursors, limit, cursor.as_deref()).await?;
    let targets = page.items.iter().map(|member| member.user_id.to_string()).collect();
    let act = Act { by: *staff.permit, operation: "adminListStaff" };
    act.looked(&api.table, &staff.cause(), &Found { searched: None, targets }).await?;
    Ok(Answer::ok(&page.map(StaffMember::from)).into_response())
}

/// What a person is to be among our staff, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutStaff {
    /// What the person is to be.
    role: StaffRole,
    /// The reason, in words. It is kept, and read by others.
    #[schema(inline, example = "begins with the support team today")]
    reason: Text<10, 500>,
    /// Where more is said about it.
    #[schema(inline, example = "HR-77")]
    ticket: Option<Text<1, 100>>,
}

/// Makes a person one of our staff, or something else among them, from the next request on.
#[utoipa::path(
    put, path = "/v1/admin/staff/{user_id}", tag = "Staff", operation_id = "adminPutStaff",
    security(("access_token" = [])), request_body = PutStaff,
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, description = "The person as one of our staff", body = StaffMember), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_operator"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 5, "write_units": 17})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn put(
    State(api): State<Api>,
    staff: Staff<WriteStaff>,
    _: Fresh,
    PathParameter(user_id): PathParameter<UserId>,
    command: Command<PutStaff>,
) -> Result<Response, Problem> {
    let PutStaff { role, reason, ticket } = command.input;
    let (why, table) = (&why(&reason, ticket.as_ref(), "/reason")?, &api.table);
    let act = Act { by: *staff.permit, operation: "adminPutStaff" };
    let decide = |_| async move {
        let (member, changes) = staff::appoint(table, &Appointment::Known(user_id), role).await?;
        Ok::<_, StaffError>(Decision::commit(act.done(&user_id, why, changes, table.clock().now()), member))
    };
    let member = table.decide(&staff.cause(), decide).await?;
    Ok(Answer::ok(&StaffMember::from(member)).into_response())
}

/// Why, in the query: a DELETE has no body.
#[derive(Debug, Deserialize)]
pub(crate) struct Reason {
    reason: Text<10, 500>,
    ticket: Option<Text<1, 100>>,
}

/// Takes a person out of our staff, from the next request on. One who is none needs none.
#[utoipa::path(
    delete, path = "/v1/admin/staff/{user_id}", tag = "Staff", operation_id = "adminRemoveStaff",
    security(("access_token" = [])),
    params(
        ("user_id" = UserId, Path, description = "The person"),
        ("reason" = String, Query, description = "Why, in words", min_length = 10, max_length = 500,
            example = "left the company"),
        ("ticket" = Option<String>, Query, description = "Where more is said about it", min_length = 1,
            max_length = 100),
    ),
    responses((status = 204, description = "The person is no staff"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_operator"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 5, "write_units": 15})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    staff: Staff<WriteStaff>,
    _: Fresh,
    PathParameter(user_id): PathParameter<UserId>,
    Searched(Reason { reason, ticket }): Searched<Reason>,
) -> Result<StatusCode, Problem> {
    let (why, table) = (&why(&reason, ticket.as_ref(), "?reason")?, &api.table);
    let act = Act { by: *staff.permit, operation: "adminRemoveStaff" };
    let decide = |_| async move {
        let changes = staff::dismiss(table, user_id).await?;
        Ok::<_, StaffError>(Decision::commit(act.done(&user_id, why, changes, table.clock().now()), ()))
    };
    table.decide(&staff.cause(), decide).await?;
    Ok(StatusCode::NO_CONTENT)
}
