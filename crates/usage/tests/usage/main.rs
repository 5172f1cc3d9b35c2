//! Usage on the real engine.
#![expect(clippy::unwrap_used, reason = "tests")]

mod counting;
mod reservations;
mod sums;

use access::{AccessLevel, Actor, Permit, Plan, Quota, Role, needs::WriteUsage};
use primitives::{Clock, Ids, OrgId, Timestamp};
use serde_json::{Map, Value, json};
use table::{Cause, Store, Table};
use test_support::{Attributes, Database};
use usage::{Outcome, read, record};
use usage_ledger::{Ledger, Recount};

/// A plan of small quotas.
static SMALL: Plan = Plan {
    id: "starter",
    name: "Small",
    prices: &[],
    features: &[],
    seats: None,
    quotas: &[
        Quota { meter: "api_calls", limit: 100, hard: false },
        Quota { meter: "ai_tokens", limit: 100, hard: true },
    ],
    audit_log_days: 1,
};

fn cause() -> Cause {
    Cause::system("test", "test")
}

fn member(org_id: OrgId, plan: &'static Plan) -> Actor {
    Actor {
        org_id,
        member_id: Ids::unguessable(),
        user_id: Ids::unguessable(),
        role: Role::Owner,
        level: AccessLevel::Full,
        level_until: None,
        plan,
        requires_factor: false,
        lacks_factor: false,
        lacks_sso: false,
        is_suspended: false,
    }
}

fn writer(org_id: OrgId, plan: &'static Plan) -> Permit<WriteUsage> {
    member(org_id, plan).permit().unwrap()
}

/// An event as a reporter sends it.
fn event(id: impl std::fmt::Display, meter: &str, time: Timestamp, value: &Value) -> Value {
    json!({ "specversion": "1.0", "id": format!("{id}"), "source": "/app", "type": meter,
        "time": time.to_string(), "data": { "value": value } })
}

async fn report(table: &Table, permit: &Permit<WriteUsage>, events: &[Value]) -> Vec<Outcome> {
    let now = table.clock().now();
    let events = events.iter().map(|event| read(event, now)).collect();
    record(table, &cause(), permit, events).await.unwrap()
}

/// How many were accepted, known and refused.
fn summed(outcomes: &[Outcome]) -> (usize, usize, usize) {
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|one| is(one)).count();
    (
        count(|one| *one == Outcome::Accepted),
        count(|one| *one == Outcome::Duplicate),
        count(|one| matches!(one, Outcome::Refused(_))),
    )
}

/// An item with plain values, as a recount takes it.
fn plain(item: &Attributes) -> Map<String, Value> {
    serde_dynamo::from_item(item.clone()).unwrap()
}

/// Compares all that was counted with the events that are there.
async fn recount(database: &Database) -> Recount {
    let mut ledger = Ledger::default();
    for item in database.items_in(Store::Traffic).await {
        ledger.take(&plain(&item)).unwrap();
    }
    ledger.compare()
}

/// What the counters of a meter say together, of one of their numbers.
async fn counted(database: &Database, what: &str) -> u64 {
    let items = database.items_in(Store::Traffic).await;
    items.iter().map(plain).filter_map(|item| item.get(what)?.as_u64()).sum()
}

fn at(time: &str) -> Clock {
    Clock::fixed(time.parse().unwrap())
}
