//! Tallies and rosters at the edge of their limits: many at once, crashes, lost answers.

use std::collections::BTreeSet;

use events::ActorRef;
use futures::future::join_all;
use primitives::{Clock, DeviceId, Ids, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, CommitError, Consistency, Decision, Item, Key, Listed, Roster, Table, Tally};
use test_support::{Crashes, Database, LostAnswers, Moment, kinds, noon};

/// Something of which only so many may exist.
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

fn thing(user_id: UserId) -> Thing {
    Thing { user_id, device_id: Ids::unguessable(), version: 0 }
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

fn tally(user_id: UserId, most: u32) -> Tally {
    Tally::new(kinds::Number::key(user_id), most)
}

fn roster(user_id: UserId, most: usize) -> Roster {
    Roster::new(kinds::Things::key(user_id), most)
}

async fn things(table: &Table, user_id: UserId) -> BTreeSet<String> {
    let query = kinds::Thing::all(user_id).strong();
    let things: Vec<Thing> = table.first(&query, 100).await.unwrap();
    things.into_iter().map(|thing| thing.device_id.to_string()).collect()
}

#[derive(Deserialize)]
struct Number {
    n: usize,
}

async fn number(table: &Table, user_id: UserId) -> usize {
    let number: Option<Number> = table.get(&kinds::Number::key(user_id), Consistency::Strong).await.unwrap();
    number.map_or(0, |number| number.n)
}

async fn listed(table: &Table, user_id: UserId) -> Option<Listed> {
    table.get(&kinds::Things::key(user_id), Consistency::Strong).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_callers_at_once_a_tally_lets_in_as_many_as_there_is_room_for() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = Ids::unguessable();
    for _ in 0..8 {
        table.commit(&cause(), tally(ada, 10).add(1).create(&thing(ada))).await.unwrap();
    }
    let callers = (0..500).map(|_| async {
        let changes = Changes::new().create(&thing(ada)).and(tally(ada, 10).add(1));
        table.commit(&cause(), changes).await
    });
    let outcomes = join_all(callers).await;
    let refused = |error: &CommitError| error.failed(&kinds::Number::key(ada));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(refused)).count(), 498);
    assert_eq!((things(&table, ada).await.len(), number(&table, ada).await), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tally_is_what_is_there_however_many_come_and_go_at_once() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = Ids::unguessable();
    let old: Vec<_> = (0..20).map(|_| thing(ada)).collect();
    for thing in &old {
        table.commit(&cause(), tally(ada, 20).add(1).create(thing)).await.unwrap();
    }
    let leaves = old.iter().cycle().take(40).map(|old| {
        let gone = Thing { version: 1, ..old.clone() };
        Changes::new().delete(&gone).and(tally(ada, 20).subtract(1))
    });
    let joins = (0..50).map(|_| Changes::new().create(&thing(ada)).and(tally(ada, 20).add(1)));
    let changes: Vec<_> = leaves.chain(joins).collect();
    join_all(changes.into_iter().map(|changes| async { table.commit(&cause(), changes).await })).await;
    let there = things(&table, ada).await.len();
    assert!(there <= 20);
    assert_eq!(number(&table, ada).await, there, "each left once, however often it was asked to");
}

#[tokio::test]
async fn a_tally_takes_no_step_over_its_edges() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = Ids::unguessable();
    let commit = |changes| {
        let table = &table;
        async move { table.commit(&cause(), changes).await }
    };
    assert!(
        commit(tally(ada, 3).subtract(1)).await.unwrap_err().failed(&kinds::Number::key(ada)),
        "none is there"
    );
    assert!(
        commit(tally(ada, 3).add(4)).await.unwrap_err().failed(&kinds::Number::key(ada)),
        "more than may be"
    );
    commit(tally(ada, 3).add(3)).await.unwrap();
    assert!(commit(tally(ada, 3).add(1)).await.is_err());
    assert!(commit(tally(ada, 2).add(0)).await.is_err(), "the limit was lowered: nobody joins");
    commit(tally(ada, 3).subtract(3)).await.unwrap();
    assert!(commit(tally(ada, 3).subtract(1)).await.is_err());
    assert_eq!(number(&table, ada).await, 0);
}

/// Adds one, in the place of another where there is no room.
async fn list(table: &Table, user_id: UserId, most: usize) -> Result<(), CommitError> {
    let (roster, new) = (roster(user_id, most), thing(user_id));
    let join = |_| async {
        let listed = listed(table, user_id).await;
        let id = new.device_id.to_string();
        let changes = if roster.is_full(listed.as_ref()) {
            let oldest = things(table, user_id).await.into_iter().next().unwrap();
            let gone = Thing { user_id, device_id: oldest.parse().unwrap(), version: 1 };
            roster.replace(&oldest, &id, &"new").delete(&gone)
        } else if listed.is_none() {
            roster.first(&id, &"new")
        } else {
            roster.add(&id, &"new")
        };
        Ok(Decision::commit(changes.create(&new), ()))
    };
    table.decide(&cause(), join).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_callers_at_once_leave_a_roster_full_and_never_fuller() {
    for there_before in [0, 4, 5] {
        let database = Database::start().await;
        let table = database.table(&Clock::fixed(noon()));
        let ada = Ids::unguessable();
        for _ in 0..there_before {
            list(&table, ada, 5).await.unwrap();
        }
        for outcome in join_all((0..50).map(|_| list(&table, ada, 5))).await {
            outcome.unwrap();
        }
        let (things, listed) = (things(&table, ada).await, listed(&table, ada).await.unwrap());
        assert_eq!((things.len(), listed.len()), (5, 5));
        assert!(things.iter().all(|id| listed.contains(id)), "the roster lists what is there");
    }
}

#[tokio::test]
async fn a_roster_keeps_its_floor_and_knows_what_is_in_it() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = Ids::unguessable();
    let roster = roster(ada, 3);
    let commit = |changes| {
        let table = &table;
        async move { table.commit(&cause(), changes).await.is_ok() }
    };
    for too_soon in
        [roster.add("a", &"x"), roster.remove("a", 0), roster.replace("b", "a", &"x"), roster.clear()]
    {
        assert!(!commit(too_soon).await, "there is no list yet");
    }
    assert!(commit(roster.first("a", &"x")).await);
    assert!(!commit(roster.first("b", &"x")).await, "a list begins once");
    assert!(!commit(roster.add("a", &"x")).await, "twice the same");
    assert!(!commit(roster.remove("a", 1)).await, "the last one stays");
    assert!(commit(roster.add("b", &"x")).await);
    assert!(!commit(roster.replace("c", "d", &"x")).await, "what is not there makes no room");
    assert!(!commit(roster.replace("a", "b", &"x")).await, "what is there already needs none");
    assert!(commit(roster.remove("a", 1)).await);
    assert!(!commit(roster.remove("a", 0)).await, "a second time");
    let listed = listed(&table, ada).await.unwrap();
    assert!(listed.contains("b") && listed.len() == 1 && !listed.is_empty());
    assert!(commit(roster.clear()).await);
    assert!(has_an_empty_list(&table, ada).await);
    assert!(commit(roster.add("c", &"x")).await, "an empty list is one");
}

async fn has_an_empty_list(table: &Table, user_id: UserId) -> bool {
    listed(table, user_id).await.unwrap().is_empty()
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_counts_once() {
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
    let ada = Ids::unguessable();
    let changes = Changes::new().and(tally(ada, 5).add(1)).and(roster(ada, 5).first("a", &"x"));
    table.commit(&cause(), changes).await.unwrap();
    assert_eq!(lost.operations(), ["TransactWriteItems"]);
    assert_eq!(number(&table, ada).await, 1);
    assert_eq!(listed(&table, ada).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_crash_at_the_commit_counts_all_of_it_or_nothing_and_a_repetition_counts_once() {
    for moment in [Moment::Before, Moment::After] {
        let (database, crashes) = (Database::start().await, Crashes::default());
        let table = database.table_over(&Clock::fixed(noon()), crashes.http_client());
        let (ada, new) = (Ids::unguessable(), Ids::unguessable());
        let new = Thing { user_id: ada, device_id: new, version: 0 };
        let change = || {
            let id = new.device_id.to_string();
            Changes::new().create(&new).and(tally(ada, 5).add(1)).and(roster(ada, 5).first(&id, &"x"))
        };
        assert!(crashes.run(0, moment, table.commit(&cause(), change())).await.is_none());
        let again = table.commit(&cause(), change()).await;
        assert_eq!(again.is_ok(), moment == Moment::Before, "{again:?}");
        assert_eq!((things(&table, ada).await.len(), number(&table, ada).await), (1, 1), "{moment:?}");
        assert_eq!(listed(&table, ada).await.unwrap().len(), 1, "{moment:?}");
    }
}
