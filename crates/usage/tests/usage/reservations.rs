//! What is set aside is never more than there is, and ends once.

use access::{Permit, needs::WriteUsage};
use futures::future::join_all;
use primitives::{Clock, Fault, FaultKind, Ids, SignedDuration};
use serde_json::json;
use table::{Keep, Table};
use test_support::{Crashes, Database, Moment, noon};
use usage::{Reservation, UsageError, release, reserve, settle};

use crate::{SMALL, cause, counted, event, recount, report, summed, writer};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn hold(table: &Table, permit: &Permit<WriteUsage>, amount: u64) -> Result<Reservation, UsageError> {
    loop {
        let held = reserve(table, &cause(), &Keep::nothing(), permit, ("ai_tokens", amount, MINUTE)).await;
        match held {
            // as a caller does who is asked to come back
            Err(error) if error.kind() == FaultKind::Unavailable => {}
            held => return held,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_at_the_edge_as_many_get_one_as_there_is_room_for() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let permit = writer(Ids::unguessable(), &SMALL);
    let before = [event("before", "ai_tokens", noon(), &json!(37))];
    assert_eq!(summed(&report(&table, &permit, &before).await), (1, 0, 0));
    let outcomes = join_all((0..200).map(|_| hold(&table, &permit, 3))).await;
    let held: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(held.len(), 21, "21 × 3 = 63 = 100 - 37");
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(refused, UsageError::QuotaExceeded { .. }), "{refused:?}");
    }
    // some settle, some release, the others are left until their time is over
    for (number, one) in held.iter().enumerate() {
        match number % 3 {
            0 => drop(settle(&table, &cause(), &permit, (one.reservation_id, 1)).await.unwrap()),
            1 => drop(release(&table, &cause(), &permit, one.reservation_id).await.unwrap()),
            _ => {}
        }
    }
    assert_eq!(counted(&database, "sum.ai_tokens").await, 37 + 7);
    clock.advance(MINUTE);
    let late = settle(&table, &cause(), &permit, (held[2].reservation_id, 1)).await;
    assert!(matches!(late, Err(UsageError::Expired)), "{late:?}");
    // all that is left, at once, though no purse has so much
    let rest = hold(&table, &permit, 100 - 44).await.unwrap();
    assert!(matches!(hold(&table, &permit, 1).await, Err(UsageError::QuotaExceeded { free: 0, .. })));
    settle(&table, &cause(), &permit, (rest.reservation_id, 56)).await.unwrap();
    assert_eq!(counted(&database, "used").await, 100);
    assert_eq!(counted(&database, "free").await, 0);
    assert_eq!(recount(&database).await.differences, []);
}

#[tokio::test]
async fn an_end_is_an_end() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let permit = writer(Ids::unguessable(), &SMALL);
    let one = hold(&table, &permit, 10).await.unwrap();
    let id = one.reservation_id;
    let other = writer(Ids::unguessable(), &SMALL);
    assert!(matches!(settle(&table, &cause(), &other, (id, 1)).await, Err(UsageError::NotFound)));
    assert!(matches!(release(&table, &cause(), &other, id).await, Err(UsageError::NotFound)));
    let more = settle(&table, &cause(), &permit, (id, 11)).await;
    assert!(matches!(more, Err(UsageError::MoreThanReserved { reserved: 10 })), "{more:?}");
    let by = cause();
    let settled = join_all((0..20).map(|_| settle(&table, &by, &permit, (id, 4)))).await;
    assert!(settled.iter().all(Result::is_ok), "{settled:?}");
    assert_eq!(counted(&database, "sum.ai_tokens").await, 4);
    assert!(matches!(settle(&table, &cause(), &permit, (id, 5)).await, Err(UsageError::Closed)));
    assert!(matches!(release(&table, &cause(), &permit, id).await, Err(UsageError::Closed)));
    let two = hold(&table, &permit, 10).await.unwrap().reservation_id;
    for _ in 0..2 {
        release(&table, &cause(), &permit, two).await.unwrap();
    }
    assert!(matches!(settle(&table, &cause(), &permit, (two, 1)).await, Err(UsageError::Closed)));
    let unknown = reserve(&table, &cause(), &Keep::nothing(), &permit, ("storage", 1, MINUTE)).await;
    assert!(matches!(unknown, Err(UsageError::UnknownMeter)), "a maximum has no quota");
    assert_eq!(counted(&database, "used").await, 4);
    let told = database.events().await;
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_settled_and_released_at_once_ends_in_one_way() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let permit = writer(Ids::unguessable(), &SMALL);
    for _ in 0..10 {
        let id = hold(&table, &permit, 2).await.unwrap().reservation_id;
        let (cause, before) = (cause(), counted(&database, "used").await);
        let (settled, released) =
            tokio::join!(settle(&table, &cause, &permit, (id, 2)), release(&table, &cause, &permit, id));
        assert_ne!(settled.is_ok(), released.is_ok(), "{settled:?} {released:?}");
        let used = counted(&database, "used").await - before;
        assert_eq!(used, if settled.is_ok() { 2 } else { 0 });
    }
}

#[tokio::test]
async fn a_life_may_die_at_any_call() {
    let clock = &Clock::fixed(noon());
    let permit = &writer(Ids::unguessable(), &SMALL);
    let world = async || {
        let database = Database::start().await;
        let crashes = Crashes::default();
        let table = database.table_over(clock, crashes.http_client());
        (database, crashes, table)
    };
    let life = async |table: &Table| {
        let id = hold(table, permit, 100).await?.reservation_id;
        settle(table, &cause(), permit, (id, 85)).await
    };
    let (_database, crashes, table) = world().await;
    let (lived, calls) = crashes.count(life(&table)).await;
    lived.unwrap();
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let (database, crashes, table) = world().await;
            crashes.run(call, moment, life(&table)).await;
            clock.advance(MINUTE);
            // whatever became of it: used or free, and nothing between
            let used = counted(&database, "used").await;
            assert!(used == 0 || used == 85, "{call} {moment:?}: {used}");
            let rest = hold(&table, permit, 100 - used).await.unwrap().reservation_id;
            settle(&table, &cause(), permit, (rest, 100 - used)).await.unwrap();
            assert_eq!(counted(&database, "sum.ai_tokens").await, 100, "{call} {moment:?}");
            assert_eq!(recount(&database).await.differences, []);
        }
    }
}
