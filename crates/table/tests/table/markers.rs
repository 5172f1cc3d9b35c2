//! Markers around work whose effect lies outside of the table.

use futures::future::join_all;
use primitives::{Clock, Ids, SignedDuration};
use table::{Claimed, Key, Marker, Table, keys::Consumed};
use test_support::{Database, noon};

const LEASE: SignedDuration = SignedDuration::from_secs(90);

async fn claimed(table: &Table, key: &Key) -> Marker {
    match table.claim(key, LEASE).await.unwrap() {
        Claimed::Mine(marker) => marker,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_fifty_callers_one_does_the_work_and_it_is_done_once() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let key = Consumed::key("mail", Ids::unguessable());
    let claims = join_all((0..50).map(|_| table.claim(&key, LEASE))).await;
    let mut mine: Vec<_> = claims
        .into_iter()
        .filter_map(|claim| match claim.unwrap() {
            Claimed::Mine(marker) => Some(marker),
            Claimed::InFlight { until } => {
                assert_eq!(until, noon() + LEASE);
                None
            }
            Claimed::Done => panic!("nobody has done it"),
        })
        .collect();
    assert_eq!(mine.len(), 1);
    table.finish(mine.remove(0)).await.unwrap();
    assert!(matches!(table.claim(&key, LEASE).await.unwrap(), Claimed::Done));
}

#[tokio::test]
async fn a_crashed_holder_is_followed_by_another_and_cannot_undo_its_word() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let key = Consumed::key("mail", Ids::unguessable());
    let crashed = claimed(&table, &key).await;
    clock.advance(LEASE);
    let second = claimed(&table, &key).await;
    table.finish(second).await.unwrap();
    table.give_up(crashed, []).await.unwrap();
    assert!(matches!(table.claim(&key, LEASE).await.unwrap(), Claimed::Done));
}

#[tokio::test]
async fn what_is_noted_outlives_its_holder() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let key = Consumed::key("mail", Ids::unguessable());
    let mut killed = claimed(&table, &key).await;
    assert!(table.note(&mut killed, ["a".to_owned()]).await.unwrap());
    assert!(table.note(&mut killed, ["b".to_owned(), "c".to_owned()]).await.unwrap());
    assert!(killed.steps_done().iter().eq(["a", "b", "c"]));
    clock.advance(LEASE);
    let next = claimed(&table, &key).await;
    assert!(next.steps_done().iter().eq(["a", "b", "c"]));
    // whoever was only slow learns that it must stop, and what it says changes nothing
    assert!(!table.note(&mut killed, ["d".to_owned()]).await.unwrap());
    table.finish(killed).await.unwrap();
    table.give_up(next, []).await.unwrap();
    assert!(claimed(&table, &key).await.steps_done().iter().eq(["a", "b", "c"]));
}

/// One write unit for each write and no read: a transaction of one item would cost two, and a read before it
/// another.
#[tokio::test]
async fn a_piece_of_work_costs_two_writes_and_one_for_each_note() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let mut marker = claimed(&table, &Consumed::key("mail", Ids::unguessable())).await;
    table.note(&mut marker, ["a".to_owned()]).await.unwrap();
    table.finish(marker).await.unwrap();
    let calls = table.usage().take();
    assert!(calls.iter().all(|call| call.operation == "UpdateItem"), "{calls:?}");
    assert_eq!(calls.iter().map(|call| call.units).collect::<Vec<_>>(), [1.0, 1.0, 1.0]);
}

#[tokio::test]
async fn who_gives_up_leaves_what_was_done_to_the_next() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let key = Consumed::key("push", Ids::unguessable());
    let marker = claimed(&table, &key).await;
    assert!(marker.steps_done().is_empty());
    table.give_up(marker, ["a".to_owned()]).await.unwrap();
    let marker = claimed(&table, &key).await;
    table.give_up(marker, ["b".to_owned()]).await.unwrap();
    let marker = claimed(&table, &key).await;
    assert!(marker.steps_done().iter().eq(["a", "b"]));
}
