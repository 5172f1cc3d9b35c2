//! Makes the files of exports: of an organization, of its audit log, of one person.
//!
//! A list is read a page at a time into a file of some megabytes, which is put, and then the job moves on, in
//! one write. So a run that dies is gone on with from the last file that was put, and what it holds at a time
//! is one file, whatever the size of the export. A run that has no time left hands the job over to the next.

mod lists;
mod sheet;

use std::time::Duration;

use events::Envelope;
use jobs::{Format, Job, Moved, Part, Place, Step, api::JobKind, events::ExportRequested};
use lambda_host::{Error, Function, Host, Intake};
use lists::{ListError, lists, page};
use object_client::{ObjectError, Objects};
use primitives::{Fault, FaultKind, JobId, OrgId, Time, UserId};
use sends::Failure;
use serde::Serialize;
use table::{Cause, CommitError, StoreError, Table, time_left};

/// From which size on a file is put, and the job moves on, bytes.
const FILE: usize = 8_000_000;

/// With less time than this left no file is begun: to read one takes some seconds, and to put it 16 at most.
const RESERVE: Duration = Duration::from_secs(25);

/// Why a job did not move. It is gone on with when the event comes again.
#[derive(Debug, thiserror::Error, Fault)]
enum ExportError {
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    #[fault(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    #[fault(transparent)]
    Object(#[from] ObjectError),
    #[error("the data of the event cannot be read: {0}")]
    #[fault(Invalid, "malformed_event")]
    Malformed(#[source] serde_json::Error),
    #[error("this is no event of an export")]
    #[fault(Invalid, "malformed_event")]
    Other,
    #[error("the job could not be handed over to the next run ({code}): {detail}")]
    #[fault(Unavailable, "queue_unavailable", retry_after = 5)]
    Queue { code: String, detail: String },
}

#[derive(Clone)]
struct Exporter {
    table: Table,
    objects: Objects,
    queue: aws_sdk_sqs::Client,
    queue_url: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(jobs::keys::OwnJob::key(host.ids().next(), host.ids().next())).await?;
    let environment = host.environment();
    let exporter = Exporter {
        table,
        objects: Objects::new(host.objects(), environment.required("EXPORT_BUCKET")?),
        queue: host.queues(),
        queue_url: environment.required("EXPORT_QUEUE_URL")?.to_owned(),
    };
    let intake = Intake { at_once: Some(1), queue_urls: vec![exporter.queue_url.clone()] };
    Ok(host.bus_queues(intake, move |event| {
        let exporter = exporter.clone();
        async move { exporter.deal_with(&event).await }
    }))
}

/// What the last file says of the others.
#[derive(Serialize)]
struct Manifest<'a> {
    job_id: JobId,
    kind: JobKind,
    org_id: Option<OrgId>,
    created_by: UserId,
    created_at: Time,
    format: Format,
    rows: u64,
    files: Vec<ManifestFile<'a>>,
}

#[derive(Serialize)]
struct ManifestFile<'a> {
    name: &'a str,
    size: u64,
    rows: u64,
    sha256: &'a str,
}

impl Exporter {
    async fn deal_with(&self, event: &Envelope) -> Result<(), ExportError> {
        let asked = event.data::<ExportRequested>().ok_or(ExportError::Other)?;
        let asked = asked.map_err(ExportError::Malformed)?.job;
        let person = jobs::Owner::Person(asked.created_by);
        let owner = event.org_id.map_or(person, |org_id| jobs::Owner::Org(access::Tenant::trusted(org_id)));
        let cause = Cause::system("queue-export", &event.correlation_id);
        let Some(mut job) = jobs::load(&self.table, owner, asked.id).await? else { return Ok(()) };
        while !job.is_over(self.table.clock().now()) {
            if time_left() < RESERVE {
                return self.hand_over(event).await;
            }
            let moved = match self.move_on(&cause, &job).await {
                // what cannot be read today cannot be read tomorrow: whoever waits is told
                Err(error) if error.kind() == FaultKind::Internal => {
                    tracing::error!(error = &error as &dyn std::error::Error, job = %job.job_id, "the job fails");
                    let why = ("export_failed", "A part of it could not be written. We were told of it.");
                    jobs::fail(&self.table, &cause, &job, why).await?
                }
                moved => moved?,
            };
            match moved {
                Moved::On(on) => job = *on,
                Moved::Not => return Ok(()),
            }
        }
        Ok(())
    }

    /// Makes some files, together about as large as one may be, or the manifest where all of them are made.
    async fn move_on(&self, cause: &Cause, job: &Job) -> Result<Moved, ExportError> {
        let lists = lists(job);
        if job.place.lists == lists.len() {
            let manifest = self.manifest(job).await?;
            return Ok(jobs::succeed(&self.table, cause, job, &manifest).await?);
        }
        let (mut step, mut size) = (Step { place: job.place.clone(), ..Step::default() }, 0);
        while let Some(list) = lists.get(step.place.lists).filter(|_| size < FILE) {
            size += self.make(job, list, &mut step, FILE - size).await?;
        }
        Ok(jobs::step(&self.table, cause, job, &step).await?)
    }

    /// Makes a file with what is next of a list, until there is no more or it is so large. Says how large.
    async fn make(&self, job: &Job, list: &str, step: &mut Step, most: usize) -> Result<usize, ExportError> {
        let format = job.asked.format;
        let (mut content, mut rows) = (sheet::begin(format), 0);
        let mut after = step.place.after.take();
        loop {
            let (page, next) = page(&self.table, job, list, after.as_deref()).await?;
            rows += page.len() as u64;
            sheet::write(&mut content, format, &page);
            after = next;
            if after.is_none() || content.len() >= most {
                break;
            }
        }
        let (number, size) = (step.place.files + 1, content.len());
        // behind the end of a full file there may be nothing
        if rows > 0 || number == 1 {
            let (ending, kind) = sheet::kind(format);
            let part = if number == 1 { String::new() } else { format!("-{number}") };
            step.parts.push(self.put(job, format!("{list}{part}.{ending}"), kind, content, rows).await?);
        }
        step.rows += rows;
        step.place = match after {
            None => Place { lists: step.place.lists + 1, ..Place::default() },
            after => Place { after, files: number, ..step.place.clone() },
        };
        Ok(size)
    }

    /// Under a name of its own: of two runs at one job, neither puts anything over the other's.
    async fn put(
        &self,
        job: &Job,
        name: String,
        kind: &str,
        content: Vec<u8>,
        rows: u64,
    ) -> Result<Part, ExportError> {
        let mut part = Part { name, object: self.table.ids().next(), size: 0, rows, sha256: String::new() };
        let stored = self.objects.put(&job.object(&part), kind, content).await?;
        (part.size, part.sha256) = (stored.size, stored.sha256);
        Ok(part)
    }

    async fn manifest(&self, job: &Job) -> Result<Part, ExportError> {
        let files = job.parts.iter().map(|part| {
            let Part { name, size, rows, sha256, .. } = part;
            ManifestFile { name, size: *size, rows: *rows, sha256 }
        });
        let manifest = Manifest {
            job_id: job.job_id,
            kind: job.kind,
            org_id: job.org_id,
            created_by: job.created_by,
            created_at: job.created_at.into(),
            format: job.asked.format,
            rows: job.done,
            files: files.collect(),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(ListError::from)?;
        self.put(job, "manifest.json".to_owned(), "application/json", text, 0).await
    }

    /// Sends the event once more, for a run that has time.
    async fn hand_over(&self, event: &Envelope) -> Result<(), ExportError> {
        let body = serde_json::json!({ "detail": event }).to_string();
        let sent = self.queue.send_message().queue_url(&self.queue_url).message_body(body).send().await;
        sent.map_err(|error| {
            let Failure { code, detail, .. } = Failure::of(error);
            ExportError::Queue { code, detail }
        })?;
        Ok(())
    }
}
