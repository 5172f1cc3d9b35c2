//! Work that is done or given up: one of the two, whoever races, dies or hears no answer.

use events::ActorRef;
use futures::future::{join, join_all};
use primitives::{Clock, Ids, SignedDuration, UserId};
use table::{Cause, CommitError, Consistency, Fate, Fence, Table, Tally};
use test_support::{
    Crashes, Database, LostAnswers, Moment,
    kinds::{Number, Work},
    noon,
};

fn cause() -> Cause {
    Cause {
        actor: ActorRef::Anonymous,
        correlation_id: "test".to_owned(),
        ip: None,
        country: None,
        user_agent: None,
    }
}

fn fence(user_id: UserId) -> Fence {
    Fence::new(Work::key(user_id), SignedDuration::from_hours(24))
}

/// The work: something is counted.
async fn work(table: &Table, user_id: UserId) -> Result<(), CommitError> {
    let counted = Tally::new(Number::key(user_id), 1000).add(1);
    table.commit(&cause(), counted.and(fence(user_id).done(table))).await.map(drop)
}

#[derive(serde::Deserialize)]
struct Counted {
    n: u32,
}

async fn done(table: &Table, user_id: UserId) -> u32 {
    let number: Option<Counted> = table.get(&Number::key(user_id), Consistency::Strong).await.unwrap();
    number.map_or(0, |number| number.n)
}

async fn race(workers: usize, resolvers: usize) -> Fate {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let ada = Ids::unguessable();
    let works = join_all((0..workers).map(|_| work(&table, ada)));
    let fence = fence(ada);
    let gives_up = join_all((0..resolvers).map(|_| table.give_up_unless_done(&fence)));
    let (works, fates) = join(works, gives_up).await;
    let ended = works.iter().filter(|work| work.is_ok()).count();
    let fates: Vec<_> = fates.into_iter().map(Result::unwrap).collect();
    let fate = fates[0];
    assert!(fates.iter().all(|other| *other == fate), "all hear the same");
    let expected = u32::from(fate == Fate::Done);
    assert_eq!((u32::try_from(ended).unwrap(), done(&table, ada).await), (expected, expected), "{fate:?}");
    assert_eq!(table.give_up_unless_done(&fence).await.unwrap(), fate, "for good");
    assert!(work(&table, ada).await.unwrap_err().failed(fence.key()));
    fate
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_work_and_fifty_who_give_up_one_decides() {
    for _ in 0..6 {
        race(50, 50).await;
    }
    assert_eq!(race(0, 500).await, Fate::Void);
}

#[tokio::test]
async fn a_worker_that_dies_has_done_all_of_it_or_nothing() {
    for moment in [Moment::Before, Moment::After] {
        let (database, crashes) = (Database::start().await, Crashes::default());
        let table = database.table_over(&Clock::fixed(noon()), crashes.http_client());
        let ada = Ids::unguessable();
        assert!(crashes.run(0, moment, work(&table, ada)).await.is_none());
        let fate = table.give_up_unless_done(&fence(ada)).await.unwrap();
        assert_eq!(fate, if moment == Moment::After { Fate::Done } else { Fate::Void });
        assert_eq!(done(&table, ada).await, u32::from(fate == Fate::Done));
    }
}

#[tokio::test]
async fn whoever_gives_up_and_dies_has_done_it_or_not() {
    for moment in [Moment::Before, Moment::After] {
        let (database, crashes) = (Database::start().await, Crashes::default());
        let table = database.table_over(&Clock::fixed(noon()), crashes.http_client());
        let ada = Ids::unguessable();
        assert!(crashes.run(0, moment, Box::pin(table.give_up_unless_done(&fence(ada)))).await.is_none());
        assert_eq!(work(&table, ada).await.is_ok(), moment == Moment::Before);
    }
}

#[tokio::test]
async fn lost_answers_change_nothing() {
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
    let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
    work(&table, ada).await.unwrap();
    assert_eq!(table.give_up_unless_done(&fence(bob)).await.unwrap(), Fate::Void);
    assert_eq!(lost.operations(), ["TransactWriteItems", "UpdateItem"]);
    assert_eq!(table.give_up_unless_done(&fence(ada)).await.unwrap(), Fate::Done);
    assert_eq!((done(&table, ada).await, done(&table, bob).await), (1, 0));
}
