use std::time::Duration;

use access::{Actor, Always, Permission, Principal, Role, needs::ReadOrganization};
use http_api::{
    Answer, Caller, IntoResponse, Looking, Member, Paged, PathParameter, Problem, Problems, Response,
    Searched, State,
    http::{HeaderValue, header},
};
use jobs::{
    Filter,
    api::{Job, JobKind, JobStatus},
};
use primitives::{JobId, Page};
use serde::Deserialize;

use crate::Api;

/// How long a link is good: shorter than the credentials that it is made with last.
const LINK: Duration = Duration::from_hours(1);

/// How soon it is worth to look again, seconds.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// Which jobs are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    kind: Option<JobKind>,
    status: Option<JobStatus>,
}

/// The jobs of the organization, the newest first, a page at a time: to owners and admins all of them, to
/// others those that they asked for. One is listed for 30 days. Where less than all is asked for, a page may
/// show fewer than asked for, or none, and a cursor behind what was looked at.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "Exports", operation_id = "listJobs",
    security(("access_token" = [])),
    params(
        Paged,
        ("kind" = inline(Option<JobKind>), Query, description = "What they do"),
        ("status" = inline(Option<JobStatus>), Query, description = "How they stand"),
    ),
    responses((status = 200, description = "A page of jobs", body = Page<Job>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 2000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: Member<ReadOrganization, Always>,
    Paged { limit, cursor }: Paged,
    Searched(Asked { kind, status }): Searched<Asked>,
) -> Result<Response, Problem> {
    let sees_all = matches!(reader.permit.role, Role::Owner | Role::Admin);
    let filter = Filter { kind, status, by: (!sees_all).then_some(reader.permit.user_id) };
    let page = (limit, cursor.as_deref());
    let page = jobs::list(&api.table, &*api.cursors, reader.permit.tenant(), filter, page).await?;
    let now = api.table.clock().now();
    let items = page.items.iter().map(|job| job.shown(now)).collect::<Vec<_>>();
    Ok(Answer::ok(&Page { items, next_cursor: page.next_cursor }).into_response())
}

/// The member, where the session is in an organization that lets the caller in.
fn member(principal: &Principal) -> Option<Actor> {
    principal.in_org().ok().filter(|actor| actor.role.holds(Permission::ReadOrganization))
}

/// Whether the caller may have what a job makes, and end it: whoever may ask for the same.
fn may_have(principal: &Principal, job: &jobs::Job) -> bool {
    let holds = |needed| member(principal).is_some_and(|actor| actor.role.holds(needed));
    principal.impersonator.is_none()
        && match job.kind {
            JobKind::OrganizationExport => holds(Permission::WriteExports),
            JobKind::AuditExport => holds(Permission::ReadAudit),
            JobKind::PersonExport => job.created_by == principal.user_id,
        }
}

/// A job that the caller may look at: of the own account, or of the organization that the session is in,
/// where the caller asked for it, or is an owner or an admin.
async fn seen(api: &Api, principal: &Principal, id: JobId) -> Result<jobs::Job, Problem> {
    let actor = member(principal);
    let whose = (principal.user_id, actor.as_ref().map(Actor::tenant));
    let job = jobs::found(&api.table, whose, id).await?;
    let sees_all = actor.is_some_and(|actor| matches!(actor.role, Role::Owner | Role::Admin));
    if sees_all || job.created_by == principal.user_id {
        Ok(job)
    } else {
        Err(jobs::JobError::NotFound.into())
    }
}

/// A job of the caller's own account, or of the organization: how far it is, and where its files are, for
/// whoever may ask for the same. A link is good for an hour; ask again for another one.
#[utoipa::path(
    get, path = "/v1/jobs/{job_id}", tag = "Exports", operation_id = "getJob",
    security(("access_token" = [])),
    params(("job_id" = JobId, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job, headers(("Retry-After"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 3, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 0, "answer_bytes": 4000})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    Looking(caller): Looking,
    PathParameter(id): PathParameter<JobId>,
) -> Result<Response, Problem> {
    let job = seen(&api, &caller.principal, id).await?;
    let now = api.table.clock().now();
    let mut shown = job.shown(now);
    if may_have(&caller.principal, &job) {
        for (file, part) in shown.files.iter_mut().zip(&job.parts) {
            file.url = Some(api.objects.link(&job.object(part), &part.name, LINK).await?);
        }
    }
    let mut answer = Answer::ok(&shown).into_response();
    if shown.finished_at.is_none() {
        answer.headers_mut().insert(header::RETRY_AFTER, LOOK_AGAIN);
    }
    Ok(answer)
}

/// Ends a job that is under way: for whoever may ask for the same. One that was ended so is.
#[utoipa::path(
    post, path = "/v1/jobs/{job_id}/cancel", tag = "Exports", operation_id = "cancelJob",
    security(("access_token" = [])),
    params(("job_id" = JobId, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "job_finished", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 14})),
        ("x-gantry-usage" = json!({"organization": 0.001, "events": 1, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    PathParameter(id): PathParameter<JobId>,
) -> Result<Response, Problem> {
    let job = seen(&api, &caller.principal, id).await?;
    if !may_have(&caller.principal, &job) {
        return Err(jobs::JobError::NotFound.into());
    }
    let ended = jobs::cancel(&api.table, &caller.cause(), &job).await?;
    Ok(Answer::ok(&ended.shown(api.table.clock().now())).into_response())
}
