//! The events of jobs.

use events::{Audience, Event, MailText, Told};
use primitives::{JobId, UserId};
use serde_json::{Value, json};

use crate::api::{Job, JobKind, JobProblem};

events::events! {
    /// Files are asked for, with all that an organization has, or a part of it, or that is known of a person.
    "export.requested" ExportRequested Internal {
        /// The job, as the API shows it.
        job: Job = job("queued"),
    }
    /// A job is done.
    "job.succeeded" JobSucceeded Internal {
        /// The job.
        job_id: JobId = "job_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What it does.
        kind: JobKind = "organization_export",
        /// Who asked for it.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// How many rows it dealt with.
        done: u64 = 41,
    }
    /// A job came to no good end.
    "job.failed" JobFailed Internal {
        /// The job.
        job_id: JobId = "job_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// What it does.
        kind: JobKind = "organization_export",
        /// Who asked for it.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why.
        problem: JobProblem = json!({ "code": "export_stopped", "detail": "It has not moved for an hour." }),
    }
    /// Somebody ended a job.
    "job.canceled" JobCanceled Internal {
        /// The job, as the API shows it.
        job: Job = job("canceled"),
    }
}

fn job(status: &str) -> Value {
    json!({
        "id": "job_01kar8h5g0e0vsx4q1v3f6m2ah",
        "kind": "organization_export",
        "status": status,
        "done": 0,
        "total": null,
        "created_by": "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "created_at": "2026-11-23T10:00:00.000Z",
        "started_at": null,
        "finished_at": null,
        "expires_at": null,
        "files": [],
        "problem": null,
    })
}

/// What people are told.
pub const TOLD: &[Told] = &[Told {
    event: JobSucceeded::KIND,
    to: Audience::Person,
    mail: Some(MailText {
        subject: "Your export is ready",
        preview: "Its files can be had for a day.",
        title: "Your export is ready",
        paragraphs: &[
            "The files that you asked for are there, with {{ data.done }} rows. They can be had for 24 hours, by you alone or by whoever may ask for the same.",
            "If it was not you who asked, end your sessions and tell an owner.",
        ],
        button: "Get the files",
        path: "/jobs",
        optional: false,
        until: None,
    }),
    push: None,
}];
