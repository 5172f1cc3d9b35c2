//! The kinds of items of jobs.

use access::Tenant;
use primitives::{JobId, UserId};

table::kinds! {
    /// Work that somebody asked for and that takes longer than a request: how far it is, and what it made.
    /// Written by whoever asks for it or cancels it, and by `queue-export`; read by the same, by get job, and
    /// by the list of jobs.
    "job" Job(org: Tenant; job: JobId) "JOBS#<org>" "JOB#<job>" {
        store: Main, most_kb: 64, kept: Days(30, "30 days after it was asked for"), owner: Org, erased: Partition,
    }
    /// Which job of a kind is under way: keeps a second one from being begun. Written with the job, and
    /// deleted with its end; read by whoever asks for one.
    "running_job" RunningJob(org: Tenant; what: String) "JOBS#<org>" "RUNNING#<what>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// The same of what a person asked for on the own account.
    "own_job" OwnJob(user: UserId; job: JobId) "OWN_JOBS#<user>" "JOB#<job>" {
        store: Main, most_kb: 64, kept: Days(30, "30 days after it was asked for"), owner: Person, erased: Partition,
    }
    /// Which of a person's own jobs is under way. As above.
    "own_running_job" OwnRunningJob(user: UserId; what: String) "OWN_JOBS#<user>" "RUNNING#<what>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Person, erased: Partition,
    }
}
