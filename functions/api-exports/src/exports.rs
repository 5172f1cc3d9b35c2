use access::{
    Always,
    needs::{ReadAudit, WriteExports},
};
use audit::Action;
use http_api::{
    Answer, Caller, Fresh, Limiter, Member, Problem, Problems, Repeatable, Response, State, StatusCode,
    ToSchema,
};
use jobs::{
    Asked, Format, JobError, Owner,
    api::{Job, JobKind},
    limits::heavy,
};
use primitives::{Time, UserId};
use serde::Deserialize;
use table::{Cause, Keep};

use crate::Api;

fn refused(error: JobError) -> Problem {
    match error {
        JobError::Backwards => Problem::field("/to", &error),
        error => error.into(),
    }
}

/// The answer to whoever asked for a job: where it is looked at.
fn begun(job: &jobs::Job) -> Answer {
    let at = format!("/v1/jobs/{}", job.job_id);
    Answer::new(StatusCode::ACCEPTED, &job.shown(job.created_at)).at(at)
}

/// Asks for a job, which counts as one of the few that its owner may ask for in a minute.
async fn start(
    api: &Api,
    limiter: &Limiter,
    (cause, keep): (&Cause, &Keep<'_, jobs::Job>),
    (owner, user_id): (Owner, UserId),
    what: (JobKind, Asked),
) -> Result<jobs::Job, Problem> {
    limiter.take(&heavy(), &owner.to_string()).await?;
    jobs::start(&api.table, cause, keep, (owner, user_id), what).await.map_err(refused)
}

/// An export of everything. There is nothing to choose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateExport {}

/// Has all that the organization has written into files: a list in each (`members.jsonl`,
/// `audit_events.jsonl`), rows as the API shows them, and a manifest with the SHA-256 of each file. One at a
/// time. The job says how far it is, and where the files are for a day.
#[utoipa::path(
    post, path = "/v1/orgs/current/exports", tag = "Exports", operation_id = "createOrganizationExport",
    security(("access_token" = [])), request_body = CreateExport,
    responses((status = 202, description = "It is asked for", body = Job, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "export_running", "rate_limited", "step_up_required"])),
        ("x-gantry-limits" = json!(["heavy"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 20})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn of_organization(
    State(api): State<Api>,
    member: Member<WriteExports, Always>,
    caller: Caller,
    _: Fresh,
    limiter: Limiter,
    command: Repeatable<CreateExport>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let make = |CreateExport {}, keep| async move {
        let whose = (Owner::Org(member.permit.tenant()), member.permit.user_id);
        let what = (JobKind::OrganizationExport, Asked::default());
        start(&api, &limiter, (&member.cause(), &keep), whose, what).await
    };
    command.once(&table, &scope, begun, make).await
}

/// Which part of the audit log is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAuditExport {
    /// In which form: a JSON object in each line, which `cargo xtask verify-audit` proves, or comma-separated
    /// values.
    #[serde(default)]
    format: Format,
    /// From when; from the first event on where it is not said.
    from: Option<Time>,
    /// Up to when, that millisecond included; up to now where it is not said.
    to: Option<Time>,
    /// What happened: all that happens to one sort of thing (`member`), or whatever begins so
    /// (`member.updated`).
    #[schema(value_type = Option<String>, max_length = 100, pattern = "^[a-z_]+([.][a-z_]*)?$")]
    action: Option<Action>,
}

/// Has the audit log, or a part of it, written into files. One at a time. The job says how far it is, and
/// where the files are for a day.
#[utoipa::path(
    post, path = "/v1/audit/exports", tag = "Exports", operation_id = "createAuditExport",
    security(("access_token" = [])), request_body = CreateAuditExport,
    responses((status = 202, description = "It is asked for", body = Job, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "export_running", "rate_limited", "step_up_required"])),
        ("x-gantry-limits" = json!(["heavy"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 20})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn of_audit_log(
    State(api): State<Api>,
    member: Member<ReadAudit, Always>,
    caller: Caller,
    _: Fresh,
    limiter: Limiter,
    command: Repeatable<CreateAuditExport>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let make = |input: CreateAuditExport, keep| async move {
        let whose = (Owner::Org(member.permit.tenant()), member.permit.user_id);
        let CreateAuditExport { format, from, to, action } = input;
        let [from, to] = [from, to].map(|time| time.map(Time::timestamp));
        let asked = Asked { format, from, to, action: action.map(|action| action.to_string()) };
        start(&api, &limiter, (&member.cause(), &keep), whose, (JobKind::AuditExport, asked)).await
    };
    command.once(&table, &scope, begun, make).await
}

/// Has all that is known of the caller written into files: profile, organizations, sessions, passkeys,
/// connected accounts, devices. One at a time. The job says how far it is, and where the files are for a day.
#[utoipa::path(
    post, path = "/v1/me/exports", tag = "Exports", operation_id = "createMyExport",
    security(("access_token" = [])), request_body = CreateExport,
    responses((status = 202, description = "It is asked for", body = Job, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "export_running", "rate_limited", "step_up_required"])),
        ("x-gantry-limits" = json!(["heavy"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 6, "write_units": 20})),
        ("x-gantry-usage" = json!({"person": 0.01, "events": 2, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn of_person(
    State(api): State<Api>,
    caller: Caller,
    _: Fresh,
    limiter: Limiter,
    command: Repeatable<CreateExport>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let make = |CreateExport {}, keep| async move {
        let user_id = caller.principal.user_id;
        let what = (JobKind::PersonExport, Asked::default());
        start(&api, &limiter, (&caller.cause(), &keep), (Owner::Person(user_id), user_id), what).await
    };
    command.once(&table, &scope, begun, make).await
}
