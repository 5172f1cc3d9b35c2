//! A job, and how it stands: judged when it is looked at, so that one that died says so whoever looks.

use std::fmt;

use access::Tenant;
use primitives::{EventId, JobId, OrgId, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{
    api::{self, JobFile, JobKind, JobProblem, JobStatus},
    keys,
};

/// For how long the files of a job can be had.
pub const LINKS_LAST: SignedDuration = SignedDuration::from_hours(24);

/// A job that has not moved for so long does not move again: longer than its message comes again for.
pub const STALE: SignedDuration = SignedDuration::from_hours(1);

/// How long a job is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whose a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An organization's.
    Org(Tenant),
    /// A person's, whatever organizations that person is in.
    Person(UserId),
}

impl Owner {
    pub(crate) fn job(self, job_id: JobId) -> Key {
        match self {
            Self::Org(tenant) => keys::Job::key(tenant, job_id),
            Self::Person(user_id) => keys::OwnJob::key(user_id, job_id),
        }
    }

    pub(crate) fn running(self, kind: JobKind) -> Key {
        match self {
            Self::Org(tenant) => keys::RunningJob::key(tenant, kind.to_string()),
            Self::Person(user_id) => keys::OwnRunningJob::key(user_id, kind.to_string()),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Org(tenant) => tenant.org_id().fmt(f),
            Self::Person(user_id) => user_id.fmt(f),
        }
    }
}

/// In which form rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object in each line.
    #[default]
    Jsonl,
    /// Comma-separated values with a line of names (RFC 4180).
    Csv,
}

/// What of it is asked for, where not all is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// In which form.
    #[serde(default)]
    pub format: Format,
    /// From when.
    pub from: Option<Timestamp>,
    /// Up to when.
    pub to: Option<Timestamp>,
    /// What happened, or how its name begins.
    pub action: Option<String>,
}

/// Where a job goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// How many of its lists are done.
    pub lists: usize,
    /// Behind which sort key the next list goes on.
    pub after: Option<String>,
    /// How many files the next list has already.
    pub files: usize,
}

/// A file that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name for people.
    pub name: String,
    /// What tells its object from others of the job: [`Job::object`].
    pub object: EventId,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

/// How a job came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Succeeded,
    Failed { code: String, detail: String },
    Canceled,
}

/// Work that takes longer than a request may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The organization; none where it is a person's own.
    pub org_id: Option<OrgId>,
    /// Its id.
    pub job_id: JobId,
    /// What it does.
    #[serde(rename = "does")]
    pub kind: JobKind,
    /// What of it is asked for.
    pub asked: Asked,
    /// Who asked for it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it last moved.
    pub(crate) moved_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) outcome: Option<Outcome>,
    /// Where it goes on.
    pub place: Place,
    /// How many rows it has dealt with.
    pub done: u64,
    /// What it has made.
    pub parts: Vec<Part>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Job {
    /// Whose it is.
    pub fn owner(&self) -> Owner {
        self.org_id.map_or(Owner::Person(self.created_by), |org_id| Owner::Org(Tenant::trusted(org_id)))
    }

    /// Whether it is at its end, or is as good as that.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.outcome.is_some() || now > self.moved_at + STALE
    }

    /// The name of the object of a file.
    pub fn object(&self, part: &Part) -> String {
        format!("{}/{}/{}/{}", self.owner(), self.job_id, part.object, part.name)
    }

    pub(crate) fn status(&self, now: Timestamp) -> JobStatus {
        match &self.outcome {
            Some(Outcome::Succeeded) => JobStatus::Succeeded,
            Some(Outcome::Canceled) => JobStatus::Canceled,
            Some(Outcome::Failed { .. }) => JobStatus::Failed,
            None if self.is_over(now) => JobStatus::Failed,
            None if self.started_at.is_some() => JobStatus::Running,
            None => JobStatus::Queued,
        }
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.outcome == Some(Outcome::Canceled)
    }

    /// The job as the API shows it, without links to its files.
    pub fn shown(&self, now: Timestamp) -> api::Job {
        let problem = match &self.outcome {
            Some(Outcome::Failed { code, detail }) => Some((code.clone(), detail.clone())),
            None if self.is_over(now) => Some(stopped()),
            _ => None,
        };
        let ended = self.outcome.as_ref().and(self.finished_at);
        let finished_at = ended.or_else(|| self.is_over(now).then(|| self.moved_at + STALE));
        let expires_at = ended.filter(|_| self.outcome == Some(Outcome::Succeeded)).map(|at| at + LINKS_LAST);
        let is_there = expires_at.is_some_and(|at| now < at);
        let file = |part: &Part| JobFile {
            name: part.name.clone(),
            size: part.size,
            rows: part.rows,
            sha256: part.sha256.clone(),
            url: None,
        };
        api::Job {
            id: self.job_id,
            kind: self.kind,
            status: self.status(now),
            done: self.done,
            total: (self.outcome == Some(Outcome::Succeeded)).then_some(self.done),
            created_by: self.created_by,
            created_at: self.created_at.into(),
            started_at: self.started_at.map(Into::into),
            finished_at: finished_at.map(Into::into),
            expires_at: expires_at.map(Into::into),
            files: if is_there { self.parts.iter().map(file).collect() } else { Vec::new() },
            problem: problem.map(|(code, detail)| JobProblem { code, detail }),
        }
    }

    pub(crate) fn ended(&self, outcome: Outcome, now: Timestamp) -> Self {
        Self { outcome: Some(outcome), finished_at: Some(now), moved_at: now, ..self.clone() }
    }
}

/// What is said of a job that moves no more.
pub(crate) fn stopped() -> (String, String) {
    ("export_stopped".to_owned(), "It stopped before it was done. Ask for it again.".to_owned())
}

impl Item for Job {
    fn key(&self) -> Key {
        self.owner().job(self.job_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.created_at + KEPT)
    }
}

/// Which job of a kind is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) org_id: Option<OrgId>,
    pub(crate) user_id: UserId,
    pub(crate) job_id: JobId,
    #[serde(rename = "does")]
    pub(crate) kind: JobKind,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Running {
    fn key(&self) -> Key {
        let owner = self.org_id.map_or(Owner::Person(self.user_id), |org| Owner::Org(Tenant::trusted(org)));
        owner.running(self.kind)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_392_000 + second).unwrap()
    }

    fn job() -> Job {
        Job {
            org_id: Some(Ids::unguessable()),
            job_id: Ids::unguessable(),
            kind: JobKind::OrganizationExport,
            asked: Asked::default(),
            created_by: Ids::unguessable(),
            created_at: at(0),
            moved_at: at(0),
            started_at: None,
            finished_at: None,
            outcome: None,
            place: Place::default(),
            done: 0,
            parts: Vec::new(),
            version: 1,
        }
    }

    #[test]
    fn a_job_that_moves_no_more_has_failed_whoever_looks() {
        let job = Job { started_at: Some(at(5)), moved_at: at(60), ..job() };
        let status = |second| job.shown(at(second)).status;
        assert_eq!((status(61), status(3_660)), (JobStatus::Running, JobStatus::Running));
        let shown = job.shown(at(3_661));
        assert_eq!(shown.status, JobStatus::Failed);
        assert_eq!(shown.problem.unwrap().code, "export_stopped");
        assert_eq!(shown.finished_at, Some(at(3_660).into()));
    }

    #[test]
    fn files_are_there_for_a_day_and_only_of_what_is_done() {
        let part = Part {
            name: "members.jsonl".to_owned(),
            object: Ids::unguessable(),
            size: 2,
            rows: 1,
            sha256: "00".to_owned(),
        };
        let under_way = Job { parts: vec![part], ..job() };
        let files = |job: &Job, second| job.shown(at(second)).files.len();
        assert_eq!(files(&under_way, 10), 0);
        let done = under_way.ended(Outcome::Succeeded, at(20));
        assert_eq!(files(&done, 20), 1);
        assert_eq!(files(&done, 20 + 86_399), 1);
        assert_eq!(files(&done, 20 + 86_400), 0);
        assert_eq!(files(&under_way.ended(Outcome::Canceled, at(20)), 21), 0);
    }
}
