//! Purses: what is free, held and used is always what was put in, whoever reserves, settles, dies or is late.

use std::collections::BTreeMap;

use futures::future::join_all;
use primitives::{Clock, Ids, SignedDuration};
use proptest::{prelude::*, test_runner::TestRunner};
use table::{Balance, Consistency, Hold, Purse, Reserved, Settled, Table};
use test_support::{Crashes, Database, LostAnswers, Moment, kinds::Amount, noon};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn purse() -> Purse {
    Purse::new(Amount::key(Ids::unguessable()))
}

async fn balance(table: &Table, purse: &Purse) -> Balance {
    table.get(purse.key(), Consistency::Strong).await.unwrap().unwrap()
}

/// Free, held, used: together what was put in.
async fn amounts(table: &Table, purse: &Purse) -> (u64, u64, u64) {
    let balance = balance(table, purse).await;
    (u64::try_from(balance.free).unwrap(), balance.held(), balance.used)
}

async fn reserve(table: &Table, purse: &Purse, id: &str, amount: u64) -> Reserved {
    table.reserve(purse, id, amount, table.clock().now() + MINUTE).await.unwrap()
}

async fn hold(table: &Table, purse: &Purse, id: &str, amount: u64) -> Hold {
    match reserve(table, purse, id, amount).await {
        Reserved::Held(hold) => hold,
        refused @ Reserved::Refused { .. } => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn what_is_held_is_not_free_and_what_was_not_used_is_again() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let (table, purse) = (database.table(&clock), purse());
    assert_eq!(reserve(&table, &purse, "a", 1).await, Reserved::Refused { free: 0 }, "nobody filled it");
    for amount in [100, 1] {
        table.fill(&purse, amount).await.unwrap();
    }
    assert_eq!(amounts(&table, &purse).await, (100, 0, 0), "it is filled once");
    let a = hold(&table, &purse, "a", 60).await;
    assert_eq!(hold(&table, &purse, "a", 60).await, a, "the same again");
    assert_eq!(reserve(&table, &purse, "b", 41).await, Reserved::Refused { free: 40 });
    let b = hold(&table, &purse, "b", 40).await;
    for _ in 0..2 {
        assert_eq!(table.settle(&purse, &a, 25).await.unwrap(), Settled::InTime);
    }
    assert_eq!(amounts(&table, &purse).await, (35, 40, 25));
    assert_eq!(table.settle(&purse, &b, 0).await.unwrap(), Settled::InTime);
    assert_eq!(amounts(&table, &purse).await, (75, 0, 25));
    let c = hold(&table, &purse, "c", 75).await;
    assert_eq!(table.settle(&purse, &c, 1000).await.unwrap(), Settled::InTime, "no more than was held");
    assert_eq!(amounts(&table, &purse).await, (0, 0, 100));
}

#[tokio::test]
async fn what_nobody_settles_is_given_back_to_whoever_needs_it_and_a_late_settle_is_told_so() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon() + SignedDuration::from_millis(700));
    let (table, purse) = (database.table(&clock), purse());
    table.fill(&purse, 100).await.unwrap();
    let late = hold(&table, &purse, "late", 80).await;
    clock.advance(MINUTE - SignedDuration::from_secs(1));
    assert_eq!(reserve(&table, &purse, "b", 30).await, Reserved::Refused { free: 20 });
    clock.advance(SignedDuration::from_millis(300));
    let b = hold(&table, &purse, "b", 30).await;
    assert_eq!(amounts(&table, &purse).await, (70, 30, 0));
    assert_eq!(table.settle(&purse, &late, 80).await.unwrap(), Settled::TooLate);
    assert_eq!(table.settle(&purse, &b, 30).await.unwrap(), Settled::InTime);
    // nobody needed what it held: it is settled, though its time is over
    let slow = hold(&table, &purse, "slow", 10).await;
    clock.advance(MINUTE);
    assert_eq!(table.settle(&purse, &slow, 10).await.unwrap(), Settled::InTime);
    assert_eq!(amounts(&table, &purse).await, (60, 0, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_who_reserve_at_once_as_many_get_it_as_there_is_for() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let (table, purse) = (database.table(&clock), purse());
    table.fill(&purse, 100).await.unwrap();
    let names: Vec<_> = (0..100).map(|name| name.to_string()).collect();
    // each twice, as after an answer that was lost
    let twice = names.iter().chain(&names);
    let outcomes = join_all(twice.map(|name| reserve(&table, &purse, name, 7))).await;
    let held: BTreeMap<_, _> = names.iter().chain(&names).zip(outcomes).collect();
    let held: Vec<_> = held
        .into_values()
        .filter_map(|outcome| if let Reserved::Held(hold) = outcome { Some(hold) } else { None })
        .collect();
    assert!(held.len() <= 14);
    assert_eq!(amounts(&table, &purse).await, (2, 98, 0));
    let settled = held.iter().chain(&held).map(|hold| table.settle(&purse, hold, 5));
    assert!(join_all(settled).await.into_iter().all(|settled| settled.unwrap() == Settled::InTime));
    let (free, still_held, used) = amounts(&table, &purse).await;
    assert_eq!((free + still_held + used, used), (100, 5 * u64::try_from(held.len()).unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_so_many_holds_however_much_is_free() {
    let database = Database::start().await;
    let (table, purse) = (database.table(&Clock::fixed(noon())), purse());
    table.fill(&purse, 1000).await.unwrap();
    let names: Vec<_> = (0..80).map(|name| name.to_string()).collect();
    let outcomes = join_all(names.iter().map(|name| reserve(&table, &purse, name, 1))).await;
    let held = outcomes.iter().filter(|outcome| matches!(outcome, Reserved::Held(_))).count();
    assert_eq!((held, amounts(&table, &purse).await), (50, (950, 50, 0)));
}

#[tokio::test]
async fn a_crash_or_a_lost_answer_at_any_call_leaves_the_sum_and_a_repetition_counts_once() {
    let life = async |table: &Table, purse: &Purse| {
        table.fill(purse, 100).await.unwrap();
        let first = hold(table, purse, "first", 60).await;
        table.settle(purse, &first, 50).await.unwrap();
    };
    for call in 0..3 {
        for moment in [Moment::Before, Moment::After] {
            let (database, crashes) = (Database::start().await, Crashes::default());
            let clock = Clock::fixed(noon());
            let (table, purse) = (database.table_over(&clock, crashes.http_client()), purse());
            assert!(crashes.run(call, moment, Box::pin(life(&table, &purse))).await.is_none());
            if call > 0 {
                let (free, held, used) = amounts(&table, &purse).await;
                assert_eq!(free + held + used, 100, "{call} {moment:?}");
            }
            if (call, moment) != (2, Moment::After) {
                life(&table, &purse).await;
            }
            assert_eq!(amounts(&table, &purse).await, (50, 0, 50), "{call} {moment:?}");
        }
    }
    let (database, lost) = (Database::start().await, LostAnswers::default());
    let (table, purse) = (database.table_over(&Clock::fixed(noon()), lost.http_client()), purse());
    life(&table, &purse).await;
    assert_eq!((lost.operations().len(), amounts(&table, &purse).await), (1, (50, 0, 50)));
    for (used, expected) in [(5, (45, 0, 55)), (3, (42, 0, 58))] {
        let lost = LostAnswers::default();
        let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
        let again = hold(&table, &purse, "again", 10).await;
        let lost = LostAnswers::default();
        let table = database.table_over(&Clock::fixed(noon()), lost.http_client());
        assert_eq!(table.settle(&purse, &again, used).await.unwrap(), Settled::InTime);
        assert_eq!(amounts(&table, &purse).await, expected);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve { id: u8, amount: u64 },
    Settle { id: u8, used: u64 },
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..12_u8, 0..50_u64).prop_map(|(id, amount)| Step::Reserve { id, amount }),
        4 => (0..12_u8, 0..60_u64).prop_map(|(id, used)| Step::Settle { id, used }),
        1 => (1..90_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 20..80)
}

async fn hold_the_sum(steps: Vec<Step>) {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let (table, purse) = (database.table(&clock), purse());
    table.fill(&purse, 100).await.unwrap();
    let mut holds = BTreeMap::new();
    let mut used_in_all = 0;
    for step in steps {
        let before = balance(&table, &purse).await;
        match step {
            Step::Reserve { id, amount } => {
                if let Reserved::Held(hold) = reserve(&table, &purse, &id.to_string(), amount).await {
                    holds.insert(id, (hold, amount, false));
                }
            }
            Step::Settle { id, used } => {
                let Some((hold, _, settled)) = holds.get_mut(&id) else { continue };
                let outcome = table.settle(&purse, hold, used).await.unwrap();
                let after = balance(&table, &purse).await;
                let taken = after.used - before.used;
                assert!(taken <= used && (taken == 0 || (!*settled && outcome == Settled::InTime)));
                *settled |= outcome == Settled::InTime;
                used_in_all += taken;
            }
            Step::Wait(seconds) => {
                clock.advance(SignedDuration::from_secs(seconds));
            }
        }
        let (free, held, used) = amounts(&table, &purse).await;
        assert_eq!((free + held + used, used), (100, used_in_all));
    }
}

#[test]
fn free_held_and_used_are_together_what_was_put_in() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    let held = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(hold_the_sum(steps));
        Ok(())
    });
    held.unwrap();
}
