//! Sums by hour, day and month say what the events say, however late they come.

use std::time::Duration;

use access::{Permit, needs::ReadUsage};
use primitives::{Ids, OrgId, SignedDuration, Timestamp};
use serde_json::json;
use table::{Store, Table};
use table::{StoreError, within_deadline};
use test_support::{Crashes, Database, Moment};
use tokio::time::Instant;
use usage::{RollupRun, api::Window, quotas, roll_up_due};

use crate::{SMALL, at, cause, event, member, plain, report, summed, writer};

async fn shown(table: &Table, org_id: OrgId, meter: &str, window: Window) -> Vec<(String, u64, bool)> {
    let reader: Permit<ReadUsage> = member(org_id, &SMALL).permit().unwrap();
    let report = usage::report(table, &reader, meter, (None, None), window).await.unwrap();
    report.rows.into_iter().map(|row| (row.starts_at.to_string(), row.value, row.exact)).collect()
}

/// A run as the function makes one, which has five minutes.
async fn roll_up(table: &Table) -> Result<RollupRun, StoreError> {
    let deadline = Instant::now() + Duration::from_mins(5);
    Box::pin(within_deadline(deadline, roll_up_due(table, &cause(), |_| async { Ok(None) }))).await
}

fn row(start: &str, value: u64) -> (String, u64, bool) {
    (format!("{start}:00.000Z"), value, true)
}

#[tokio::test]
async fn hours_days_and_months_say_what_the_events_say() {
    let database = Database::start().await;
    let clock = at("2026-12-01T01:30:00Z");
    let table = database.table(&clock);
    let org_id: OrgId = Ids::unguessable();
    let permit = writer(org_id, &SMALL);
    let when = |time: &str| -> Timestamp { time.parse().unwrap() };
    let sent = async |id: &str, meter: &str, time: &str, value| {
        assert_eq!(
            summed(&report(&table, &permit, &[event(id, meter, when(time), &value)]).await),
            (1, 0, 0)
        );
    };
    sent("1", "ai_tokens", "2026-11-30T22:10:00Z", json!(5)).await;
    sent("2", "ai_tokens", "2026-11-30T23:50:00Z", json!(7)).await;
    sent("3", "ai_tokens", "2026-12-01T00:10:00Z", json!(11)).await;
    for (number, (time, value)) in [("23:10", 30), ("22:59", 99), ("23:20", 20)].into_iter().enumerate() {
        sent(&format!("s{number}"), "storage", &format!("2026-11-30T{time}:00Z"), json!(value)).await;
        sent(&format!("p{number}"), "projects", &format!("2026-11-30T{time}:00Z"), json!(value)).await;
    }
    for (number, (time, user)) in
        [("22:10", "ada"), ("23:10", "ada"), ("23:20", "grace")].into_iter().enumerate()
    {
        sent(&format!("u{number}"), "active_users", &format!("2026-11-30T{time}:00Z"), json!(user)).await;
    }
    sent("e1", "edge_requests", "2026-11-30T22:10:00Z", json!(4)).await;
    sent("e2", "edge_requests", "2026-11-30T22:10:00Z", json!(6)).await;
    clock.advance(SignedDuration::from_mins(6));
    database.settle();
    let run = roll_up(&table).await.unwrap();
    assert_eq!((run.summed, run.closed, run.failed, run.complete), (3, 0, 0, true));
    database.settle();
    let hours = shown(&table, org_id, "ai_tokens", Window::Hour).await;
    assert_eq!(hours, [row("2026-11-30T22:00", 5), row("2026-11-30T23:00", 7), row("2026-12-01T00:00", 11)]);
    let days = shown(&table, org_id, "ai_tokens", Window::Day).await;
    assert_eq!(days, [row("2026-11-30T00:00", 12), row("2026-12-01T00:00", 11)]);
    let months = shown(&table, org_id, "ai_tokens", Window::Period).await;
    assert_eq!(months, [row("2026-11-01T00:00", 12), row("2026-12-01T00:00", 11)]);
    assert_eq!(shown(&table, org_id, "storage", Window::Day).await, [row("2026-11-30T00:00", 99)]);
    assert_eq!(shown(&table, org_id, "projects", Window::Period).await, [row("2026-11-01T00:00", 20)]);
    let users = shown(&table, org_id, "active_users", Window::Hour).await;
    assert_eq!(users, [row("2026-11-30T22:00", 1), row("2026-11-30T23:00", 2)]);
    assert_eq!(shown(&table, org_id, "active_users", Window::Period).await, [row("2026-11-01T00:00", 2)]);
    assert_eq!(shown(&table, org_id, "edge_requests", Window::Day).await, [row("2026-11-30T00:00", 10)]);

    // one comes late, after its hour was closed
    clock.advance(SignedDuration::from_hours(1));
    assert_eq!(roll_up(&table).await.unwrap().closed, 3);
    assert_eq!(database.count("usage_todo").await, 0);
    sent("4", "ai_tokens", "2026-11-30T22:20:00Z", json!(1)).await;
    sent("u9", "active_users", "2026-11-30T22:20:00Z", json!("lin")).await;
    clock.advance(SignedDuration::from_mins(6));
    database.settle();
    assert_eq!(roll_up(&table).await.unwrap().summed, 1);
    database.settle();
    assert_eq!(shown(&table, org_id, "ai_tokens", Window::Period).await[0], row("2026-11-01T00:00", 13));
    assert_eq!(shown(&table, org_id, "active_users", Window::Period).await, [row("2026-11-01T00:00", 3)]);

    let reader: Permit<ReadUsage> = member(org_id, &SMALL).permit().unwrap();
    let quotas = quotas(&table, &reader).await.unwrap();
    let left: Vec<_> =
        quotas.iter().map(|quota| (&*quota.meter, quota.used, quota.limit, quota.hard)).collect();
    assert_eq!(
        left,
        [("api_calls", 0, Some(100), false), ("ai_tokens", 11, Some(100), true)],
        "this month's"
    );
}

#[tokio::test]
async fn what_comes_while_an_hour_is_closed_is_not_lost() {
    let database = Database::start().await;
    let clock = at("2026-11-28T11:30:00Z");
    let table = database.table(&clock);
    let org_id: OrgId = Ids::unguessable();
    let permit = writer(org_id, &SMALL);
    let time: Timestamp = "2026-11-28T10:30:00Z".parse().unwrap();
    let one = async |id: u32| {
        assert_eq!(summed(&report(&table, &permit, &[event(id, "ai_tokens", time, &json!(1))]).await).0, 1);
    };
    for round in 0..6 {
        one(round).await;
        // now before it is summed up, now before it is closed, now after it was
        clock.advance(SignedDuration::from_mins([6, 6, 50, 120][usize::try_from(round).unwrap() % 4]));
        database.settle();
        assert!(roll_up(&table).await.unwrap().is_good());
    }
    for _ in 0..3 {
        clock.advance(SignedDuration::from_hours(1));
        database.settle();
        assert!(roll_up(&table).await.unwrap().is_good());
    }
    assert_eq!(database.count("usage_todo").await, 0);
    database.settle();
    assert_eq!(shown(&table, org_id, "ai_tokens", Window::Hour).await, [row("2026-11-28T10:00", 6)]);
}

#[tokio::test]
async fn a_roll_up_may_die_at_any_call() {
    let time: Timestamp = "2026-11-28T10:30:00Z".parse().unwrap();
    let org_id: OrgId = Ids::unguessable();
    let world = async || {
        let database = Database::start().await;
        let (clock, crashes) = (at("2026-11-28T11:30:00Z"), Crashes::default());
        let permit = writer(org_id, &SMALL);
        let events = [event(1, "ai_tokens", time, &json!(85)), event(2, "active_users", time, &json!("ada"))];
        // as if whoever counted it had died before it told of what is used up
        let table = database.table(&clock);
        report(&table, &permit, &events).await;
        clock.advance(SignedDuration::from_mins(6));
        database.settle();
        (database.table_over(&clock, crashes.http_client()), database, clock, crashes)
    };
    let (table, database, _, crashes) = world().await;
    let (run, calls) = crashes.count(roll_up(&table)).await;
    assert_eq!(run.unwrap().summed, 1);
    let sums = async |database: &Database| {
        let items = database.items_in(Store::Main).await;
        let items = items.iter().map(plain).filter(|item| item.contains_key("meters"));
        items
            .map(|item| (item["sk"].clone(), item["window"].clone(), item["meters"].clone()))
            .collect::<Vec<_>>()
    };
    let expected = sums(&database).await;
    assert_eq!(expected.len(), 3);
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let (table, database, clock, crashes) = world().await;
            crashes.run(call, moment, roll_up(&table)).await;
            for _ in 0..3 {
                clock.advance(SignedDuration::from_hours(1));
                database.settle();
                assert!(roll_up(&table).await.unwrap().is_good());
            }
            assert_eq!(sums(&database).await, expected, "{call} {moment:?}");
            assert_eq!(database.count("usage_todo").await, 0, "{call} {moment:?}");
            let told = database.events().await;
            let told: Vec<_> = told.iter().map(|event| (&*event.kind, &event.data["percent"])).collect();
            assert_eq!(told, [("usage.threshold_reached", &json!(80))], "{call} {moment:?}");
        }
    }
}
