use access::{
    ImpersonationMode, StaffPermission,
    staff_needs::{ReadAsMembers, ReadAudit},
};
use http_api::{
    Answer, Command, Fresh, IntoResponse, Paged, PathParameter, Problem, Problems, Response, Searched, Staff,
    State, StatusCode, ToSchema, not_found,
};
use identity::{IdentityError, Impersonation, ImpersonationAsked, ImpersonationFilter, Issuer};
use orgs::keys::Summary;
use primitives::{ImpersonationId, OrgId, Page, SignedDuration, Text, Time, UserId};
use serde::{Deserialize, Serialize};
use staff::{Act, Found, StaffError};
use table::{Consistency, Decision};

use crate::{Api, why};

/// In whose name, where, for how long, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartImpersonation {
    /// The organization.
    org_id: OrgId,
    /// The member.
    user_id: UserId,
    /// For how many minutes: 1 to 60.
    #[schema(minimum = 1, maximum = 60)]
    minutes: u8,
    /// To do what.
    mode: ImpersonationMode,
    /// The reason, in words. It is kept, and read by others.
    #[schema(inline, example = "the export button does nothing; asked to see it")]
    reason: Text<10, 500>,
    /// Where more is said about it.
    #[schema(inline, example = "SUP-1234")]
    ticket: Text<1, 100>,
}

/// Somebody of our staff in the name of a member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Impersonation)]
pub(crate) struct Shown {
    /// The impersonation.
    id: ImpersonationId,
    /// The organization.
    org_id: OrgId,
    /// In whose name.
    user_id: UserId,
    /// Who of our staff.
    staff_user_id: UserId,
    /// What they may do.
    mode: ImpersonationMode,
    /// Why.
    reason: String,
    /// Where more is said about it.
    ticket: Option<String>,
    /// When it began.
    created_at: Time,
    /// When it ends at the latest.
    expires_at: Time,
    /// When somebody ended it before; null where nobody did.
    ended_at: Option<Time>,
    /// How often it has changed.
    version: u64,
}

impl From<Impersonation> for Shown {
    fn from(stored: Impersonation) -> Self {
        let Impersonation { id, org_id, user_id, staff_user_id, mode, reason, ticket, .. } = stored;
        let Impersonation { created_at, ends_at, ended_at, version, .. } = stored;
        Self {
            id,
            org_id,
            user_id,
            staff_user_id,
            mode,
            reason,
            ticket,
            created_at,
            expires_at: ends_at,
            ended_at,
            version,
        }
    }
}

/// The longest, minutes.
const LONGEST: u8 = 60;

/// What begins, and what to act with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImpersonationStarted {
    /// The impersonation.
    impersonation: Shown,
    /// Goes with every request. It is shown once, and there is none to get another one by.
    access_token: String,
    /// For how many seconds it works.
    expires_in: i64,
}

/// Begins to act in the name of a member, for an hour at most: by a token of the member's that says who
/// really acts (RFC 8693). Nobody acts in the name of our staff, nor where the organization's policies refuse
/// it; the member and the owners are told. What is paid, API keys, the policies, and how anybody signs in
/// stay closed.
#[utoipa::path(
    post, path = "/v1/admin/impersonations", tag = "Staff", operation_id = "adminStartImpersonation",
    security(("access_token" = [])), request_body = StartImpersonation,
    responses(
        (status = 201, description = "It has begun", body = ImpersonationStarted, headers(("Location"))),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "impersonation_not_allowed", "not_found", "too_many_impersonations"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 10, "write_units": 28})),
        ("x-gantry-usage" = json!({"person": 0.0005, "events": 2, "answer_bytes": 1200})),
    ),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    staff: Staff<ReadAsMembers>,
    _: Fresh,
    command: Command<StartImpersonation>,
) -> Result<Response, Problem> {
    let StartImpersonation { org_id, user_id, minutes, mode, reason, ticket } = command.input;
    if !(1..=LONGEST).contains(&minutes) {
        return Err(Problem::field("/minutes", &StaffError::Minutes { most: LONGEST }));
    }
    staff.require(mode.permission())?;
    let why = why(&reason, Some(&ticket), "/reason")?;
    if why.ticket.is_none() {
        return Err(Problem::field("/ticket", &StaffError::Ticket));
    }
    let asked = ImpersonationAsked {
        tenant: staff.permit.tenant(org_id),
        user_id,
        mode,
        lasts: SignedDuration::from_mins(i64::from(minutes)),
        reason: why.reason.clone(),
        ticket: why.ticket.clone(),
    };
    let act = Act { by: *staff.permit, operation: "adminStartImpersonation" };
    let (table, asked, why, staff) = (&api.table, &asked, &why, &staff);
    let decide = |_| async move {
        let begun = identity::begin_impersonation(table, (&act.by, staff.session_id), asked).await;
        let (begun, changes) = begun.map_err(|error| match error {
            IdentityError::NotAMember => not_found(),
            error => error.into(),
        })?;
        let changes = act.done(&user_id, why, Some(changes), table.clock().now());
        Ok::<_, Problem>(Decision::commit(changes, begun))
    };
    let begun = table.decide(&staff.cause(), decide).await?;
    // with a key that is published, as another function did
    let published = table.get(&identity::keys::SigningKeys::key(), Consistency::Strong).await?;
    let issuer = Issuer { keys: api.sessions.get().await?, published: published.unwrap_or_default() };
    let (access_token, expires_in) = issuer.impersonating(&begun, table.clock().now())?;
    let access_token = access_token.expose().clone();
    let started =
        ImpersonationStarted { impersonation: begun.impersonation.into(), access_token, expires_in };
    let at = format!("/v1/admin/impersonations/{}", started.impersonation.id);
    Ok(Answer::new(StatusCode::CREATED, &started).at(at).into_response())
}

/// Which are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct ImpersonationSearch {
    org_id: Option<OrgId>,
    staff_user_id: Option<UserId>,
}

/// How many of them a page looks at, at most.
const LOOKED_AT: usize = 100;

/// Who of our staff acted in whose name, the newest first; in one organization, or by one of our staff, where
/// that is asked for. Such a page can have fewer than `limit`, also none, and yet a cursor. A moment behind.
#[utoipa::path(
    get, path = "/v1/admin/impersonations", tag = "Staff", operation_id = "adminListImpersonations",
    security(("access_token" = [])),
    params(
        ("org_id" = Option<OrgId>, Query, description = "Those in this organization"),
        ("staff_user_id" = Option<UserId>, Query, description = "Those of this one of our staff"),
        Paged,
    ),
    responses((status = 200, description = "A page of impersonations", body = Page<Shown>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 1, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    staff: Staff<ReadAudit>,
    Searched(ImpersonationSearch { org_id, staff_user_id }): Searched<ImpersonationSearch>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let filter = ImpersonationFilter { org_id, staff_user_id };
    let is_any = org_id.is_none() && staff_user_id.is_none();
    let looked_at = if is_any { limit.get() + 1 } else { LOOKED_AT };
    let kept = format!("{org_id:?} {staff_user_id:?}");
    let holds = |found: &Summary<Impersonation>| filter.holds(&found.0);
    let (table, page) = (&api.table, (limit, cursor.as_deref()));
    let query = identity::keys::impersonations();
    let page = table.sift(&query, page, &*api.cursors, (looked_at, &kept, holds)).await?;
    let targets = page.items.iter().map(|found| found.0.id.to_string()).collect();
    let act = Act { by: *staff.permit, operation: "adminListImpersonations" };
    let searched = [org_id.map(|id| id.to_string()), staff_user_id.map(|id| id.to_string())];
    let searched = Some(searched.into_iter().flatten().collect::<Vec<_>>().join(" "));
    let searched = searched.filter(|searched| !searched.is_empty());
    act.looked(table, &staff.cause(), &Found { searched, targets }).await?;
    Ok(Answer::ok(&page.map(|Summary(found)| Shown::from(found))).into_response())
}

/// Ends acting in a member's name, with the next request: one's own, or as an operator anybody's. What has
/// ended is ended.
#[utoipa::path(
    delete, path = "/v1/admin/impersonations/{impersonation_id}", tag = "Staff",
    operation_id = "adminEndImpersonation", security(("access_token" = [])),
    params(("impersonation_id" = ImpersonationId, Path, description = "The impersonation")),
    responses((status = 204, description = "It has ended"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 18})),
        ("x-gantry-usage" = json!({"person": 0.0003, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn end(
    State(api): State<Api>,
    staff: Staff<ReadAsMembers>,
    PathParameter(id): PathParameter<ImpersonationId>,
) -> Result<StatusCode, Problem> {
    let (table, staff) = (&api.table, &staff);
    let decide = |_| async move {
        let found = identity::impersonation(table, id).await?.ok_or_else(not_found)?;
        if found.staff_user_id != staff.permit.user_id {
            staff.require(StaffPermission::WriteAsMembers)?;
        }
        let changes = identity::end_impersonation(table, &found).await?;
        Ok::<_, Problem>(changes.map_or_else(|| Decision::done(()), |changes| Decision::commit(changes, ())))
    };
    table.decide(&staff.cause(), decide).await?;
    Ok(StatusCode::NO_CONTENT)
}
