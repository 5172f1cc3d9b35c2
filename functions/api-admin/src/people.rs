use access::{
    Needed, StaffPermission,
    staff_needs::{ReadPeople, SuspendPeople, WritePeople},
};
use http_api::{
    Answer, Command, Fresh, IntoResponse, Paged, PathParameter, PathParameters, Problem, Problems, Response,
    Searched, Staff, State, StatusCode, not_found,
};
use identity::{Account, FactorRef, User};
use identity_core::AddressHash;
use primitives::{Email, Page, Text, Timestamp, UserId};
use serde::Deserialize;
use staff::{Act, Found, Target, Why};
use table::{Changes, Decision};

use crate::{Api, StaffAct, person::AdminPerson};

/// By what people are looked for: one of both.
#[derive(Debug, Deserialize)]
pub(crate) struct PeopleSearch {
    email: Option<Email>,
    q: Option<Text<3, 254>>,
}

/// Finds people by an address, or by what addresses begin with. Which were found is written down before they
/// are shown, as with every look of staff.
#[utoipa::path(
    get, path = "/v1/admin/people", tag = "Staff", operation_id = "adminListPeople",
    security(("access_token" = [])),
    params(
        ("email" = Option<Email>, Query, description = "The whole address"),
        ("q" = Option<String>, Query, description = "What the address begins with; instead of `email`",
            min_length = 3, max_length = 254, example = "ada@"),
        Paged,
    ),
    responses((status = 200, description = "A page of people", body = Page<AdminPerson>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 5, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    staff: Staff<ReadPeople>,
    Searched(search): Searched<PeopleSearch>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (table, cursor) = (&api.table, cursor.as_deref());
    let (searched, page) = match search {
        PeopleSearch { email: Some(email), q: None } => {
            let found = identity::person_with_email(table, &email).await?;
            (email.to_string(), Page { items: found.into_iter().collect(), next_cursor: None })
        }
        PeopleSearch { email: None, q: Some(q) } => {
            let prefix = q.as_str().trim().to_ascii_lowercase();
            let page = identity::people_with_email(table, &*api.cursors, &prefix, limit, cursor).await?;
            (prefix, page)
        }
        _ => return Err(Problem::broken_rule("search by one of `email` and `q`")),
    };
    let targets = page.items.iter().map(|user: &User| user.user_id.to_string()).collect();
    let act = Act { by: *staff.permit, operation: "adminListPeople" };
    act.looked(table, &staff.cause(), &Found { searched: Some(searched), targets }).await?;
    let now = table.clock().now();
    Ok(Answer::ok(&page.map(|user| AdminPerson::listed(&user, now))).into_response())
}

/// A person, with what they sign in with, where they belong, and whether mails reach them.
#[utoipa::path(
    get, path = "/v1/admin/people/{user_id}", tag = "Staff", operation_id = "adminGetPerson",
    security(("access_token" = [])),
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, description = "The person", body = AdminPerson), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 9, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 1, "answer_bytes": 1500})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    staff: Staff<ReadPeople>,
    PathParameter(user_id): PathParameter<UserId>,
) -> Result<Response, Problem> {
    let table = &api.table;
    let (account, memberships) =
        tokio::join!(Account::read(table, user_id), identity::memberships(table, user_id));
    let act = Act { by: *staff.permit, operation: "adminGetPerson" };
    let Some(account) = account? else {
        act.looked(table, &staff.cause(), &Found::nothing(&user_id)).await?;
        return Err(not_found());
    };
    let suppressed = identity_core::mail_suppression(table, &account.user.email).await?;
    let found = Found { searched: None, targets: vec![user_id.to_string()] };
    act.looked(table, &staff.cause(), &found).await?;
    let person = AdminPerson::whole(&account, memberships?, suppressed, table.clock().now());
    Ok(Answer::ok(&person).into_response())
}

/// Does something to a person's account, once, and writes down why, in one transaction.
async fn act_on<P: Needed<StaffPermission>>(
    api: &Api,
    staff: &Staff<P>,
    (operation, user_id, why): (&'static str, UserId, &Why),
    may_be_staff: bool,
    change: impl Fn(&mut Account, Timestamp) -> Option<Changes>,
) -> Result<Account, Problem> {
    let act = Act { by: *staff.permit, operation };
    let (table, change) = (&api.table, &change);
    let decide = |_| async move {
        let now = table.clock().now();
        let mut account = Account::read(table, user_id).await?.ok_or_else(not_found)?;
        if !may_be_staff {
            act.require_allowed_on(Target { user_id, role: account.staff_role })?;
        }
        let changes = change(&mut account, now);
        let unless_staff = if may_be_staff { Changes::new() } else { account.unless_staff() };
        let changes = changes.map(|changes| changes.and(unless_staff));
        Ok::<_, Problem>(Decision::commit(act.done(&user_id, why, changes, now), account))
    };
    table.decide(&staff.cause(), decide).await
}

fn shown(api: &Api, account: &Account) -> Response {
    Answer::ok(&AdminPerson::listed(&account.user, api.table.clock().now())).into_response()
}

/// Lets a person in no more: all sessions end with the next request, and whoever shows who they are is told.
/// Of somebody who is suspended it is written down, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/people/{user_id}/suspend", tag = "Staff", operation_id = "adminSuspendPerson",
    security(("access_token" = [])), request_body = StaffAct,
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, description = "The person", body = AdminPerson), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "staff_target"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 12, "write_units": 164})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 3, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn suspend(
    State(api): State<Api>,
    staff: Staff<SuspendPeople>,
    _: Fresh,
    PathParameter(user_id): PathParameter<UserId>,
    command: Command<StaffAct>,
) -> Result<Response, Problem> {
    let why = command.input.why()?;
    let suspended =
        act_on(&api, &staff, ("adminSuspendPerson", user_id, &why), false, Account::suspend).await?;
    Ok(shown(&api, &suspended))
}

/// Lets a person in again who was suspended.
#[utoipa::path(
    post, path = "/v1/admin/people/{user_id}/unsuspend", tag = "Staff", operation_id = "adminUnsuspendPerson",
    security(("access_token" = [])), request_body = StaffAct,
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, description = "The person", body = AdminPerson), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "staff_target"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 12, "write_units": 14})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn unsuspend(
    State(api): State<Api>,
    staff: Staff<SuspendPeople>,
    _: Fresh,
    PathParameter(user_id): PathParameter<UserId>,
    command: Command<StaffAct>,
) -> Result<Response, Problem> {
    let why = command.input.why()?;
    let lifted = |account: &mut Account, _| account.unsuspend();
    let account = act_on(&api, &staff, ("adminUnsuspendPerson", user_id, &why), false, lifted).await?;
    Ok(shown(&api, &account))
}

/// Ends all sessions of a person, and logins that lack something: with the next request.
#[utoipa::path(
    post, path = "/v1/admin/people/{user_id}/sessions/end", tag = "Staff", operation_id = "adminEndSessions",
    security(("access_token" = [])), request_body = StaffAct,
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 204, description = "They have ended"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 12, "write_units": 158})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn end_sessions(
    State(api): State<Api>,
    staff: Staff<WritePeople>,
    PathParameter(user_id): PathParameter<UserId>,
    command: Command<StaffAct>,
) -> Result<StatusCode, Problem> {
    let why = command.input.why()?;
    let end = |account: &mut Account, now| Some(account.end_sessions(now));
    act_on(&api, &staff, ("adminEndSessions", user_id, &why), true, end).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A factor of a person.
#[derive(Debug, Deserialize)]
pub(crate) struct FactorPath {
    user_id: UserId,
    factor_id: String,
}

/// Takes away an authenticator app, codes to a phone, a passkey or an account at an identity provider that a
/// person has lost. The person is told by mail, all sessions end, and with the last factor go the recovery
/// codes. One that is gone is gone.
#[utoipa::path(
    post, path = "/v1/admin/people/{user_id}/factors/{factor_id}/remove", tag = "Staff",
    operation_id = "adminRemoveFactor",
    security(("access_token" = [])), request_body = StaffAct,
    params(
        ("user_id" = UserId, Path, description = "The person"),
        ("factor_id" = String, Path, description = "The factor", example = "fac_01kar8h5g0e0vsx4q1v3f6m2ah"),
    ),
    responses((status = 204, description = "It is not there"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "staff_target"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 12, "write_units": 168})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 3, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove_factor(
    State(api): State<Api>,
    staff: Staff<WritePeople>,
    _: Fresh,
    PathParameters(path): PathParameters<FactorPath>,
    command: Command<StaffAct>,
) -> Result<StatusCode, Problem> {
    let why = command.input.why()?;
    let factor: FactorRef = path.factor_id.parse().map_err(|_| not_found())?;
    let remove = |account: &mut Account, now| account.remove_factor(factor, now);
    act_on(&api, &staff, ("adminRemoveFactor", path.user_id, &why), false, remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has mails sent to a person again, whose mailbox refused some or who called one unwanted.
#[utoipa::path(
    post, path = "/v1/admin/people/{user_id}/mail-suppression/lift", tag = "Staff",
    operation_id = "adminLiftSuppression",
    security(("access_token" = [])), request_body = StaffAct,
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 204, description = "Mails are sent"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "staff_target"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 11, "write_units": 14})),
        ("x-gantry-usage" = json!({"person": 0.001, "events": 2, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn lift_suppression(
    State(api): State<Api>,
    staff: Staff<WritePeople>,
    PathParameter(user_id): PathParameter<UserId>,
    command: Command<StaffAct>,
) -> Result<StatusCode, Problem> {
    let (why, table) = (&command.input.why()?, &api.table);
    let act = Act { by: *staff.permit, operation: "adminLiftSuppression" };
    let decide = |_| async move {
        let account = Account::read(table, user_id).await?.ok_or_else(not_found)?;
        let address = AddressHash::of(&account.user.email);
        act.require_allowed_on(Target { user_id, role: account.staff_role })?;
        let lifted = identity_core::suppression_lifted(table, &address, &why.reason).await?;
        Ok::<_, Problem>(Decision::commit(act.done(&user_id, why, lifted, table.clock().now()), ()))
    };
    table.decide(&staff.cause(), decide).await?;
    Ok(StatusCode::NO_CONTENT)
}
