//! What is done to jobs. A job moves by one step at a time, each on the version that its worker has seen: of
//! two workers at one job, one goes on and the other stops.

use access::Tenant;
use events::NewEvent;
use primitives::{JobId, Limit, Page, Timestamp, UserId};
use table::{
    Cause, Changes, CommitError, Consistency, CursorKeys, Decision, Item, Keep, Query, StoreError, Table,
};

use crate::{
    JobError,
    api::{JobKind, JobProblem, JobStatus},
    events::{ExportRequested, JobCanceled, JobFailed, JobSucceeded},
    job::{Asked, Job, Outcome, Owner, Part, Place, Running, stopped},
    keys,
};

/// How many jobs a page looks at where not all are asked for.
const LOOKED_AT: usize = 100;

fn of(job: &Job, event: &impl events::Event) -> NewEvent {
    NewEvent::new(job.org_id, &job.job_id, job.next_version(), event)
}

/// Asks for a job of this kind. There is one of a kind at a time; one that moves no more is in nobody's way.
pub async fn start(
    table: &Table,
    cause: &Cause,
    keep: &Keep<'_, Job>,
    (owner, user_id): (Owner, UserId),
    (kind, asked): (JobKind, Asked),
) -> Result<Job, JobError> {
    if asked.from.zip(asked.to).is_some_and(|(from, to)| to < from) {
        return Err(JobError::Backwards);
    }
    let now = table.clock().now();
    let org_id = match owner {
        Owner::Org(tenant) => Some(tenant.org_id()),
        Owner::Person(_) => None,
    };
    let job = &Job {
        org_id,
        job_id: table.ids().next(),
        kind,
        asked,
        created_by: user_id,
        created_at: now,
        moved_at: now,
        started_at: None,
        finished_at: None,
        outcome: None,
        place: Place::default(),
        done: 0,
        parts: Vec::new(),
        version: 0,
    };
    let decide = |_| async move {
        let before: Option<Running> = table.get(&owner.running(kind), Consistency::Strong).await?;
        let (version, mut changes) = match before {
            None => (0, Changes::new()),
            Some(before) => {
                let other: Option<Job> = table.get(&owner.job(before.job_id), Consistency::Strong).await?;
                let other = other.filter(|other| other.outcome.is_none());
                if other.as_ref().is_some_and(|other| !other.is_over(now)) {
                    return Err(JobError::Running { kind });
                }
                let other = other.map(|other| failed(&other, stopped(), now));
                let end = |(ended, event)| Changes::new().replace(&ended).publish(event);
                (before.version, other.map_or_else(Changes::new, end))
            }
        };
        changes = changes.replace(&Running { org_id, user_id, job_id: job.job_id, kind, version });
        let event = ExportRequested { job: job.shown(now) };
        Ok(Decision::commit(changes.create(job).publish(of(job, &event)), job.clone()))
    };
    table.decide_once(cause, keep, decide).await
}

/// The job as it is now.
pub async fn load(table: &Table, owner: Owner, job_id: JobId) -> Result<Option<Job>, StoreError> {
    table.get(&owner.job(job_id), Consistency::Strong).await
}

/// The job with this id, of the person's own or of the organization that the person is in.
pub async fn found(
    table: &Table,
    (user_id, tenant): (UserId, Option<Tenant>),
    job_id: JobId,
) -> Result<Job, JobError> {
    let mut keys = vec![Owner::Person(user_id).job(job_id)];
    keys.extend(tenant.map(|tenant| Owner::Org(tenant).job(job_id)));
    // what an eventual read misses may be a moment old
    for consistency in [Consistency::Eventual, Consistency::Strong] {
        let mut found = table.get_many(&keys, consistency).await?;
        for key in &keys {
            if let Some(job) = found.take(key)? {
                return Ok(job);
            }
        }
    }
    Err(JobError::NotFound)
}

/// Which jobs are asked for: those for which all of it holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// What they do.
    pub kind: Option<JobKind>,
    /// How they stand.
    pub status: Option<JobStatus>,
    /// Who asked for them.
    pub by: Option<UserId>,
}

/// The jobs of an organization, the newest first, a page at a time. Where not all are asked for, a page looks
/// at 100 at most, and may show fewer than it could, or none, and a cursor.
pub async fn list(
    table: &Table,
    cursors: &dyn CursorKeys,
    tenant: Tenant,
    filter: Filter,
    page: (Limit, Option<&str>),
) -> Result<Page<Job>, JobError> {
    let query = keys::Job::all(tenant).descending();
    let now = table.clock().now();
    let holds = |job: &Job| {
        filter.kind.is_none_or(|kind| kind == job.kind)
            && filter.status.is_none_or(|status| status == job.status(now))
            && filter.by.is_none_or(|by| by == job.created_by)
    };
    let Filter { kind, status, by } = filter;
    let is_all = kind.is_none() && status.is_none() && by.is_none();
    let looked_at = if is_all { page.0.get() + 1 } else { LOOKED_AT };
    let words = format!("{kind:?} {status:?} {by:?}");
    Ok(table.sift(&query, page, cursors, (looked_at, &words, holds)).await?)
}

/// Ends a job that is not at its end. One that was ended so is: nothing happens.
pub async fn cancel(table: &Table, cause: &Cause, seen: &Job) -> Result<Job, JobError> {
    let decide = |_| async move {
        let (job, running) = with_running(table, seen).await?;
        let job = job.ok_or(JobError::NotFound)?;
        let now = table.clock().now();
        if job.is_canceled() {
            return Ok(Decision::done(job));
        }
        if job.is_over(now) {
            return Err(JobError::Finished);
        }
        let ended = job.ended(Outcome::Canceled, now);
        let event = JobCanceled { job: ended.shown(now) };
        let changes = Changes::new().replace(&ended).publish(of(&ended, &event));
        Ok(Decision::commit(changes.and(let_go(&job, running)), ended))
    };
    table.decide(cause, decide).await
}

/// The job as it is now, and which one of its kind is under way.
async fn with_running(table: &Table, seen: &Job) -> Result<(Option<Job>, Option<Running>), StoreError> {
    let [job, running] = [seen.key(), seen.owner().running(seen.kind)];
    let mut found = table.get_many(&[job.clone(), running.clone()], Consistency::Strong).await?;
    Ok((found.take(&job)?, found.take(&running)?))
}

/// Another one of the kind may begin.
fn let_go(job: &Job, running: Option<Running>) -> Changes {
    let own = running.filter(|running| running.job_id == job.job_id);
    own.iter().fold(Changes::new(), Changes::delete)
}

fn failed(job: &Job, (code, detail): (String, String), now: Timestamp) -> (Job, NewEvent) {
    let ended = job.ended(Outcome::Failed { code: code.clone(), detail: detail.clone() }, now);
    let problem = JobProblem { code, detail };
    let event = JobFailed { job_id: job.job_id, kind: job.kind, user_id: job.created_by, problem };
    let event = of(&ended, &event);
    (ended, event)
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is made: this is the job since.
    On(Box<Job>),
    /// Another worker moved the job, or somebody ended it: there is nothing to do for this one.
    Not,
}

/// One step of a job.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Where it goes on.
    pub place: Place,
    /// How many rows were dealt with.
    pub rows: u64,
    /// What was made.
    pub parts: Vec<Part>,
}

async fn moved(
    table: &Table,
    cause: &Cause,
    seen: &Job,
    change: impl Fn(Job) -> (Job, Option<NewEvent>),
) -> Result<Moved, CommitError> {
    let change = &change;
    let decide = |_| async move {
        let (job, running) = with_running(table, seen).await?;
        let is_mine = |job: &Job| job.version == seen.version && !job.is_over(table.clock().now());
        let Some(job) = job.filter(is_mine) else { return Ok(Decision::done(Moved::Not)) };
        let (after, event) = change(job);
        let mut changes = Changes::new().replace(&after);
        if after.outcome.is_some() {
            changes = changes.and(let_go(&after, running));
        }
        let changes = event.into_iter().fold(changes, Changes::publish);
        let version = after.next_version();
        Ok::<_, CommitError>(Decision::commit(changes, Moved::On(Box::new(Job { version, ..after }))))
    };
    table.decide(cause, decide).await
}

/// Moves a job on by one step, where nobody else has.
pub async fn step(table: &Table, cause: &Cause, seen: &Job, step: &Step) -> Result<Moved, CommitError> {
    let now = table.clock().now();
    let change = |job: Job| {
        let mut parts = job.parts.clone();
        parts.extend(step.parts.iter().cloned());
        let started_at = job.started_at.or(Some(now));
        let done = job.done + step.rows;
        (Job { place: step.place.clone(), parts, started_at, done, moved_at: now, ..job }, None)
    };
    moved(table, cause, seen, change).await
}

/// Brings a job to its good end. The list of what it made is the last thing that it made.
pub async fn succeed(
    table: &Table,
    cause: &Cause,
    seen: &Job,
    manifest: &Part,
) -> Result<Moved, CommitError> {
    let now = table.clock().now();
    let change = |job: Job| {
        let mut ended = job.ended(Outcome::Succeeded, now);
        ended.parts.push(manifest.clone());
        let Job { job_id, kind, created_by: user_id, done, .. } = ended;
        let event = of(&ended, &JobSucceeded { job_id, kind, user_id, done });
        (ended, Some(event))
    };
    moved(table, cause, seen, change).await
}

/// Says that a job came to no good end.
pub async fn fail(
    table: &Table,
    cause: &Cause,
    seen: &Job,
    (code, detail): (&str, &str),
) -> Result<Moved, CommitError> {
    let now = table.clock().now();
    let change = |job: Job| {
        let (ended, event) = failed(&job, (code.to_owned(), detail.to_owned()), now);
        (ended, Some(event))
    };
    moved(table, cause, seen, change).await
}

/// Erases all jobs of an owner who is erased. Their files go by themselves. Says how many items went.
pub async fn erase(table: &Table, owner: Owner) -> Result<u64, StoreError> {
    let partition = Query::partition_of(&owner.running(JobKind::OrganizationExport));
    Ok(u64::try_from(table.erase(partition, None).await?).unwrap_or(u64::MAX))
}
