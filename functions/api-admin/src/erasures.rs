use access::staff_needs::{Erase, ReadAudit, SuspendOrganizations};
use erasures::{Erasure, NoSubject, Subject, api::Certificate};
use http_api::{
    Answer, Command, FieldError, Fresh, IntoResponse, PathParameter, Problem, Problems, Repeatable, Response,
    Staff, State, StatusCode, ToSchema, not_found,
};
use identity::{Account, User};
use orgs::{OrgError, Overseen};
use primitives::{FieldCode, OrgId, SignedDuration, Slug, Text, Time, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use staff::{Act, Found};
use table::{Consistency, Decision, Table};

use crate::{Api, StaffAct, orgs::AdminOrganization, why};

/// How long behind the request an erasure begins that our staff asked for: whoever it concerns is told, and
/// can object, and a mistake can be taken back. It begins sooner where it was to begin sooner anyway.
const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The erasure of a person or an organization.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AdminErasure {
    /// The person or the organization.
    id: String,
    /// How far it is.
    status: ErasureStatus,
    /// When it begins, within the hour that follows; null once it has begun.
    erase_at: Option<Time>,
    /// What is certified of it, once it has begun: complete when it is done.
    certificate: Option<Certificate>,
}

/// How far an erasure is. Treat a word that you do not know as running.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ErasureStatus {
    /// It is to begin; until then it can be taken back.
    Requested,
    /// It has begun, and is not taken back.
    Running,
    /// It is done.
    Done,
}

impl AdminErasure {
    fn requested(subject: Subject, erase_at: Timestamp) -> Self {
        let erase_at = Some(erase_at.into());
        Self { id: subject.to_string(), status: ErasureStatus::Requested, erase_at, certificate: None }
    }

    fn begun(erasure: &Erasure) -> Self {
        let status = if erasure.ended_at.is_some() { ErasureStatus::Done } else { ErasureStatus::Running };
        let certificate = Some(erasure.certificate());
        Self { id: erasure.subject.to_string(), status, erase_at: None, certificate }
    }

    /// As it is now; nothing where nobody asked for one.
    async fn read(table: &Table, subject: Subject) -> Result<Option<Self>, Problem> {
        if let Some(erasure) = erasures::load(table, subject).await? {
            return Ok(Some(Self::begun(&erasure)));
        }
        let deletion = match subject {
            Subject::Person(user_id) => {
                let key = identity_core::keys::User::key(user_id);
                let user: Option<User> = table.get(&key, Consistency::Strong).await?;
                user.and_then(|user| user.deletion)
            }
            Subject::Organization(org_id) => orgs::deletion_of(table, org_id).await?,
        };
        Ok(deletion.map(|deletion| Self::requested(subject, deletion.erase_at)))
    }
}

fn accepted(erasure: &AdminErasure) -> Answer {
    Answer::new(StatusCode::ACCEPTED, erasure).at(format!("/v1/admin/erasures/{}", erasure.id))
}

/// Has a person erased in 24 hours. The person is told, and can have the account restored until then. Whoever
/// is the only owner of an organization is not erased, nor is anybody of our staff. Of somebody who is erased
/// sooner anyway it is written down, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/people/{user_id}/erase", tag = "Staff", operation_id = "adminErasePerson",
    security(("access_token" = [])), request_body = StaffAct,
    params(("user_id" = UserId, Path, description = "The person")),
    responses(
        (status = 202, description = "It will be erased", body = AdminErasure, headers(("Location"))), Problems
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "last_owner", "staff_target"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 16, "write_units": 26})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 2, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn erase_person(
    State(api): State<Api>,
    staff: Staff<Erase>,
    _: Fresh,
    PathParameter(user_id): PathParameter<UserId>,
    command: Repeatable<StaffAct>,
) -> Result<Response, Problem> {
    let (table, scope, cause) = (&api.table, staff.permit.user_id.to_string(), staff.cause());
    let act = Act { by: *staff.permit, operation: "adminErasePerson" };
    let work = |input: StaffAct, keep| async move {
        let why = &input.why()?;
        let decide = |_| async move {
            let now = table.clock().now();
            let mut account = Account::read(table, user_id).await?.ok_or_else(not_found)?;
            if account.staff_role.is_some() || user_id == act.by.user_id {
                return Err(identity::refused_to_staff(user_id).1.into());
            }
            let mut changes = account.request_erasure(now + GRACE, now);
            if let Some(request) = changes {
                let others = orgs::require_other_owners(table, user_id).await?;
                changes = Some(request.and(account.unless_staff()).and(others));
            }
            let erase_at = account.user.deletion.map_or(now + GRACE, |deletion| deletion.erase_at);
            let erasure = AdminErasure::requested(Subject::Person(user_id), erase_at);
            Ok::<_, Problem>(Decision::commit(act.done(&user_id, why, changes, now), erasure))
        };
        table.decide_once(&cause, &keep, decide).await
    };
    command.once(table, &scope, accepted, work).await
}

/// Which organization is to be erased, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseOrganization {
    /// Its name in URLs, once more: nobody erases the wrong one by a wrong id.
    confirm_slug: Slug,
    /// The reason, in words. It is kept, and read by others.
    #[schema(inline, example = "asked for by its owner, who cannot sign in")]
    reason: Text<10, 500>,
    /// Where more is said about it.
    #[schema(inline, example = "SUP-1234")]
    ticket: Option<Text<1, 100>>,
}

/// Has an organization erased in 24 hours. Its owners are told, and can restore it until then. A subscription
/// is cancelled first. Of one that is erased sooner anyway it is written down, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/orgs/{org_id}/erase", tag = "Staff", operation_id = "adminEraseOrg",
    security(("access_token" = [])), request_body = EraseOrganization,
    params(("org_id" = OrgId, Path, description = "The organization")),
    responses(
        (status = 202, description = "It will be erased", body = AdminErasure, headers(("Location"))), Problems
    ),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "subscription_active"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 7, "read_units": 12, "write_units": 34})),
        ("x-gantry-usage" = json!({"organization": 0.0001, "events": 2, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn erase_org(
    State(api): State<Api>,
    staff: Staff<Erase>,
    _: Fresh,
    PathParameter(org_id): PathParameter<OrgId>,
    command: Repeatable<EraseOrganization>,
) -> Result<Response, Problem> {
    let (table, scope, cause) = (&api.table, staff.permit.user_id.to_string(), staff.cause());
    let (act, tenant) = (Act { by: *staff.permit, operation: "adminEraseOrg" }, staff.permit.tenant(org_id));
    let work = |input: EraseOrganization, keep| async move {
        let why = &why(&input.reason, input.ticket.as_ref(), "/reason")?;
        let slug = &input.confirm_slug;
        let decide = |_| async move {
            let now = table.clock().now();
            let asked = (act.by.user_id, now + GRACE);
            let (org, changes) = orgs::request_erasure(table, tenant, asked).await?;
            if org.slug != *slug {
                let wrong = "it is not the organization's";
                let wrong = FieldError::new("/confirm_slug", FieldCode::UnknownValue, wrong);
                return Err(Problem::invalid(vec![wrong]));
            }
            let changes = match changes {
                Some(changes) => Some(changes.and(billing::refuse_subscribed(table, tenant).await?)),
                None => None,
            };
            let erase_at = org.deletion.map_or(now + GRACE, |deletion| deletion.erase_at);
            let erasure = AdminErasure::requested(Subject::Organization(org_id), erase_at);
            Ok::<_, Problem>(Decision::commit(act.done(&org_id, why, changes, now), erasure))
        };
        table.decide_once(&cause, &keep, decide).await
    };
    command.once(table, &scope, accepted, work).await
}

/// Takes the end of an organization back, as long as it has not come, whoever asked for it. An owner's
/// account has to stay. Of one that is not to be erased it is written down, and changes nothing.
#[utoipa::path(
    post, path = "/v1/admin/orgs/{org_id}/restore", tag = "Staff", operation_id = "adminRestoreOrg",
    security(("access_token" = [])), request_body = StaffAct,
    params(("org_id" = OrgId, Path, description = "The organization")),
    responses((status = 200, description = "The organization", body = AdminOrganization), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "erased", "member_inactive"])),
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 14, "write_units": 24})),
        ("x-gantry-usage" = json!({"organization": 0.0001, "events": 2, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn restore_org(
    State(api): State<Api>,
    staff: Staff<SuspendOrganizations>,
    _: Fresh,
    PathParameter(org_id): PathParameter<OrgId>,
    command: Command<StaffAct>,
) -> Result<Response, Problem> {
    let (table, why, tenant) = (&api.table, &command.input.why()?, staff.permit.tenant(org_id));
    let act = Act { by: *staff.permit, operation: "adminRestoreOrg" };
    let decide = |_| async move {
        let mut organization = match Overseen::read(table, tenant).await {
            Err(OrgError::NotFound)
                if erasures::load(table, Subject::Organization(org_id)).await?.is_some() =>
            {
                return Err(OrgError::Erased.into());
            }
            organization => organization?,
        };
        let changes = orgs::restored_by_staff(table, tenant).await?;
        organization.org.deletion = None;
        let now = table.clock().now();
        Ok::<_, Problem>(Decision::commit(act.done(&org_id, why, changes, now), organization))
    };
    let organization = table.decide(&staff.cause(), decide).await?;
    Ok(Answer::ok(&AdminOrganization::of(organization, table.clock().now())).into_response())
}

/// The id of a person or an organization.
pub(crate) struct OfErasure(Subject);

impl std::str::FromStr for OfErasure {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        text.parse().map(Self)
    }
}

/// The erasure of a person or an organization: that it is to begin, how far it is, or its certificate, which
/// is kept for three years.
#[utoipa::path(
    get, path = "/v1/admin/erasures/{subject_id}", tag = "Staff", operation_id = "adminGetErasure",
    security(("access_token" = [])),
    params(("subject_id" = String, Path, description = "The person or the organization",
        example = "org_01kar8h5g0e0vsx4q1v3f6m2ah")),
    responses((status = 200, description = "The erasure", body = AdminErasure), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 7, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 1, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    staff: Staff<ReadAudit>,
    PathParameter(OfErasure(subject)): PathParameter<OfErasure>,
) -> Result<Response, Problem> {
    let act = Act { by: *staff.permit, operation: "adminGetErasure" };
    let erasure = AdminErasure::read(&api.table, subject).await?;
    let found = match &erasure {
        Some(_) => Found { searched: None, targets: vec![subject.to_string()] },
        None => Found::nothing(&subject),
    };
    act.looked(&api.table, &staff.cause(), &found).await?;
    Ok(Answer::ok(&erasure.ok_or_else(not_found)?).into_response())
}
