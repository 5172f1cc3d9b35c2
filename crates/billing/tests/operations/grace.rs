//! Reminders while payments fail, against a real engine.

use billing::{NoticeRun, Received, give_due_notices};
use futures::future::join_all;
use primitives::SignedDuration;
use test_support::Crashes;

use crate::support::{DAY, World, cause};

/// The trial is over, and this organization's payments have failed since this day.
async fn failing_since(world: &World, day: i64) {
    for (id, second, status) in [("evt_1", 0, "active"), ("evt_2", day * DAY, "past_due")] {
        let change = if id == "evt_1" { "created" } else { "updated" };
        let event = world.subscription_event(id, change, second, status);
        world.clock.advance(SignedDuration::from_secs(if id == "evt_2" { day * DAY } else { 0 }));
        assert_eq!(world.receive(&event).await, Received::Applied);
    }
}

impl World {
    async fn day(&self) -> Vec<NoticeRun> {
        self.clock.advance(SignedDuration::from_secs(DAY));
        self.database.settle();
        let runs = (0..3).map(|_| async { give_due_notices(&self.table, &cause()).await.unwrap() });
        join_all(runs).await
    }

    /// How many days were left, of each reminder; and that they come in this order.
    async fn reminders(&self) -> Vec<u64> {
        let mut events = self.database.events().await;
        events.retain(|event| event.kind == "grace.ending");
        events.sort_by_key(|event| event.sequence);
        assert!(events.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
        events.iter().map(|event| event.data["days_left"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn whoever_does_not_pay_is_reminded_on_four_days_whatever_runs_at_once() {
    let world = World::new().await;
    failing_since(&world, 20).await;
    let mut days = Vec::new();
    for day in 1..30 {
        let given: usize = world.day().await.iter().map(|run| run.given).sum();
        days.extend(std::iter::repeat_n(day, given));
    }
    assert_eq!(days, [3, 7, 14, 20]);
    assert_eq!(world.reminders().await, [18, 14, 7, 1]);
}

#[tokio::test]
async fn who_paid_is_reminded_of_nothing_and_anew_when_it_fails_again() {
    let world = World::new().await;
    failing_since(&world, 20).await;
    for _ in 0..5 {
        world.day().await;
    }
    let paid = world.subscription_event("evt_3", "updated", 25 * DAY, "active");
    assert_eq!(world.receive(&paid).await, Received::Applied);
    for _ in 0..20 {
        world.day().await;
    }
    assert_eq!(world.reminders().await, [18]);
    let again = world.subscription_event("evt_4", "updated", 45 * DAY, "past_due");
    assert_eq!(world.receive(&again).await, Received::Applied);
    for _ in 0..8 {
        world.day().await;
    }
    assert_eq!(world.reminders().await, [18, 18, 14]);
    let ended = world.subscription_event("evt_5", "deleted", 53 * DAY, "canceled");
    assert_eq!(world.receive(&ended).await, Received::Applied);
    for _ in 0..8 {
        world.day().await;
    }
    assert_eq!(world.reminders().await, [18, 18, 14], "nobody can pay for what has ended");
}

#[tokio::test]
async fn nobody_is_reminded_while_the_trial_still_goes_on() {
    let world = World::new().await;
    failing_since(&world, 5).await;
    for _ in 5..13 {
        world.day().await;
    }
    assert_eq!(world.reminders().await, [0_u64; 0]);
    for _ in 13..30 {
        world.day().await;
    }
    assert_eq!(world.reminders().await, [7, 1]);
}

#[tokio::test]
async fn a_run_may_die_at_any_call() {
    let due = async |crashes: &Crashes| {
        let world = World::with_crashes(crashes).await;
        failing_since(&world, 20).await;
        world.clock.advance(SignedDuration::from_secs(3 * DAY));
        world.database.settle();
        world
    };
    let crashes = Crashes::default();
    let world = due(&crashes).await;
    let (run, _) = crashes.count(give_due_notices(&world.table, &cause())).await;
    assert_eq!(run.unwrap().given, 1);
    for (call, moment) in crashes.deaths() {
        let crashes = Crashes::default();
        let world = due(&crashes).await;
        let died = crashes.run(call, moment, give_due_notices(&world.table, &cause())).await;
        assert!(died.is_none(), "{moment:?} call {call}");
        world.database.settle();
        give_due_notices(&world.table, &cause()).await.unwrap();
        assert_eq!(world.reminders().await, [18], "{moment:?} call {call}");
    }
}
