//! Each event is counted once, whoever repeats it, and wherever whoever counts it stops.

use futures::future::join_all;
use primitives::Clock;
use primitives::{Ids, OrgId, SignedDuration};
use serde_json::{Value, json};
use test_support::{Conflicts, Crashes, Database, LostAnswers, Moment, noon};
use usage::Outcome;

use crate::{SMALL, counted, event, recount, report, summed, writer};

fn calls(numbers: std::ops::Range<u32>) -> Vec<Value> {
    numbers.map(|number| event(number, "api_calls", noon(), &json!(null))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once_through_throttles_and_lost_answers_are_a_thousand() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let org_id: OrgId = Ids::unguessable();
    let (conflicts, lost) = (Conflicts::of(20, 7), LostAnswers::default());
    let [crowded, cut] =
        [conflicts.http_client(), lost.http_client()].map(|http| database.table_over(&clock, http));
    let permit = writer(org_id, access::Plan::of_trial());
    let batches: Vec<_> = (0..250).map(|batch| calls(batch * 4..batch * 4 + 4)).collect();
    let outcomes = join_all(batches.iter().enumerate().map(|(number, batch)| {
        let table = if number % 5 == 0 { &cut } else { &crowded };
        report(table, &permit, batch)
    }))
    .await
    .concat();
    // an attempt whose answer was lost may find that it was the one that counted
    let (accepted, duplicate, refused) = summed(&outcomes);
    assert_eq!((accepted + duplicate, refused), (1000, 0));
    assert!(duplicate <= 8, "{duplicate}");
    assert!(conflicts.count() > 0 && !lost.operations().is_empty(), "no fault was met");
    assert_eq!(counted(&database, "count.api_calls").await, 1000);
    assert_eq!(database.count("usage_event").await, 1000);
    let recount = recount(&database).await;
    assert_eq!((recount.events, &recount.differences), (1000, &vec![]), "{recount:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deliveries_of_one_event_at_once_have_one_effect() {
    for (meter, count) in [("ai_tokens", "sum.ai_tokens"), ("edge_requests", "")] {
        let database = Database::start().await;
        let table = database.table(&Clock::fixed(noon()));
        let permit = writer(Ids::unguessable(), &SMALL);
        let one = [event("one", meter, noon(), &json!(7))];
        let outcomes = join_all((0..50).map(|_| report(&table, &permit, &one))).await.concat();
        assert_eq!(summed(&outcomes), (1, 49, 0), "{meter}");
        if !count.is_empty() {
            assert_eq!(counted(&database, count).await, 7);
        }
        let recount = recount(&database).await;
        assert_eq!((recount.events, recount.differences), (1, vec![]));
    }
}

#[tokio::test]
async fn what_is_known_again_and_what_is_not() {
    let database = Database::start().await;
    let clock = Clock::fixed(noon());
    let table = database.table(&clock);
    let permit = writer(Ids::unguessable(), access::Plan::of_trial());
    let again = |event: Value| {
        let (table, permit) = (&table, &permit);
        async move { report(table, permit, &[event]).await.remove(0) }
    };
    let strict = |time| event("a", "ai_tokens", time, &json!(5));
    assert_eq!(again(strict(noon())).await, Outcome::Accepted);
    let earlier = noon() - SignedDuration::from_hours(2);
    assert_eq!(again(strict(earlier)).await, Outcome::Duplicate, "source and id, whenever");
    // of a packed meter the time belongs to what it is known by
    let packed = |time| event("a", "edge_requests", time, &json!(5));
    assert_eq!(again(packed(noon())).await, Outcome::Accepted);
    assert_eq!(again(packed(noon())).await, Outcome::Duplicate);
    assert_eq!(again(packed(earlier)).await, Outcome::Accepted);
    // twice in one request, and another organization's
    let both = [
        strict(noon()),
        event("b", "ai_tokens", noon(), &json!(1)),
        event("b", "ai_tokens", noon(), &json!(1)),
    ];
    let both = report(&table, &permit, &both).await;
    assert_eq!(both, [Outcome::Duplicate, Outcome::Accepted, Outcome::Duplicate]);
    let other = writer(Ids::unguessable(), access::Plan::of_trial());
    assert_eq!(report(&table, &other, &[strict(noon())]).await, [Outcome::Accepted]);
    // for 32 days at least, though an event of then comes too late without a new time
    clock.advance(SignedDuration::from_hours(24 * 32));
    assert_eq!(again(strict(clock.now())).await, Outcome::Duplicate);
    clock.advance(SignedDuration::from_hours(24 * 9));
    assert_eq!(again(strict(clock.now())).await, Outcome::Accepted);
}

#[tokio::test]
async fn a_hundred_events_are_few_transactions_however_they_lie() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let permit = writer(Ids::unguessable(), access::Plan::of_trial());
    let hour = |number: i64| noon() - SignedDuration::from_mins(29 * number);
    let together = calls(0..100);
    let apart: Vec<_> = (0..100)
        .map(|number| {
            event(
                format!("apart {number}"),
                "active_users",
                hour(number % 99),
                &json!(format!("user {number}")),
            )
        })
        .collect();
    let packed: Vec<_> = (0..100)
        .map(|number| event(number, "edge_requests", noon() - SignedDuration::from_secs(number), &json!(2)))
        .collect();
    for (events, most) in [(together, 4), (apart, 9), (packed, 4)] {
        table.usage().take();
        assert_eq!(summed(&report(&table, &permit, &events).await), (100, 0, 0));
        let calls = table.usage().take();
        assert!(calls.len() <= most, "{}: {calls:?}", calls.len());
        assert_eq!(summed(&report(&table, &permit, &events).await), (0, 100, 0), "all of them once");
    }
    let recount = recount(&database).await;
    assert_eq!((recount.events, &recount.differences), (300, &vec![]), "{recount:?}");
}

#[tokio::test]
async fn it_may_die_at_any_call() {
    let events = [
        event("calls", "api_calls", noon(), &json!(null)),
        event("tokens", "ai_tokens", noon(), &json!(90)),
        event("storage", "storage", noon(), &json!(12)),
        event("projects", "projects", noon() - SignedDuration::from_hours(3), &json!(4)),
        event("users", "active_users", noon(), &json!("ada")),
        event("edge", "edge_requests", noon(), &json!(3)),
    ];
    let events = &events;
    let permit = &writer(Ids::unguessable(), &SMALL);
    let clock = Clock::fixed(noon());
    let world = async || {
        let database = Database::start().await;
        let crashes = Crashes::default();
        let table = database.table_over(&clock, crashes.http_client());
        (database, crashes, table)
    };
    let (_database, crashes, table) = world().await;
    let (_, calls) = crashes.count(report(&table, permit, events)).await;
    assert!(calls >= 2, "{calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let (database, crashes, table) = world().await;
            crashes.run(call, moment, report(&table, permit, events)).await;
            let (accepted, duplicate, refused) = summed(&report(&table, permit, events).await);
            assert_eq!((accepted + duplicate, refused), (6, 0), "{call} {moment:?}");
            let recount = recount(&database).await;
            assert_eq!((recount.events, &recount.differences), (6, &vec![]), "{call} {moment:?}");
            for (what, sum) in
                [("count.api_calls", 1), ("sum.ai_tokens", 90), ("count.storage", 1), ("used", 91)]
            {
                assert_eq!(counted(&database, what).await, sum, "{call} {moment:?} {what}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_quota_is_not_passed_and_a_soft_one_is_told_of() {
    let database = Database::start().await;
    let table = database.table(&Clock::fixed(noon()));
    let permit = writer(Ids::unguessable(), &SMALL);
    let tokens: Vec<_> =
        (0..200).map(|number| [event(format!("t{number}"), "ai_tokens", noon(), &json!(1))]).collect();
    let outcomes = join_all(tokens.iter().map(|one| report(&table, &permit, one))).await.concat();
    assert_eq!(summed(&outcomes), (100, 0, 100));
    let refused = outcomes.iter().find_map(|one| match one {
        Outcome::Refused(refusal) => Some(refusal.code),
        _ => None,
    });
    assert_eq!(refused, Some("quota_exceeded"));
    assert_eq!(counted(&database, "sum.ai_tokens").await, 100);
    for batch in 0..3 {
        assert_eq!(summed(&report(&table, &permit, &calls(batch * 50..batch * 50 + 50)).await).0, 50);
    }
    assert_eq!(counted(&database, "count.api_calls").await, 150);
    let told: Vec<_> = database.events().await.into_iter().map(|event| (event.kind, event.data)).collect();
    let of = |kind: &str, meter: &str| {
        let matching = told.iter().filter(|(told, data)| told == kind && data["meter"] == meter);
        let mut told: Vec<_> =
            matching.map(|(_, data)| data["percent"].as_u64().unwrap_or_default()).collect();
        // of one moment, in any order
        told.sort_unstable();
        told
    };
    assert_eq!(of("usage.threshold_reached", "api_calls"), [80, 100]);
    assert_eq!(of("quota.exceeded", "ai_tokens"), [0], "once a month");
    assert!(of("quota.exceeded", "api_calls").is_empty());
}
