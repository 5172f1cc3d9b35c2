//! The erasure of a person from the log of an organization on a real engine: beside whoever chains at the
//! same moment, and with a process that dies anywhere.
#![expect(clippy::unwrap_used, reason = "tests")]

use audit::{Person, Rows, Written, chain, erase_person, erase_rows, people};
use audit_chain::{Report, verify};
use events::{ActorRef, NewEvent};
use futures::future::join_all;
use primitives::{Clock, Email, Ids, OrgId, UserId};
use serde_json::Value;
use table::{AuditRow, Cause, Changes, Consistency, Table, keys::Audit};
use test_support::{Crashes, Database, Moment, events::CounterChanged, noon};

const ADDRESS: &str = "192.0.2.77";
const PROGRAM: &str = "ada's own browser";
const BOBS: &str = "bobs browser";

struct World {
    database: Database,
    table: Table,
    org_id: OrgId,
    ada: UserId,
    bob: UserId,
}

impl World {
    async fn start() -> Self {
        let database = Database::start().await;
        let table = database.table(&Clock::fixed(noon()));
        let [ada, bob] = [1, 2].map(|number| UserId::from_uuid(uuid::Uuid::from_u128(number)));
        Self { database, table, org_id: Ids::unguessable(), ada, bob }
    }

    fn cause(&self, by: UserId) -> Cause {
        let (ip, program) = if by == self.ada { (ADDRESS, PROGRAM) } else { ("192.0.2.1", BOBS) };
        Cause {
            actor: ActorRef::User(by),
            correlation_id: "test".to_owned(),
            ip: Some(ip.parse().unwrap()),
            country: None,
            user_agent: Some(program.to_owned()),
        }
    }

    /// Each of them does something: the rows that were written with it.
    async fn done_by(&self, people: &[UserId]) -> Vec<Written> {
        let mut written = Vec::new();
        for by in people {
            let event = NewEvent::new(Some(self.org_id), &self.org_id, 1, &CounterChanged { count: 1 });
            written.extend(self.table.commit(&self.cause(*by), Changes::new().publish(event)).await.unwrap());
        }
        let rows = written.into_iter().map(async |event| {
            let row = self.row(event.id, event.time).await;
            Written { id: event.id, time: event.time, row_hash: row.row_hash.unwrap() }
        });
        join_all(rows).await
    }

    async fn row(&self, id: primitives::EventId, time: primitives::Timestamp) -> AuditRow {
        self.table.get(&Audit::of(self.org_id, time, id), Consistency::Strong).await.unwrap().unwrap()
    }

    /// What `queue-audit` does, but for the second half.
    async fn chained(&self, rows: &[Written]) -> Vec<AuditRow> {
        let rows = Rows { org_id: self.org_id, rows: rows.to_vec() };
        chain(&self.table, &Cause::system("test", "test"), &rows).await.unwrap()
    }

    async fn erased(&self, table: &Table) -> audit::Erased {
        let emails: [Email; 1] = ["ada@example.com".parse().unwrap()];
        let person = Person { user_id: self.ada, emails: &emails, targets: &[] };
        erase_person(table, &Cause::system("test", "test"), self.org_id, person, || true).await.unwrap()
    }

    async fn proof(&self) -> Report {
        let query = Audit::all(self.org_id.to_string()).strong();
        let rows: Vec<AuditRow> = self.table.first(&query, 1_000).await.unwrap();
        let log: Vec<_> = rows.iter().map(|row| Value::Object(row.shown()).to_string()).collect();
        verify(log.join("\n").as_bytes(), &[]).unwrap()
    }

    /// The items that have this text in them, but for events on their way.
    async fn with(&self, text: &str) -> usize {
        let items = self.database.items().await.into_iter().map(|item| format!("{item:?}"));
        items.filter(|item| item.contains(text) && !item.contains("\"OUTBOX#")).count()
    }
}

#[tokio::test]
async fn a_person_goes_from_rows_and_copies_and_the_chain_verifies() {
    let world = World::start().await;
    // more than a page of hers
    let by: Vec<_> = (0..60).map(|number| if number % 2 == 0 { world.ada } else { world.bob }).collect();
    let rows = world.done_by(&by).await;
    for some in rows.chunks(10) {
        world.chained(some).await;
    }
    let before = world.proof().await;
    assert_eq!((before.findings, before.events), (vec![], 60));
    let bobs = world.with(BOBS).await;
    assert_eq!(world.with(PROGRAM).await, 30 * 4);
    let done = world.erased(&world.table).await;
    assert_eq!((done.rows, done.complete), (30, true));
    assert_eq!((world.with(PROGRAM).await, world.with(ADDRESS).await), (0, 0));
    assert_eq!(world.with(BOBS).await, bobs, "nobody else's rows are touched");
    let after = world.proof().await;
    assert_eq!((after.findings, after.head), (vec![], before.head));
    // and once more changes nothing
    let items = world.database.items().await.len();
    assert_eq!(world.erased(&world.table).await.rows, 0);
    assert_eq!(world.database.items().await.len(), items);
    // a message that comes late makes the same copies
    world.chained(&rows[..10]).await;
    assert_eq!((world.with(PROGRAM).await, world.with(ADDRESS).await), (0, 0));
}

/// Whoever chains has read the row before the erasure comes, and makes the copies behind it.
#[tokio::test]
async fn what_is_chained_while_a_person_is_erased_names_nobody_either() {
    let world = World::start().await;
    let rows = world.done_by(&[world.ada, world.bob]).await;
    // the erasure finds nothing: there are no copies yet
    assert_eq!(world.erased(&world.table).await.rows, 0);
    let chained = world.chained(&rows).await;
    assert_eq!(world.with(PROGRAM).await, 4, "a row and three copies");
    let named = people(&chained);
    assert_eq!(named.keys().copied().collect::<Vec<_>>(), [world.ada, world.bob]);
    erase_rows(&world.table, world.org_id, &named[&world.ada]).await.unwrap();
    assert_eq!((world.with(PROGRAM).await, world.with(ADDRESS).await), (0, 0));
    assert_eq!(world.with(BOBS).await, 4);
    assert_eq!((world.proof().await.findings, world.proof().await.events), (vec![], 2));
}

/// A row that was erased before it was chained is the row that was written.
#[tokio::test]
async fn a_row_that_is_not_chained_yet_keeps_its_hash() {
    let world = World::start().await;
    let rows = world.done_by(&[world.ada]).await;
    let (row, key) =
        (world.row(rows[0].id, rows[0].time).await, Audit::of(world.org_id, rows[0].time, rows[0].id));
    for _ in 0..2 {
        let left = world.table.erase_details(&key, &row).await.unwrap().unwrap();
        assert!(left.is(rows[0].row_hash) && !left.is_whole());
    }
    assert_eq!(world.chained(&rows).await.len(), 1, "it is shown");
    assert_eq!((world.proof().await.findings, world.with(PROGRAM).await), (vec![], 0));
    world.database.delete(&key).await;
    assert!(world.table.erase_details(&key, &row).await.unwrap().is_none(), "one that is gone stays gone");
}

#[tokio::test]
async fn a_crash_at_any_call_is_gone_on_with() {
    for call in 0.. {
        let mut died = false;
        for moment in [Moment::Before, Moment::After] {
            let (world, crashes) = (World::start().await, Crashes::default());
            let rows = world.done_by(&[world.ada, world.bob, world.ada]).await;
            world.chained(&rows).await;
            let table = world.database.table_over(&Clock::fixed(noon()), crashes.http_client());
            died |= crashes.run(call, moment, Box::pin(world.erased(&table))).await.is_none();
            world.erased(&world.table).await;
            assert_eq!((world.with(PROGRAM).await, world.with(ADDRESS).await), (0, 0), "{call} {moment:?}");
            assert_eq!(world.proof().await.findings, vec![], "{call} {moment:?}");
        }
        if !died {
            assert!(call > 5, "{call}");
            return;
        }
    }
}
