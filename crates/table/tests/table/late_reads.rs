//! Eventual reads of a test's database are late, so that whoever relies on one is noticed: here are
//! operations that do, and what becomes of them.

use primitives::{Clock, DeviceId, Ids, SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, CommitError, Consistency, Decision, Entry, Index, Indexed, Item, Key, Table};
use test_support::{Database, kinds, noon};

const BIRTHDAY: Entry = Entry {
    name: "birthday",
    on: "somebody",
    indexed: Indexed::Due { shards: 1 },
    pk: "DUE#BIRTHDAY#<shard>",
    sk: "<due_at>#<user>",
};

/// Somebody who is to be congratulated.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Somebody {
    user_id: UserId,
    born_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for Somebody {
    fn key(&self) -> Key {
        kinds::Somebody::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        Some(BIRTHDAY.due(self.born_at?, &self.user_id))
    }
}

/// Something of somebody's.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Thing {
    user_id: UserId,
    device_id: DeviceId,
    #[serde(default)]
    version: u64,
}

impl Item for Thing {
    fn key(&self) -> Key {
        kinds::Thing::key(self.user_id, self.device_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn cause() -> Cause {
    Cause::system("test", "test")
}

fn thing(user_id: UserId) -> Thing {
    Thing { user_id, device_id: Ids::unguessable(), version: 0 }
}

fn somebody() -> Somebody {
    Somebody { user_id: Ids::unguessable(), born_at: Some(noon()), version: 0 }
}

/// Takes something for somebody who has nothing: no more than one, if what was read is so.
async fn take(table: &Table, user_id: UserId, consistency: Consistency) -> Result<bool, CommitError> {
    let take = |_| async move {
        let query = kinds::Thing::all(user_id);
        let query = if consistency == Consistency::Strong { query.strong() } else { query };
        let has: Vec<Thing> = table.first(&query, 10).await?;
        if !has.is_empty() {
            return Ok(Decision::done(false));
        }
        Ok(Decision::commit(Changes::new().create(&thing(user_id)), true))
    };
    table.decide(&cause(), take).await
}

#[tokio::test]
async fn a_command_that_relies_on_an_eventual_read_is_noticed() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    for (consistency, taken) in [(Consistency::Strong, 1), (Consistency::Eventual, 2)] {
        let ada = Ids::unguessable();
        for _ in 0..2 {
            take(&table, ada, consistency).await.unwrap();
        }
        let has: Vec<Thing> = table.first(&kinds::Thing::all(ada).strong(), 10).await.unwrap();
        assert_eq!(has.len(), taken, "with {consistency:?} reads");
    }
}

#[tokio::test]
async fn a_worker_that_relies_on_an_index_is_noticed() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = somebody();
    table.commit(&cause(), Changes::new().create(&ada)).await.unwrap();
    database.settle();
    let nobody = Somebody { born_at: None, version: 1, ..ada.clone() };
    let due = async || table.due(&BIRTHDAY, 0, None, 10).await.unwrap().len();
    assert_eq!(due().await, 1);
    table.commit(&cause(), Changes::new().replace(&nobody)).await.unwrap();
    assert_eq!(due().await, 1, "the index is behind the table: it says what was done already");
}

#[tokio::test]
async fn a_write_is_missed_once_or_twice_and_then_seen() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    let mut missed = [0; 3];
    for _ in 0..40 {
        let ada = somebody();
        table.commit(&cause(), Changes::new().create(&ada)).await.unwrap();
        let mut reads = 0;
        while table.get::<Somebody>(&ada.key(), Consistency::Eventual).await.unwrap().is_none() {
            assert!(table.get::<Somebody>(&ada.key(), Consistency::Strong).await.unwrap().is_some());
            reads += 1;
        }
        missed[reads - 1] += 1;
    }
    assert!(missed[0] > 0 && missed[1] > 0 && missed[2] == 0, "{missed:?}");
}

#[tokio::test]
async fn two_items_of_one_transaction_are_not_seen_together() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    let mut torn = 0;
    for _ in 0..40 {
        let ada = somebody();
        let has = thing(ada.user_id);
        table.commit(&cause(), Changes::new().create(&ada).create(&has)).await.unwrap();
        for _ in 0..2 {
            let mut found = table.get_many(&[ada.key(), has.key()], Consistency::Eventual).await.unwrap();
            let seen = (
                found.take::<Somebody>(&ada.key()).unwrap().is_some(),
                found.take::<Thing>(&has.key()).unwrap().is_some(),
            );
            torn += u32::from(seen.0 != seen.1);
        }
    }
    assert!(torn > 0, "each is behind by itself");
}

#[tokio::test]
async fn an_index_misses_what_the_table_shows() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = somebody();
    table.commit(&cause(), Changes::new().create(&ada)).await.unwrap();
    while table.get::<Somebody>(&ada.key(), Consistency::Eventual).await.unwrap().is_none() {}
    assert!(table.due(&BIRTHDAY, 0, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn several_writes_are_caught_up_with_step_by_step() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    let mut seen = Vec::new();
    for _ in 0..20 {
        let mut ada = somebody();
        table.commit(&cause(), Changes::new().create(&ada)).await.unwrap();
        for minute in 1..4 {
            ada.version = minute;
            ada.born_at = Some(noon() + SignedDuration::from_mins(i64::try_from(minute).unwrap()));
            table.commit(&cause(), Changes::new().replace(&ada)).await.unwrap();
        }
        for _ in 0..3 {
            let found: Option<Somebody> = table.get(&ada.key(), Consistency::Eventual).await.unwrap();
            seen.push(found.map(|found| found.version));
        }
    }
    let of = |version| seen.iter().filter(|seen| **seen == version).count();
    assert!(of(None) == 20 && of(Some(3)) > 0 && of(Some(4)) >= 20, "{seen:?}");
}

#[tokio::test]
async fn a_settled_database_is_late_about_nothing() {
    let database = Database::embedded().await;
    let table = database.table(&Clock::fixed(noon()));
    let (ada, bob) = (somebody(), somebody());
    let found = async |somebody: &Somebody| {
        let found: Option<Somebody> = table.get(&somebody.key(), Consistency::Eventual).await.unwrap();
        found.is_some()
    };
    table.commit(&cause(), Changes::new().create(&ada)).await.unwrap();
    database.settle();
    assert!(found(&ada).await, "what was there before anybody read");
    table.commit(&cause(), Changes::new().create(&bob)).await.unwrap();
    assert!(!found(&bob).await);
    database.settle();
    assert!(found(&bob).await);
    assert_eq!(table.due(&BIRTHDAY, 0, None, 10).await.unwrap().len(), 2, "in the index too");
}
