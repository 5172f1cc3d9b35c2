//! The table on a real engine: transactions, races, idempotency and paging.

use std::sync::Arc;

use events::{ActorRef, NewEvent};
use futures::future::{BoxFuture, join_all};
use primitives::{Clock, Ids, Keys, Limit, MemberId, OrgId, SignedDuration, UserId};
use serde::{Deserialize, Serialize};
use table::{
    Begun, Cause, Changes, CommitError, Condition, Consistency, CursorKey, CursorKeys, Decision,
    IdempotencyKey, Item, Keep, Key, StoreError, StoredAnswer, Table,
};
use test_support::{
    Database,
    events::{CounterChanged, SomebodyJoined},
    kinds, noon,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counter {
    org_id: OrgId,
    count: u32,
    #[serde(default)]
    version: u64,
}

impl Item for Counter {
    fn key(&self) -> Key {
        kinds::Counter::key(self.org_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Person {
    org_id: OrgId,
    member_id: MemberId,
    #[serde(default)]
    version: u64,
}

impl Item for Person {
    fn key(&self) -> Key {
        kinds::Place::key(self.org_id, self.member_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn cause() -> Cause {
    Cause {
        actor: ActorRef::Anonymous,
        correlation_id: "test".to_owned(),
        ip: None,
        country: None,
        user_agent: None,
    }
}

fn counter() -> Counter {
    Counter { org_id: Ids::unguessable(), count: 0, version: 0 }
}

fn started(counter: &Counter) -> NewEvent {
    NewEvent::new(
        Some(counter.org_id),
        &counter.org_id,
        counter.next_version(),
        &CounterChanged { count: counter.count },
    )
}

/// Consumers put what happened in order by `sequence` alone: also what one change says twice.
#[tokio::test]
async fn events_of_one_history_have_places_of_their_own() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let (counter, other) = (counter(), counter());
    let first = Changes::new().create(&counter).publish(started(&counter)).publish(started(&counter));
    let second = Changes::new().create(&other).publish(started(&other)).publish(started(&counter));
    let events = table.commit(&cause(), first.and(second)).await.unwrap();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [100, 101, 100, 102]);
    let stored: Counter = table.get(&counter.key(), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(started(&stored).sequence, 200, "the next change comes behind all of them");
}

#[tokio::test]
async fn state_event_and_audit_row_are_written_together_or_not_at_all() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let counter = counter();
    let events =
        table.commit(&cause(), Changes::new().create(&counter).publish(started(&counter))).await.unwrap();
    let stored: Counter = table.get(&counter.key(), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(stored.version, 1);
    assert_eq!(database.events().await, events);
    assert_eq!(events[0].sequence, 100);
    assert_eq!(database.count("audit").await, 1);

    let again =
        table.commit(&cause(), Changes::new().create(&counter).publish(started(&counter))).await.unwrap_err();
    assert!(again.failed(&counter.key()));
    assert_eq!(database.items().await.len(), 3, "a refused transaction leaves nothing");
}

/// What strangers ask for is forgotten; what happens in an organization is kept as long as whoever runs it
/// says.
#[tokio::test]
async fn audit_rows_outside_of_organizations_expire_and_those_of_organizations_when_it_is_said() {
    let days = |days: i64| noon().as_second() + days * 24 * 60 * 60;
    for (kept, expected) in [(0, None), (365, Some(days(365)))] {
        let database = Database::start().await;
        let table = database.table(&Clock::fixed(noon())).keeping_audit_rows(kept);
        let user_id: UserId = Ids::unguessable();
        let asked = SomebodyJoined { user_id };
        let outside = NewEvent::new(None, &user_id, 1, &asked);
        let inside = started(&counter());
        table.commit(&cause(), Changes::new().publish(outside).publish(inside)).await.unwrap();
        let rows = database.items().await;
        let rows = rows.iter().filter(|row| row["kind"].as_s().is_ok_and(|kind| kind == "audit"));
        let mut expiries: Vec<(String, Option<i64>)> = rows
            .map(|row| {
                let expiry = row.get("expires_at").map(|time| time.as_n().unwrap().parse().unwrap());
                (row["event"].as_m().unwrap()["type"].as_s().unwrap().clone(), expiry)
            })
            .collect();
        expiries.sort();
        let expected =
            [("counter.changed".to_owned(), expected), ("somebody.joined".to_owned(), Some(days(90)))];
        assert_eq!(expiries, expected);
    }
}

#[tokio::test]
async fn conditions_on_items_that_are_only_read_hold() {
    let database = Database::start().await;
    let table = database.table(&Clock::system());
    let (one, two) = (counter(), counter());
    table.commit(&cause(), Changes::new().create(&one)).await.unwrap();
    let guarded = |condition| Changes::new().require(one.key(), condition).create(&two);
    for condition in [Condition::Absent, Condition::VersionIs(2)] {
        let error = table.commit(&cause(), guarded(condition)).await.unwrap_err();
        assert!(error.failed(&one.key()) && !error.failed(&two.key()));
    }
    table.commit(&cause(), guarded(Condition::VersionIs(1))).await.unwrap();
}

#[tokio::test]
async fn a_transaction_over_the_limit_is_refused_before_it_is_sent() {
    let database = Database::start().await;
    let table = database.table(&Clock::system());
    let changes = (0..101).fold(Changes::new(), |changes, _| changes.create(&counter()));
    let error = table.commit(&cause(), changes).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::TooLarge { items: 101, .. })));
    assert!(table.usage().take().is_empty());
}

#[tokio::test]
async fn of_many_equal_requests_one_is_carried_out_and_all_get_its_answer() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let user: UserId = Ids::unguessable();
    let key = IdempotencyKey::new(&user, "key", b"POST /v1/orgs {}");
    let begun = join_all((0..50).map(|_| table.begin(&key))).await;
    let mut claims: Vec<_> = begun
        .into_iter()
        .filter_map(|begun| match begun.unwrap() {
            Begun::New(claim) => Some(claim),
            other => {
                assert!(matches!(other, Begun::InFlight), "{other:?}");
                None
            }
        })
        .collect();
    assert_eq!(claims.len(), 1);

    let answer = StoredAnswer { status: 201, body: "{}".to_owned(), ..StoredAnswer::default() };
    let counter = counter();
    let keep = Keep::answer(claims.pop().unwrap(), |(): &()| answer.clone());
    store_once(&table, &keep, &counter).await.unwrap();
    assert!(matches!(table.begin(&key).await.unwrap(), Begun::Replay(stored) if stored == answer));
    let other = IdempotencyKey::new(&user, "key", b"POST /v1/orgs {\"name\": 1}");
    assert!(matches!(table.begin(&other).await.unwrap(), Begun::Mismatch));
    let stranger =
        IdempotencyKey::new(&Ids::unguessable::<primitives::kind::User>(), "key", b"POST /v1/orgs {}");
    assert!(matches!(table.begin(&stranger).await.unwrap(), Begun::New(_)));
    clock.advance(SignedDuration::from_hours(25));
    assert!(
        matches!(table.begin(&other).await.unwrap(), Begun::New(_)),
        "expiry is checked here, not left to the table"
    );
}

/// Stores the counter, and the answer with it.
async fn store_once(table: &Table, keep: &Keep<'_, ()>, counter: &Counter) -> Result<(), CommitError> {
    table
        .decide_once(&cause(), keep, |_| async { Ok(Decision::commit(Changes::new().create(counter), ())) })
        .await
}

#[tokio::test]
async fn a_crashed_holder_loses_its_lease_and_cannot_come_back() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let key = IdempotencyKey::new(&"usr", "key", b"request");
    let Begun::New(crashed) = table.begin(&key).await.unwrap() else { panic!("first") };
    clock.advance(SignedDuration::from_secs(31));
    let Begun::New(second) = table.begin(&key).await.unwrap() else { panic!("the lease has ended") };
    let answer = StoredAnswer { status: 201, body: "late".to_owned(), ..StoredAnswer::default() };
    let (late, timely) = (counter(), counter());
    let keep = |claim| Keep::answer(claim, |(): &()| answer.clone());
    let error = store_once(&table, &keep(crashed), &late).await.unwrap_err();
    assert!(
        matches!(error, CommitError::Conflict { .. }) && !error.is_conflict(),
        "deciding again is no use"
    );
    store_once(&table, &keep(second), &timely).await.unwrap();
    assert!(table.get::<Counter>(&late.key(), Consistency::Strong).await.unwrap().is_none());
}

#[tokio::test]
async fn a_released_key_is_free_at_once() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let key = IdempotencyKey::new(&"usr", "key", b"request");
    let Begun::New(claim) = table.begin(&key).await.unwrap() else { panic!("first") };
    table.release(&claim).await.unwrap();
    assert!(matches!(table.begin(&key).await.unwrap(), Begun::New(_)));
}

#[tokio::test]
async fn pages_cover_the_list_once_and_cursors_stay_with_their_list() {
    let database = Database::start().await;
    let table = database.table(&Clock::system());
    let cursors = Arc::new(Keys::only(CursorKey::from_secret("secret")));
    let org_id: OrgId = Ids::unguessable();
    for _ in 0..7 {
        table
            .commit(
                &cause(),
                Changes::new().create(&Person { org_id, member_id: table.ids().next(), version: 0 }),
            )
            .await
            .unwrap();
    }
    database.settle();
    let query = kinds::Place::all;
    let three = Limit::try_from(3).unwrap();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = table.page::<Person>(&query(org_id), three, cursor.as_deref(), &cursors).await.unwrap();
        seen.extend(page.items.into_iter().map(|person| person.member_id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut unique = seen.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((seen.len(), unique), (7, seen));

    let full = Limit::try_from(7).unwrap();
    let page = table.page::<Person>(&query(org_id), full, None, &cursors).await.unwrap();
    assert_eq!((page.items.len(), page.next_cursor), (7, None), "nothing is behind a last page that is full");

    let page = table.page::<Person>(&query(org_id), three, None, &cursors).await.unwrap();
    let foreign =
        table.page::<Person>(&query(Ids::unguessable()), three, page.next_cursor.as_deref(), &cursors).await;
    assert!(matches!(foreign, Err(StoreError::ForeignCursor)));
}

/// Secrets Manager during an outage.
struct NoKeys;

impl CursorKeys for NoKeys {
    fn at_hand(&self) -> BoxFuture<'_, Result<Arc<Keys<CursorKey>>, StoreError>> {
        Box::pin(async {
            let detail = "nobody answers".to_owned();
            Err(StoreError::Unavailable { operation: "GetSecretValue", code: "timeout".to_owned(), detail })
        })
    }

    fn newer<'a>(
        &'a self,
        _known: &'a Arc<Keys<CursorKey>>,
    ) -> BoxFuture<'a, Result<Option<Arc<Keys<CursorKey>>>, StoreError>> {
        Box::pin(async { panic!("nobody knows older ones") })
    }
}

#[tokio::test]
async fn a_list_that_fits_into_one_page_needs_no_keys() {
    let database = Database::start().await;
    let table = database.table(&Clock::system());
    let org_id: OrgId = Ids::unguessable();
    let people = [(); 3].map(|()| Person { org_id, member_id: table.ids().next(), version: 0 });
    for person in &people {
        table.commit(&cause(), Changes::new().create(person)).await.unwrap();
    }
    database.settle();
    let query = kinds::Place::all(org_id);
    let page = async |limit: u32, cursor: Option<&str>| {
        table.page::<Person>(&query, Limit::try_from(limit).unwrap(), cursor, &NoKeys).await
    };
    assert_eq!(page(3, None).await.unwrap().items.len(), 3);
    assert!(matches!(page(2, None).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(page(3, Some("cursor")).await, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn calls_and_units_are_counted() {
    let database = Database::start().await;
    let table = database.table(&Clock::system());
    let counter = counter();
    table.commit(&cause(), Changes::new().create(&counter)).await.unwrap();
    database.settle();
    table
        .get_many(&[counter.key(), kinds::Somebody::key(Ids::unguessable())], Consistency::Eventual)
        .await
        .unwrap();
    let calls = table.usage().take();
    let read = &calls[1];
    assert_eq!((calls.len(), read.operation, read.writes), (2, "BatchGetItem", false));
    assert!((read.units - 1.0).abs() < f64::EPSILON, "{read:?}");
    assert!(table.usage().take().is_empty());
}
