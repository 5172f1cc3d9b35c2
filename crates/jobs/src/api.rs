//! Jobs as the API shows them and events tell of them.

use std::fmt;

use primitives::{JobId, Time, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job does. There may be others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// All that an organization has, in files.
    OrganizationExport,
    /// An organization's audit log, or a part of it, in files.
    AuditExport,
    /// All that is known of one person, in files.
    PersonExport,
}

impl JobKind {
    /// Its name, as the API shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrganizationExport => "organization_export",
            Self::AuditExport => "audit_export",
            Self::PersonExport => "person_export",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a job stands. There may be others; `finished_at` says whether it is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It has not begun.
    Queued,
    /// It is under way.
    Running,
    /// It is done.
    Succeeded,
    /// It came to no good end: `problem` says why.
    Failed,
    /// Somebody ended it.
    Canceled,
}

/// A file that a job made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobFile {
    /// Its name, such as `members.jsonl`. A long list is in several: `audit_events.jsonl`,
    /// `audit_events-2.jsonl`.
    pub name: String,
    /// How large it is, bytes.
    pub size: u64,
    /// How many rows it has.
    pub rows: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Where it is had, for an hour from this answer on. Null in lists, and for whoever may not have it.
    pub url: Option<String>,
}

/// Why a job came to no good end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema, schemars::JsonSchema)]
pub struct JobProblem {
    /// A stable code.
    pub code: String,
    /// What happened, in words.
    pub detail: String,
}

/// Work that takes longer than a request may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// How it stands.
    pub status: JobStatus,
    /// How many rows it has dealt with.
    pub done: u64,
    /// How many rows there are, where that is known.
    pub total: Option<u64>,
    /// Who asked for it.
    pub created_by: UserId,
    /// When it was asked for.
    pub created_at: Time,
    /// When it began.
    pub started_at: Option<Time>,
    /// When it came to its end, whichever that was.
    pub finished_at: Option<Time>,
    /// Until when its files can be had.
    pub expires_at: Option<Time>,
    /// What it made. Empty until it is done, and when the files are gone.
    pub files: Vec<JobFile>,
    /// Why it came to no good end.
    pub problem: Option<JobProblem>,
}

events::resources! { Job }
