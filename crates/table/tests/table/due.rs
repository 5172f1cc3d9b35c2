//! What is due: found when it is and not before, done by one of many, and looked at again when its worker
//! dies.

use std::collections::BTreeSet;

use events::ActorRef;
use futures::future::join_all;
use primitives::{Clock, Ids, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Due, Entry, Index, Indexed, Item, Key, Table};
use test_support::{Crashes, Database, LostAnswers, Moment, kinds::Somebody, noon};

const BIRTHDAY: Entry = Entry {
    name: "birthday",
    on: "somebody",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#BIRTHDAY#<shard>",
    sk: "<due_at>#<user>",
};

const MINUTES: SignedDuration = SignedDuration::from_mins(15);

/// Somebody who is to be congratulated.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Person {
    user_id: UserId,
    born_at: Option<Timestamp>,
    letters: u32,
    #[serde(default)]
    version: u64,
}

impl Item for Person {
    fn key(&self) -> Key {
        Somebody::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        Some(BIRTHDAY.due(self.born_at?, &self.user_id))
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

async fn born(table: &Table, at: Timestamp) -> UserId {
    let user_id = Ids::unguessable();
    let person = Person { user_id, born_at: Some(at), letters: 0, version: 0 };
    table.commit(&cause(), Changes::new().create(&person)).await.unwrap();
    user_id
}

/// What is due, as the index says it a while after the last write.
async fn due(database: &Database, table: &Table) -> Vec<Due> {
    database.settle();
    due_at_once(table).await
}

/// The same at once, when the index may be behind.
async fn due_at_once(table: &Table) -> Vec<Due> {
    let mut due = Vec::new();
    for shard in BIRTHDAY.shards() {
        let mut place: Option<String> = None;
        loop {
            let page = table.due(&BIRTHDAY, shard, place.as_deref(), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            place = Some(last.place.clone());
            due.extend(page);
        }
    }
    due
}

async fn person(table: &Table, due: &Due) -> Person {
    let key = Somebody::key(due.id().parse().unwrap());
    table.get(&key, table::Consistency::Strong).await.unwrap().unwrap()
}

/// A letter, and with the write that notes it nothing is due any more.
async fn congratulate(table: &Table, due: &Due) {
    if !table.put_off(due, table.clock().now() + MINUTES).await.unwrap() {
        return;
    }
    let mut person = person(table, due).await;
    person.letters += 1;
    person.born_at = None;
    table.commit(&cause(), Changes::new().replace(&person)).await.unwrap();
}

#[tokio::test]
async fn what_is_due_is_found_in_all_shards_and_what_is_not_yet_is_not() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let mut expected = BTreeSet::new();
    for second in 0..20 {
        expected.insert(born(&table, noon() + SignedDuration::from_secs(second - 19)).await.to_string());
        born(&table, noon() + SignedDuration::from_secs(second + 1)).await;
    }
    let found = due(&database, &table).await;
    assert_eq!(found.iter().map(|due| due.id().to_owned()).collect::<BTreeSet<_>>(), expected);
    assert_eq!(found.len(), 20, "each once");
    clock.advance(SignedDuration::from_secs(20));
    assert_eq!(due(&database, &table).await.len(), 40);
    let mut used = BTreeSet::new();
    for shard in BIRTHDAY.shards() {
        used.insert(table.due(&BIRTHDAY, shard, None, 100).await.unwrap().len());
    }
    assert!(!used.contains(&0), "forty are spread over four");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_workers_at_once_one_does_it() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    born(&table, noon()).await;
    let found = due(&database, &table).await.remove(0);
    join_all((0..50).map(|_| congratulate(&table, &found))).await;
    assert_eq!(person(&table, &found).await.letters, 1);
    assert!(due(&database, &table).await.is_empty());
}

#[tokio::test]
async fn a_worker_that_dies_at_any_call_is_followed_by_another() {
    for call in 0..3 {
        for moment in [Moment::Before, Moment::After] {
            let (database, crashes) = (Database::start().await, Crashes::default());
            let clock = Clock::fixed(noon());
            let table = database.table_over(&clock, crashes.http_client());
            born(&table, noon()).await;
            let found = due(&database, &table).await.remove(0);
            assert!(crashes.run(call, moment, Box::pin(congratulate(&table, &found))).await.is_none());
            if (call, moment) != (0, Moment::Before) {
                for late in due_at_once(&table).await {
                    congratulate(&table, &late).await;
                }
                assert!(due(&database, &table).await.is_empty(), "nobody else begins it meanwhile");
            }
            clock.advance(MINUTES);
            for found in due(&database, &table).await {
                congratulate(&table, &found).await;
            }
            assert_eq!(person(&table, &found).await.letters, 1, "{call} {moment:?}");
            assert!(due(&database, &table).await.is_empty());
        }
    }
}

#[tokio::test]
async fn whoever_hears_no_answer_leaves_it_for_later() {
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    born(&table, noon()).await;
    let found = due(&database, &table).await.remove(0);
    let deaf = database.table_over(&clock, lost.http_client());
    assert!(!deaf.put_off(&found, noon() + MINUTES).await.unwrap());
    clock.advance(MINUTES);
    congratulate(&table, &due(&database, &table).await[0]).await;
    assert_eq!(person(&table, &found).await.letters, 1);
}
