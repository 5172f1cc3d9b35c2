//! The function on the schedule's real event.
#![expect(clippy::unwrap_used, reason = "tests")]

use billing::{Granted, Rules, start_trial};
use lambda_host::{Context, Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Ids, OrgId, SignedDuration};
use serde_json::{Value, json};
use table::Cause;
use test_support::{Crashes, Database, Moment, Services, noon};

fn sample() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/cron-trial-expiry/hourly.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn the_hourly_run_announces_what_is_due_and_a_second_one_nothing() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let cause = Cause::system("test", "test");
    let org_id: OrgId = Ids::unguessable();
    table.commit(&cause, start_trial(org_id, noon(), Granted::whole(&Rules::default()))).await.unwrap();
    let services = Services::start().await;
    let environment = Environment::new(services.environment(&database));
    let host = Host::with(environment, clock.clone(), Ids::random(clock.clone()), None).unwrap();
    let function = cron_trial_expiry::function(&host).await.unwrap();
    host.connected().await;
    let run = async || function.invoke(LambdaEvent::new(sample(), Context::default())).await.unwrap();

    clock.advance(SignedDuration::from_hours(24 * 7 - 1));
    assert_eq!(run().await["given"], 0);
    clock.advance(SignedDuration::from_hours(1));
    let expected = json!({"given": 1, "skipped": 0, "failed": 0, "complete": true});
    assert_eq!(run().await, expected);
    assert_eq!(run().await["given"], 0);
    clock.advance(SignedDuration::from_hours(24 * 8));
    assert_eq!(run().await, expected);

    let events = database.events().await;
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["trial.started", "trial.ending", "trial.ended"]);
    assert_eq!(events[1].data["days_left"], 7);
    assert!(matches!(&events[1].actor, events::ActorRef::System(name) if name == "cron-trial-expiry"));
}

/// Three trials of which two are due, run by a function that can be made to crash.
async fn two_trials_are_due() -> (Database, Services, Crashes, Function) {
    let (database, services, crashes) =
        (Database::start().await, Services::start().await, Crashes::default());
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let cause = Cause::system("test", "test");
    for hour in 0..3_u128 {
        // Fixed ids, so that the runs are alike.
        let org_id = OrgId::from_uuid(uuid::Uuid::from_u128(hour + 1));
        table
            .commit(&cause, start_trial(org_id, clock.now(), Granted::whole(&Rules::default())))
            .await
            .unwrap();
        clock.advance(SignedDuration::from_hours(1));
    }
    clock.advance(SignedDuration::from_hours(24 * 7 - 2));
    database.settle();
    let environment = Environment::new(services.environment(&database));
    let ids = Ids::random(clock.clone());
    let host = Host::with(environment, clock, ids, Some(crashes.http_client())).unwrap();
    let function = cron_trial_expiry::function(&host).await.unwrap();
    host.connected().await;
    (database, services, crashes, function)
}

async fn notices(database: &Database) -> Vec<(Option<OrgId>, Value)> {
    let events = database.events().await.into_iter().filter(|event| event.kind == "trial.ending");
    let mut notices: Vec<_> = events.map(|event| (event.org_id, event.data)).collect();
    notices.sort_by_key(|(org_id, _)| *org_id);
    notices
}

#[tokio::test]
async fn a_crash_at_any_call_is_made_good_by_the_next_run() {
    let run = |function: &Function| {
        let function = function.clone();
        async move { function.invoke(LambdaEvent::new(sample(), Context::default())).await.unwrap() }
    };
    let (database, _services, crashes, function) = two_trials_are_due().await;
    let (answer, calls) = crashes.count(run(&function)).await;
    assert_eq!(answer["given"], 2);
    let expected = notices(&database).await;
    assert_eq!(expected.len(), 2);
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let (database, _services, crashes, function) = two_trials_are_due().await;
            assert!(crashes.run(call, moment, run(&function)).await.is_none(), "call {call} of {calls}");
            run(&function).await;
            assert_eq!(notices(&database).await, expected, "{moment:?} call {call}");
        }
    }
}
