//! The function on its sample events and on what a busy or broken bus does to it.
#![expect(clippy::unwrap_used, reason = "tests")]

use lambda_host::{Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Ids};
use serde_json::{Value, json};
use test_support::{Crashes, Database, Services, noon};

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../events/stream-outbox/", $name, ".json")))
            .unwrap()
    };
}

struct World {
    services: Services,
    function: Function,
    database: Database,
}

impl World {
    async fn start() -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        let clock = Clock::fixed(noon());
        let environment = Environment::new(services.environment(&database));
        let ids = Ids::random(clock.clone());
        let client = Crashes::default().http_client();
        let host = Host::with(environment, clock, ids, Some(client)).unwrap();
        let function = stream_outbox::function(&host).await.unwrap();
        host.connected().await;
        Self { services, function, database }
    }

    async fn invoke(&self, event: &Value) -> Value {
        let event = LambdaEvent::new(event.clone(), lambda_host::Context::default());
        self.function.invoke(event).await.unwrap()
    }

    fn published(&self) -> Vec<String> {
        let name = |entry: &Value| entry["DetailType"].as_str().unwrap().to_owned();
        self.services.events().iter().map(name).collect()
    }
}

fn done() -> Value {
    json!({ "batchItemFailures": [] })
}

fn failed_at(sequence_number: &str) -> Value {
    json!({ "batchItemFailures": [{ "itemIdentifier": sequence_number }] })
}

/// So many records, each with an event of its own, numbered from 1.
fn many(count: usize) -> Value {
    let template = sample!("two-events")["Records"][0].clone();
    let text = template["dynamodb"]["NewImage"]["envelope"]["S"].as_str().unwrap().to_owned();
    let record = |n: usize| {
        let id: primitives::EventId = Ids::unguessable();
        let mut record = template.clone();
        let text = text.replace("evt_01kar8h5g0e0vsx4q1v3f6m2ah", &id.to_string());
        record["dynamodb"]["NewImage"]["envelope"]["S"] = json!(text);
        record["dynamodb"]["SequenceNumber"] = json!(n.to_string());
        record
    };
    json!({ "Records": (1..=count).map(record).collect::<Vec<_>>() })
}

#[tokio::test]
async fn the_sample_is_published_in_order_and_twice_when_it_comes_twice() {
    let world = World::start().await;
    assert_eq!(world.invoke(&sample!("two-events")).await, done());
    assert_eq!(world.published(), ["organization.created", "trial.started"]);
    let entry = &world.services.events()[0];
    assert_eq!((&entry["Source"], &entry["EventBusName"]), (&json!("gantry"), &json!("gantry")));
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail["id"], "evt_01kar8h5g0e0vsx4q1v3f6m2ah");
    assert_eq!(world.invoke(&sample!("two-events")).await, done());
    assert_eq!(world.published().len(), 4, "consumers tell a repeated event by its id");
}

#[tokio::test]
async fn a_published_row_may_go_after_a_week() {
    let world = World::start().await;
    let table = world.database.table(&Clock::fixed(noon()));
    let org_id = Ids::unguessable();
    let event =
        events::NewEvent::new(Some(org_id), &org_id, 1, &test_support::events::CounterChanged { count: 1 });
    let cause = table::Cause::system("test", "test");
    let events = table.commit(&cause, table::Changes::new().publish(event)).await.unwrap();
    let mut batch = many(1);
    let text = serde_json::to_string(&events[0]).unwrap();
    batch["Records"][0]["dynamodb"]["NewImage"]["envelope"]["S"] = json!(text);
    assert_eq!(world.invoke(&batch).await, done());
    let rows = world.database.items().await;
    let row = rows.iter().find(|row| row.contains_key("envelope")).unwrap();
    let week = table::PUBLISHED_ROWS_ARE_KEPT.as_secs();
    assert_eq!(row["expires_at"].as_n().unwrap(), &(noon().as_second() + week).to_string());
}

#[tokio::test]
async fn a_row_without_an_event_is_parked_whole_and_the_others_are_published() {
    let world = World::start().await;
    assert_eq!(world.invoke(&sample!("poison-between")).await, done());
    assert_eq!(world.published(), ["organization.created", "trial.started"]);
    let parked: Value = serde_json::from_str(&world.services.messages("outbox-parked")[0]).unwrap();
    assert_eq!(parked["sequence_number"], "111000000000000000002");
    assert!(parked["reason"].as_str().unwrap().starts_with("the envelope is no event"));
    assert_eq!(parked["record"]["dynamodb"]["NewImage"]["envelope"]["S"], "{\"id\":\"not an event\"}");
}

#[tokio::test]
async fn a_row_that_can_not_even_be_parked_stops_the_batch_there() {
    let world = World::start().await;
    world.services.refuse("SendMessage", 100);
    assert_eq!(world.invoke(&sample!("poison-between")).await, failed_at("111000000000000000002"));
    assert_eq!(world.published(), ["organization.created"]);
}

#[tokio::test]
async fn entries_that_fail_are_published_again_alone() {
    let world = World::start().await;
    world.services.fail_entries("PutEvents", [1, 3, 25]);
    assert_eq!(world.invoke(&many(25)).await, done());
    let mut ids: Vec<_> = world
        .services
        .events()
        .iter()
        .map(|entry| {
            serde_json::from_str::<Value>(entry["Detail"].as_str().unwrap()).unwrap()["id"].to_string()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), world.published().len()), (25, 25), "all, and none of them twice");
}

#[tokio::test]
async fn the_batch_stops_at_the_first_entry_that_never_passes() {
    let world = World::start().await;
    // the eleventh entry, and each attempt to publish it again, alone
    world.services.fail_entries("PutEvents", [10].into_iter().chain(12..20));
    assert_eq!(world.invoke(&many(12)).await, failed_at("11"));
    assert_eq!(world.published().len(), 11);
}

/// Five events, a bus that takes them and is slow to say so: one call, and each event once.
#[tokio::test]
async fn a_slow_bus_gets_each_event_once() {
    let world = World::start().await;
    world.services.answer_late("PutEvents", std::time::Duration::from_secs(3));
    assert_eq!(world.invoke(&many(5)).await, done());
    assert_eq!((world.services.calls("PutEvents"), world.published().len()), (1, 5));
}

/// The bus failed while it worked: it may have the events, so this invocation does not put them
/// again. The stream brings them.
#[tokio::test]
async fn what_the_bus_may_have_taken_is_left_to_the_stream() {
    let world = World::start().await;
    world.services.fail_all(500);
    assert_eq!(world.invoke(&many(5)).await, failed_at("1"));
    assert_eq!(world.services.calls("PutEvents"), 1);
}

#[tokio::test]
async fn a_bus_that_is_gone_loses_nothing() {
    let world = World::start().await;
    world.services.refuse("PutEvents", 1_000);
    assert_eq!(world.invoke(&many(3)).await, failed_at("1"));
    world.services.refuse("PutEvents", 0);
    assert_eq!(world.invoke(&many(3)).await, done());
    assert_eq!(world.published().len(), 3);
}
