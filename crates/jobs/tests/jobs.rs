//! Jobs on the real engine.
#![expect(clippy::unwrap_used, reason = "tests")]

use access::Tenant;
use futures::future::join_all;
use jobs::{
    Asked, Job, JobError, Moved, Owner, Part, Place, STALE, Step,
    api::{JobKind, JobStatus},
    cancel, fail, load, start, step, succeed,
};
use primitives::{Clock, Ids, SignedDuration, UserId};
use table::{Cause, Keep, Table};
use test_support::{Database, noon};

const KIND: JobKind = JobKind::OrganizationExport;

fn cause() -> Cause {
    Cause::system("test", "test")
}

fn org() -> (Owner, UserId) {
    (Owner::Org(Tenant::trusted(Ids::unguessable())), Ids::unguessable())
}

async fn begin(table: &Table, owner: (Owner, UserId), kind: JobKind) -> Result<Job, JobError> {
    start(table, &cause(), &Keep::nothing(), owner, (kind, Asked::default())).await
}

async fn stored(table: &Table, job: &Job) -> Job {
    load(table, job.owner(), job.job_id).await.unwrap().unwrap()
}

/// The events that were written, by name: those of one instant have no order.
async fn names(database: &Database) -> Vec<String> {
    let mut names: Vec<_> = database.events().await.into_iter().map(|event| event.kind).collect();
    names.sort();
    names
}

fn part(name: &str) -> Part {
    let name = name.to_owned();
    Part { object: Ids::unguessable(), name, size: 10, rows: 3, sha256: "00".to_owned() }
}

fn some_rows() -> Step {
    Step { place: Place { lists: 1, ..Place::default() }, rows: 3, parts: vec![part("members.jsonl")] }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_kind_one_is_under_way() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let owner = org();
    let asked = join_all((0..50).map(|_| begin(&table, owner, KIND))).await;
    let begun: Vec<_> = asked.iter().filter_map(|asked| asked.as_ref().ok()).collect();
    assert_eq!(begun.len(), 1, "{asked:?}");
    assert!(
        asked
            .iter()
            .filter_map(|asked| asked.as_ref().err())
            .all(|error| matches!(error, JobError::Running { .. }))
    );
    // others are in nobody's way
    begin(&table, owner, JobKind::AuditExport).await.unwrap();
    begin(&table, org(), KIND).await.unwrap();
    begin(&table, (Owner::Person(owner.1), owner.1), JobKind::PersonExport).await.unwrap();
    let job = stored(&table, begun[0]).await;
    let Moved::On(job) = succeed(&table, &cause(), &job, &part("manifest.json")).await.unwrap() else {
        panic!()
    };
    assert_eq!(job.shown(noon()).status, JobStatus::Succeeded);
    begin(&table, owner, KIND).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_at_one_job_one_goes_on() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let job = begin(&table, org(), KIND).await.unwrap();
    let job = stored(&table, &job).await;
    let steps =
        join_all((0..5).map(|_| async { step(&table, &cause(), &job, &some_rows()).await.unwrap() })).await;
    let on = steps.iter().filter(|moved| matches!(moved, Moved::On(_))).count();
    assert_eq!(on, 1, "{steps:?}");
    let after = stored(&table, &job).await;
    assert_eq!((after.done, after.parts.len(), after.place.lists), (3, 1, 1));
    // the one that lost stays behind
    assert_eq!(succeed(&table, &cause(), &job, &part("manifest.json")).await.unwrap(), Moved::Not);
    assert_eq!(stored(&table, &job).await, after);
}

#[tokio::test]
async fn what_was_canceled_is_gone_on_with_by_nobody() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let owner = org();
    let job = begin(&table, owner, KIND).await.unwrap();
    let seen = stored(&table, &job).await;
    cancel(&table, &cause(), &job).await.unwrap();
    let twice = cancel(&table, &cause(), &job).await.unwrap();
    assert_eq!(twice.shown(noon()).status, JobStatus::Canceled);
    assert_eq!(step(&table, &cause(), &seen, &some_rows()).await.unwrap(), Moved::Not);
    assert_eq!(fail(&table, &cause(), &seen, ("x", "y")).await.unwrap(), Moved::Not);
    let names = names(&database).await;
    assert_eq!(names, ["export.requested", "job.canceled"]);
    let next = begin(&table, owner, KIND).await.unwrap();
    let next = stored(&table, &next).await;
    fail(&table, &cause(), &next, ("unreadable", "A row cannot be read.")).await.unwrap();
    assert!(matches!(cancel(&table, &cause(), &next).await, Err(JobError::Finished)));
    // an end frees the place of nobody else
    let third = begin(&table, owner, KIND).await.unwrap();
    cancel(&table, &cause(), &job).await.unwrap();
    assert!(matches!(begin(&table, owner, KIND).await, Err(JobError::Running { .. })));
    assert_eq!(stored(&table, &third).await.shown(noon()).status, JobStatus::Queued);
}

#[tokio::test]
async fn one_that_died_is_in_nobody_s_way_after_an_hour_and_never_comes_back() {
    let database = Database::start().await;
    let owner = org();
    let job = begin(&database.table(&Clock::fixed(noon())), owner, KIND).await.unwrap();
    let just = database.table(&Clock::fixed(noon() + STALE));
    assert!(matches!(begin(&just, owner, KIND).await, Err(JobError::Running { .. })));
    let table = database.table(&Clock::fixed(noon() + STALE + SignedDuration::from_secs(1)));
    let seen = stored(&table, &job).await;
    assert_eq!(step(&table, &cause(), &seen, &some_rows()).await.unwrap(), Moved::Not);
    assert!(matches!(cancel(&table, &cause(), &job).await, Err(JobError::Finished)));
    begin(&table, owner, KIND).await.unwrap();
    let shown = stored(&table, &job).await.shown(table.clock().now());
    assert_eq!((shown.status, shown.problem.unwrap().code.as_str()), (JobStatus::Failed, "export_stopped"));
    let names = names(&database).await;
    assert_eq!(names, ["export.requested", "export.requested", "job.failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_it_at_once_it_has_one_end() {
    for _ in 0..10 {
        let database = Database::start().await;
        let table = database.table(&Clock::fixed(noon()));
        let job = begin(&table, org(), KIND).await.unwrap();
        let seen = stored(&table, &job).await;
        let cause = cause();
        let manifest = part("manifest.json");
        let (canceled, made, failed) = futures::join!(
            cancel(&table, &cause, &job),
            succeed(&table, &cause, &seen, &manifest),
            fail(&table, &cause, &seen, ("x", "y")),
        );
        let moved = [made.unwrap(), failed.unwrap()];
        let moved = moved.iter().filter(|moved| **moved != Moved::Not).count();
        assert_eq!(moved + usize::from(canceled.is_ok()), 1, "{canceled:?}");
        assert_eq!(names(&database).await.len(), 2, "that it was asked for, and its end");
        assert_eq!(database.count("running_job").await, 0);
    }
}
