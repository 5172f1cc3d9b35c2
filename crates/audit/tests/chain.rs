//! The chain on a real engine: many writers, messages that come twice and in any order, crashes, and rows
//! that are not what was written.
#![expect(clippy::unwrap_used, reason = "tests")]

use audit::{Rows, Written, chain};
use audit_chain::{Finding, Report, verify};
use aws_sdk_dynamodb::types::AttributeValue;
use events::{ActorRef, NewEvent};
use futures::{StreamExt, future::join_all, stream};
use primitives::{Clock, Ids, OrgId, Timestamp};
use serde_json::Value;
use table::{AuditRow, Cause, Changes, Consistency, Key, Table, keys::Audit};
use test_support::{Crashes, Database, Moment, TABLE_NAME, events::CounterChanged, noon};

struct World {
    database: Database,
    table: Table,
    org_id: OrgId,
}

fn cause() -> Cause {
    Cause {
        actor: ActorRef::User(Ids::unguessable()),
        correlation_id: "test".to_owned(),
        ip: Some("192.0.2.1".parse().unwrap()),
        country: None,
        user_agent: Some("curl".to_owned()),
    }
}

impl World {
    async fn start() -> Self {
        let database = Database::start().await;
        let table = database.table(&Clock::fixed(noon()));
        Self { database, table, org_id: Ids::unguessable() }
    }

    /// Makes a change with so many events; gives the rows that were written with them.
    async fn change(&self, events: u32) -> Vec<Written> {
        let event = |count| NewEvent::new(Some(self.org_id), &self.org_id, 1, &CounterChanged { count });
        let changes = (0..events).map(event).fold(Changes::new(), Changes::publish);
        let written = self.table.commit(&cause(), changes).await.unwrap();
        let rows = written.into_iter().map(async |event| {
            let row: Option<AuditRow> =
                self.table.get(&self.key(event.id, event.time), Consistency::Strong).await.unwrap();
            Written { id: event.id, time: event.time, row_hash: row.unwrap().row_hash.unwrap() }
        });
        join_all(rows).await
    }

    fn key(&self, id: primitives::EventId, time: Timestamp) -> Key {
        Audit::of(self.org_id, time, id)
    }

    fn message(&self, rows: &[Written]) -> Rows {
        Rows { org_id: self.org_id, rows: rows.to_vec() }
    }

    async fn chained(&self, rows: &[Written]) {
        chain(&self.table, &cause(), &self.message(rows)).await.unwrap();
    }

    /// What somebody finds who has the whole log.
    async fn proof(&self) -> Report {
        let (mut log, mut after) = (Vec::new(), None);
        loop {
            let query = Audit::all(self.org_id.to_string()).strong();
            let (rows, next) = self.table.after::<AuditRow>(&query, 500, after.as_deref()).await.unwrap();
            log.extend(rows.iter().map(|row| Value::Object(row.shown()).to_string()));
            let Some(next) = next else { break };
            after = Some(next);
        }
        verify(log.join("\n").as_bytes(), &[]).unwrap()
    }

    /// How many copies there are of rows.
    async fn copies(&self) -> usize {
        self.database.count("audit_view").await
    }

    async fn set(&self, row: &Written, attribute: &str, value: &str) {
        let key = self.key(row.id, row.time);
        let update = self.database.client.update_item().table_name(TABLE_NAME);
        let update = update.key("pk", AttributeValue::S(key.pk())).key("sk", AttributeValue::S(key.sk()));
        let update = update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute);
        update.expression_attribute_values(":v", AttributeValue::S(value.to_owned())).send().await.unwrap();
    }
}

/// Neighbours change places, differently for each seed.
fn shuffled<T>(mut all: Vec<T>, seed: usize) -> Vec<T> {
    for at in (1..all.len()).rev() {
        all.swap(at, (at * 7_919 + seed * 104_729) % (at + 1));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_writers_make_one_chain_of_what_comes_twice_and_in_any_order() {
    // the embedded engine looks through all records of its stream with each write
    const EVENTS: usize = 480;
    let world = World::start().await;
    let changes = (0..EVENTS / 40).map(|_| world.change(40));
    let rows: Vec<_> = stream::iter(changes).buffer_unordered(20).concat().await;
    assert_eq!(rows.len(), EVENTS);
    // each row is in two messages of different neighbours, and every third message comes once more
    let rows = shuffled(rows, 1);
    let mut messages: Vec<_> = rows.chunks(10).map(|rows| world.message(rows)).collect();
    messages.extend(shuffled(rows, 2).chunks(9).map(|rows| world.message(rows)));
    let again: Vec<_> = messages.iter().step_by(3).cloned().collect();
    messages.extend(again);
    let messages = shuffled(messages, 3);
    let (table, cause) = (&world.table, &cause());
    // one at a time is what the queue gives; three have each other's way now and then
    stream::iter(&messages)
        .for_each_concurrent(3, async |message| {
            // a message whose turn did not come in its time comes again
            while chain(table, cause, message).await.is_err() {}
        })
        .await;
    let report = world.proof().await;
    assert_eq!((report.findings, report.events, report.first), (vec![], EVENTS, 1));
    assert_eq!(report.head.unwrap().sequence, EVENTS as u64);
    assert_eq!(world.copies().await, 3 * EVENTS);
}

#[tokio::test]
async fn a_crash_at_any_call_is_made_good_by_the_next_delivery() {
    let counted = World::start().await;
    let crashes = Crashes::default();
    let over = |world: &World| world.database.table_over(&Clock::fixed(noon()), crashes.http_client());
    let rows = counted.change(3).await;
    let (table, message, cause) = (over(&counted), counted.message(&rows), cause());
    let (output, calls) = crashes.count(chain(&table, &cause, &message)).await;
    output.unwrap();
    assert!(calls >= 3, "a read, a transaction, the copies: {calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            let rows = world.change(3).await;
            let (table, message) = (over(&world), world.message(&rows));
            let output = crashes.run(call, moment, chain(&table, &cause, &message)).await;
            assert!(output.is_none(), "call {call} {moment:?}");
            world.chained(&rows).await;
            world.chained(&world.change(1).await).await;
            let report = world.proof().await;
            assert_eq!((report.findings, report.events), (vec![], 4), "call {call} {moment:?}");
            assert_eq!(world.copies().await, 12, "call {call} {moment:?}");
        }
    }
}

#[tokio::test]
async fn a_row_that_is_not_what_was_written_is_found_and_the_chain_goes_on() {
    let world = World::start().await;
    let rows = world.change(6).await;
    world.chained(&rows[..1]).await;
    // before it is chained: one is changed, one has a hash that fits what it was made to be, one is gone
    world.set(&rows[1], "ip", "192.0.2.99").await;
    world.set(&rows[2], "user_agent", "another").await;
    let key = world.key(rows[2].id, rows[2].time);
    let made_to_fit: Option<AuditRow> = world.table.get(&key, Consistency::Strong).await.unwrap();
    let fits = audit_chain::row_hash(&made_to_fit.unwrap().shown()).unwrap();
    world.set(&rows[2], "row_hash", &fits.to_string()).await;
    world.database.delete(&world.key(rows[4].id, rows[4].time)).await;
    world.chained(&rows[1..]).await;
    // and what comes again does not chain them again
    world.chained(&rows).await;
    let report = world.proof().await;
    let changed = |finding: &Finding| match finding {
        Finding::Changed { sequence, .. } => Some(*sequence),
        _ => None,
    };
    assert_eq!(report.findings.iter().filter_map(changed).collect::<Vec<_>>(), [2, 3], "{report}");
    let others: Vec<_> = report.findings.iter().filter(|finding| changed(finding).is_none()).collect();
    let is_gone = |finding: &&&Finding| matches!(finding, Finding::NoEvent { .. });
    assert_eq!(others.iter().filter(is_gone).count(), 1, "{report}");
    assert!(others.contains(&&Finding::Missing { from: 5, to: 5 }), "{report}");
    assert_eq!((others.len(), report.head.unwrap().sequence), (2, 6), "{report}");
    // nobody is shown what cannot be proved
    assert_eq!(world.copies().await, 3 * 3);
}

#[tokio::test]
async fn a_row_that_a_message_names_twice_is_chained_once() {
    let world = World::start().await;
    let rows = world.change(1).await;
    world.chained(&[rows[0].clone(), rows[0].clone()]).await;
    world.chained(&[]).await;
    let report = world.proof().await;
    assert_eq!((report.findings, report.head.unwrap().sequence), (vec![], 1));
}
