//! The one loop: what it repeats, what it asks again, what it gives up, and what it keeps of an answer.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use events::ActorRef;
use futures::future::join_all;
use primitives::{Clock, Fault, FaultKind, Ids, SignedDuration, UserId};
use serde::{Deserialize, Serialize};
use table::{
    Attempt, Begun, Cause, Changes, Claim, Claimed, CommitError, Condition, Consistency, Decision,
    IdempotencyKey, Item, Keep, Key, RateLimit, StoredAnswer, Table, Tally, keys::Consumed,
};
use test_support::{Conflicts, Crashes, Database, Moment, kinds, noon};
use tokio::time::Instant;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Thing {
    user_id: UserId,
    count: u32,
    #[serde(default)]
    version: u64,
}

impl Item for Thing {
    fn key(&self) -> Key {
        kinds::Somebody::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

pub(crate) fn thing() -> Thing {
    Thing { user_id: Ids::unguessable(), count: 0, version: 0 }
}

pub(crate) fn cause() -> Cause {
    Cause {
        actor: ActorRef::Anonymous,
        correlation_id: "test".to_owned(),
        ip: None,
        country: None,
        user_agent: None,
    }
}

pub(crate) async fn read(table: &Table, thing: &Thing) -> Option<Thing> {
    table.get(&thing.key(), Consistency::Strong).await.unwrap()
}

/// Counts one more in the thing, as any operation would.
async fn count_one(table: &Table, thing: &Thing) -> Result<u32, CommitError> {
    let count = |_| async {
        let mut thing = table.get(&thing.key(), Consistency::Strong).await?.unwrap_or_else(|| thing.clone());
        thing.count += 1;
        Ok(Decision::commit(Changes::new().replace(&thing), thing.count))
    };
    table.decide(&cause(), count).await
}

/// The same as a caller who comes back when he is asked to.
async fn count_at_last(table: &Table, thing: &Thing) -> u32 {
    loop {
        match count_one(table, thing).await {
            Ok(count) => return count,
            Err(error) => assert_eq!((error.kind(), error.retry_after()), (FaultKind::Unavailable, Some(1))),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_are_fifty() {
    let database = Database::start().await;
    let (table, thing) = (database.table(&Clock::fixed(noon())), thing());
    let mut counts = join_all((0..50).map(|_| count_at_last(&table, &thing))).await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>(), "each counted on what it had read");
    let thing = read(&table, &thing).await.unwrap();
    assert_eq!((thing.count, thing.version), (50, 50));
}

/// Decides on what it read, which somebody else changes meanwhile where this is the first attempt.
async fn on_what_it_read(
    table: &Table,
    thing: &Thing,
    is_first: bool,
) -> Result<Decision<u64, CommitError>, CommitError> {
    let found: Option<Thing> = table.get(&thing.key(), Consistency::Strong).await?;
    if is_first {
        count_one(table, thing).await?;
    }
    let next = found.unwrap_or_else(|| thing.clone());
    Ok(Decision::commit(Changes::new().replace(&next), next.version))
}

#[tokio::test]
async fn whoever_was_slower_decides_again_and_knows_what_failed() {
    let database = Database::start().await;
    let (table, thing) = (database.table(&Clock::fixed(noon())), thing());
    let mut seen = Vec::new();
    let decide = |attempt: Attempt| {
        seen.push((attempt.before(), attempt.failed(&thing.key())));
        let is_first = attempt.before() == 0;
        on_what_it_read(&table, &thing, is_first)
    };
    assert_eq!(table.decide(&cause(), decide).await.unwrap(), 1);
    assert_eq!(seen, [(0, false), (1, true)]);
}

#[tokio::test]
async fn a_condition_that_the_operation_knows_is_its_answer_at_once() {
    let database = Database::start().await;
    let (table, there, new) = (database.table(&Clock::fixed(noon())), thing(), thing());
    count_one(&table, &there).await.unwrap();
    let asked = AtomicU32::new(0);
    let taken = async |outcome: fn() -> Result<&'static str, CommitError>| {
        let decide = |_| async {
            asked.fetch_add(1, Ordering::SeqCst);
            let changes = Changes::new().create(&new).create(&there);
            Ok(Decision::commit(changes, "made").unless(&there.key(), outcome()))
        };
        table.decide(&cause(), decide).await
    };
    assert_eq!(taken(|| Ok("taken")).await.unwrap(), "taken");
    let known = taken(|| Err(CommitError::Conflict { failed: Vec::new() })).await.unwrap_err();
    assert_eq!(known.kind(), FaultKind::Conflict);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "once each");
    assert!(read(&table, &new).await.is_none(), "all or nothing");
}

#[tokio::test]
async fn a_transaction_in_the_way_is_waited_for_and_nothing_is_loaded_again() {
    let (database, conflicts) = (Database::start().await, Conflicts::default());
    let table = database.table_over(&Clock::fixed(noon()), conflicts.http_client());
    let (thing, mut asked) = (thing(), 0);
    let decide = |_| {
        asked += 1;
        async { Ok::<_, CommitError>(Decision::commit(Changes::new().create(&thing), ())) }
    };
    table.decide(&cause(), decide).await.unwrap();
    // the same request: one with another token would have been refused a second time
    assert_eq!((asked, conflicts.count()), (1, 1));
    assert_eq!(read(&table, &thing).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_single_write_waits_for_a_transaction_as_well() {
    let (database, conflicts) = (Database::start().await, Conflicts::default());
    let table = database.table_over(&Clock::fixed(noon()), conflicts.http_client());
    let Begun::New(claim) = table.begin(&IdempotencyKey::new(&"org", "key", b"request")).await.unwrap()
    else {
        panic!("somebody else's")
    };
    table.release(&claim).await.unwrap();
    let limit = RateLimit::new("test", [(2, SignedDuration::from_mins(1))]);
    assert!(table.take(&limit, "ada").await.unwrap().allowed);
    let (key, lease) = (Consumed::key("mail", Ids::unguessable()), SignedDuration::from_secs(60));
    let Claimed::Mine(mut marker) = table.claim(&key, lease).await.unwrap() else { panic!("not mine") };
    assert!(table.note(&mut marker, ["a".to_owned()]).await.unwrap());
    table.finish(marker).await.unwrap();
    assert_eq!(conflicts.count(), 6, "each once");
}

#[tokio::test]
async fn whoever_finds_no_end_in_time_is_asked_to_come_back() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let wait = |_| async { Ok::<Decision<(), CommitError>, _>(Decision::wait()) };
    let soon = Instant::now() + Duration::from_millis(700);
    let error = table::within_deadline(soon, table.decide(&cause(), wait)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (FaultKind::Unavailable, Some(1)));
    assert!(Instant::now() < soon, "there is time left to say so");
    let begun = Instant::now();
    table.decide(&cause(), wait).await.unwrap_err();
    assert!(begun.elapsed() <= Duration::from_secs(5), "an invocation with more time is no reason to wait");
}

fn answered(claim: Claim) -> Keep<'static, u32> {
    Keep::answer(claim, |count: &u32| StoredAnswer {
        status: 200,
        body: count.to_string(),
        ..StoredAnswer::default()
    })
}

async fn begun(table: &Table, key: &IdempotencyKey) -> Result<Claim, Option<String>> {
    match table.begin(key).await.unwrap() {
        Begun::New(claim) => Ok(claim),
        Begun::Replay(answer) => Err(Some(answer.body)),
        Begun::InFlight | Begun::Mismatch => Err(None),
    }
}

#[tokio::test]
async fn the_answer_is_kept_whatever_the_decision_was_and_an_error_is_not() {
    type Decide = fn(&Thing) -> Decision<u32, CommitError>;
    let database = Database::start().await;
    let (table, there) = (database.table(&Clock::fixed(noon())), thing());
    count_one(&table, &there).await.unwrap();
    let outcomes: [(&str, Decide); 4] = [
        ("1", |_| Decision::commit(Changes::new().create(&thing()), 1)),
        ("2", |_| Decision::done(2)),
        ("3", |there| Decision::commit(Changes::new().create(there), 0).unless(&there.key(), Ok(3))),
        ("", |there| {
            let known = CommitError::Conflict { failed: vec![there.key()] };
            Decision::commit(Changes::new().create(there), 0).unless(&there.key(), Err(known))
        }),
    ];
    for (name, decision) in outcomes {
        let key = IdempotencyKey::new(&"org", name, b"request");
        let keep = answered(begun(&table, &key).await.unwrap());
        let outcome = table.decide_once(&cause(), &keep, |_| async { Ok(decision(&there)) }).await;
        let kept = begun(&table, &key).await.unwrap_err();
        match outcome {
            Ok(output) => assert_eq!((output.to_string(), kept), (name.to_owned(), Some(name.to_owned()))),
            Err(error) => assert_eq!((error.failed(&there.key()), kept), (true, None), "it may be released"),
        }
    }
}

#[tokio::test]
async fn a_request_that_another_took_over_is_not_decided_on_again() {
    let (database, clock) = (Database::start().await, Clock::fixed(noon()));
    let table = database.table(&clock);
    let key = IdempotencyKey::new(&"org", "key", b"request");
    let crashed = answered(begun(&table, &key).await.unwrap());
    clock.advance(SignedDuration::from_secs(31));
    let follower = answered(begun(&table, &key).await.unwrap());
    let (late, mut asked) = (thing(), 0);
    let decide = |_| {
        asked += 1;
        async { Ok::<_, CommitError>(Decision::commit(Changes::new().create(&late), 1)) }
    };
    let error = table.decide_once(&cause(), &crashed, decide).await.unwrap_err();
    assert_eq!((error.kind(), asked), (FaultKind::Conflict, 1));
    assert!(read(&table, &late).await.is_none());
    table
        .decide_once(&cause(), &follower, |_| async { Ok::<_, CommitError>(Decision::done(2)) })
        .await
        .unwrap();
    assert_eq!(begun(&table, &key).await.unwrap_err().as_deref(), Some("2"));
}

/// At the edge of a limit, where all of them want the last of it, and each decides on what it has read as
/// well.
#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_want_the_last_two_of_a_tally_two_get_them() {
    let database = Database::start().await;
    let (table, owner) = (database.table(&Clock::fixed(noon())), thing());
    count_one(&table, &owner).await.unwrap();
    let tally = Tally::new(kinds::Number::key(owner.user_id), 2);
    let join = || async {
        let decide = |_| async {
            let owner = read(&table, &owner).await.unwrap();
            let changes =
                tally.add(1).create(&thing()).require(owner.key(), Condition::VersionIs(owner.version));
            Ok::<_, CommitError>(Decision::commit(changes, true).unless(tally.key(), Ok(false)))
        };
        table.decide(&cause(), decide).await.unwrap()
    };
    let joined = join_all((0..50).map(|_| join())).await;
    assert_eq!(joined.into_iter().filter(|joined| *joined).count(), 2);
    assert_eq!(database.count("somebody").await, 3, "they, and the owner");
}

#[tokio::test]
async fn a_crash_at_any_call_counts_once_when_the_request_is_repeated() {
    for call in 0..3 {
        for moment in [Moment::Before, Moment::After] {
            let (database, crashes) = (Database::start().await, Crashes::default());
            let clock = Clock::fixed(noon());
            let table = database.table_over(&clock, crashes.http_client());
            let (key, thing) = (IdempotencyKey::new(&"org", "key", b"request"), thing());
            let request = async || {
                let claim = begun(&table, &key).await?;
                let decide = |_| async {
                    let next = read(&table, &thing).await.unwrap_or_else(|| thing.clone());
                    let next = Thing { count: next.count + 1, ..next };
                    Ok::<_, CommitError>(Decision::commit(Changes::new().replace(&next), next.count))
                };
                table.decide_once(&cause(), &answered(claim), decide).await.map_err(|_| None)
            };
            assert!(crashes.run(call, moment, request()).await.is_none(), "{call} was never made");
            clock.advance(SignedDuration::from_secs(31));
            let answer = request().await;
            assert!(answer == Ok(1) || answer == Err(Some("1".to_owned())), "{call} {moment:?}: {answer:?}");
            assert_eq!(read(&table, &thing).await.unwrap().count, 1, "{call} {moment:?}");
        }
    }
}
