//! Trials against a real engine: the schedule that gives notices, and what members see.

use crate::support::{DAY, World, cause};
use access::{AccessError, AccessLevel, Actor, Permit, Role, needs::ReadBilling};
use billing::{BillingError, NoticeRun, Rules, give_due_notices, overview};
use futures::future::join_all;
use primitives::{Fault, FaultKind, Ids, OrgId, SignedDuration};

fn reader(org_id: OrgId, role: Role) -> Result<Permit<ReadBilling>, AccessError> {
    let actor = Actor {
        org_id,
        member_id: Ids::unguessable(),
        user_id: Ids::unguessable(),
        role,
        level: AccessLevel::Full,
        level_until: None,
        plan: access::Plan::of_trial(),
        requires_factor: false,
        lacks_factor: false,
        lacks_sso: false,
        is_suspended: false,
    };
    actor.permit()
}

impl World {
    fn wait(&self, days: i64) {
        self.database.settle();
        self.clock.advance(SignedDuration::from_secs(days * DAY));
    }

    async fn run(&self) -> NoticeRun {
        give_due_notices(&self.table, &cause()).await.unwrap()
    }

    async fn notices(&self) -> Vec<(OrgId, String, u64)> {
        let events = self.database.events().await;
        events
            .into_iter()
            .filter(|event| event.kind.starts_with("trial.") && event.kind != "trial.started")
            .map(|event| {
                let days = event.data["days_left"].as_u64().unwrap_or_default();
                (event.org_id.unwrap(), event.kind, days)
            })
            .collect()
    }
}

#[tokio::test]
async fn notices_are_given_on_time_and_once() {
    let world = World::new().await;
    for day in 0..16 {
        for _ in 0..2 {
            world.run().await;
        }
        if day < 15 {
            world.wait(1);
        }
    }
    let given: Vec<_> = world.notices().await.into_iter().map(|(_, kind, days)| (kind, days)).collect();
    let ending = || "trial.ending".to_owned();
    assert_eq!(given, [(ending(), 7), (ending(), 3), (ending(), 1), ("trial.ended".to_owned(), 0)]);
}

#[tokio::test]
async fn a_late_run_skips_what_is_stale() {
    let world = World::new().await;
    world.wait(15);
    assert_eq!(world.run().await, NoticeRun { given: 1, skipped: 0, failed: 0, complete: true });
    assert_eq!(world.notices().await, [(world.org_id, "trial.ended".to_owned(), 0)]);
    let nothing = NoticeRun { complete: true, ..NoticeRun::default() };
    assert_eq!(world.run().await, NoticeRun { skipped: 1, ..nothing }, "the index still has it");
    world.database.settle();
    assert_eq!(world.run().await, nothing);
}

#[tokio::test]
async fn many_trials_are_paged_through_and_runs_at_the_same_time_share_the_work() {
    let world = World::new().await;
    for _ in 0..204 {
        world.open_account(Ids::unguessable()).await;
    }
    world.wait(8);
    let runs = join_all((0..2).map(|_| world.run())).await;
    assert!(runs.iter().all(|run| run.complete && run.failed == 0), "{runs:?}");
    assert_eq!(runs.iter().map(|run| run.given).sum::<usize>(), 205);
    let mut notices = world.notices().await;
    notices.sort();
    notices.dedup();
    assert_eq!(notices.len(), 205);
    assert!(notices.iter().all(|(_, kind, days)| kind == "trial.ending" && *days == 7));
}

#[tokio::test]
async fn a_trial_that_led_to_a_subscription_is_left_alone() {
    let world = World::new().await;
    world.receive(&world.subscription_event("evt_1", "created", 0, "active")).await;
    world.wait(15);
    assert_eq!(world.run().await, NoticeRun { complete: true, ..NoticeRun::default() });
    assert!(world.notices().await.is_empty());
}

#[tokio::test]
async fn an_account_that_cannot_be_read_does_not_keep_the_others_from_their_notices() {
    let world = World::new().await;
    let broken: OrgId = "org_00000000000000000000000000".parse().unwrap();
    world.open_account(broken).await;
    let key = billing::keys::Subscription::key(access::Tenant::trusted(broken));
    world
        .database
        .client
        .update_item()
        .table_name(test_support::TABLE_NAME)
        .key("pk", aws_sdk_dynamodb::types::AttributeValue::S(key.pk()))
        .key("sk", aws_sdk_dynamodb::types::AttributeValue::S(key.sk()))
        .update_expression("REMOVE trial")
        .send()
        .await
        .unwrap();
    world.wait(8);
    assert_eq!(world.run().await, NoticeRun { given: 1, skipped: 0, failed: 1, complete: true });
    assert_eq!(world.notices().await[0].0, world.org_id);
}

#[tokio::test]
async fn without_time_left_nothing_is_begun() {
    let world = World::new().await;
    world.wait(8);
    let deadline = tokio::time::Instant::now();
    let run = table::within_deadline(deadline, world.run()).await;
    assert_eq!(run, NoticeRun::default());
    assert_eq!(world.run().await.given, 1);
}

#[tokio::test]
async fn owners_see_the_trial_and_what_it_gives() {
    let world = World::new().await;
    let owner = reader(world.org_id, Role::Owner).unwrap();
    overview(&world.table, &Rules::default(), &owner).await.unwrap();
    world.database.settle();
    world.table.usage().take();
    let seen = overview(&world.table, &Rules::default(), &owner).await.unwrap();
    let calls = world.table.usage().take();
    assert_eq!((calls.len(), calls[0].units <= 0.5), (1, true), "{calls:?}");
    assert_eq!(seen.access.level, AccessLevel::Full);
    assert_eq!(seen.access.until, Some(seen.account.trial.ends_at));

    world.wait(14);
    let seen = overview(&world.table, &Rules::default(), &owner).await.unwrap();
    assert_eq!(seen.access.level, AccessLevel::ReadOnly, "judged by the clock, without any schedule");
}

#[tokio::test]
async fn members_and_strangers_see_nothing() {
    let world = World::new().await;
    for role in [Role::Member, Role::Viewer] {
        assert_eq!(reader(world.org_id, role).unwrap_err().kind(), FaultKind::Forbidden);
    }
    let stranger = reader(Ids::unguessable(), Role::Owner).unwrap();
    let missing = overview(&world.table, &Rules::default(), &stranger).await;
    assert!(matches!(missing, Err(BillingError::NoAccount)));
}
