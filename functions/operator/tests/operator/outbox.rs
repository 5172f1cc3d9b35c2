//! Unpublished rows of the outbox: found, published once, and by whom does not matter.

use aws_sdk_dynamodb::types::AttributeValue;
use events::{Envelope, NewEvent};
use lambda_host::{Context, Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Ids, OrgId, SignedDuration};
use serde_json::{Value, json};
use table::{Cause, Changes, Table, keys::Outbox};
use test_support::{Crashes, Database, Moment, Services, events::CounterChanged, noon};

struct World {
    services: Services,
    database: Database,
    crashes: Crashes,
    function: Function,
    clock: Clock,
}

impl World {
    async fn start() -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        let (clock, crashes) = (Clock::fixed(noon()), Crashes::default());
        let mut variables = services.environment(&database);
        // Commands about the outbox do without it.
        variables.push(("STRIPE_SECRET_ARN".to_owned(), "arn:not-there".to_owned()));
        let environment = Environment::new(variables);
        let ids = Ids::random(clock.clone());
        let host = Host::with(environment, clock.clone(), ids, Some(crashes.http_client())).unwrap();
        let function = operator::function(&host).await.unwrap();
        host.connected().await;
        Self { services, database, crashes, function, clock }
    }

    fn table(&self) -> Table {
        self.database.table(&self.clock)
    }

    /// So many events, each in an hour of its own.
    async fn hourly(&self, count: usize) -> Vec<Envelope> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.extend(self.events(1).await);
            self.clock.advance(SignedDuration::from_hours(1));
        }
        all
    }

    async fn events(&self, count: u64) -> Vec<Envelope> {
        let org_id: OrgId = Ids::unguessable();
        let event = |number| NewEvent::new(Some(org_id), &org_id, number, &CounterChanged { count: 1 });
        let changes = (1..=count).fold(Changes::new(), |changes, number| changes.publish(event(number)));
        self.table().commit(&Cause::system("test", "test"), changes).await.unwrap()
    }

    async fn run(&self, command: &Value) -> Value {
        let event = LambdaEvent::new(command.clone(), Context::default());
        self.function.invoke(event).await.unwrap()
    }

    /// All pages of a command about six hours; `of` says what of an answer counts.
    async fn pages(&self, command: &str, limit: usize, of: impl Fn(&Value) -> Vec<Value>) -> Vec<Value> {
        let mut command = hours(command, limit);
        let mut found = Vec::new();
        for _ in 0..100 {
            let answer = self.run(&command).await;
            found.extend(of(&answer));
            if answer["next"].is_null() {
                return found;
            }
            command["next"] = answer["next"].clone();
        }
        panic!("{command} does not come to an end")
    }

    async fn listed(&self) -> Vec<Value> {
        self.pages("outbox.list", 100, listed_in).await
    }

    fn published(&self) -> Vec<Value> {
        let id = |entry: &Value| {
            serde_json::from_str::<Value>(entry["Detail"].as_str().unwrap()).unwrap()["id"].clone()
        };
        self.services.events().iter().map(id).collect()
    }
}

fn hours(command: &str, limit: usize) -> Value {
    json!({
        "command": command, "from": "2026-11-23T11:00:00Z", "until": "2026-11-23T17:00:00Z", "limit": limit,
    })
}

fn hour(command: &str) -> Value {
    json!({ "command": command, "from": "2026-11-23T12:00:00Z", "until": "2026-11-23T13:00:00Z" })
}

fn listed_in(answer: &Value) -> Vec<Value> {
    answer["events"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect()
}

fn sorted(mut ids: Vec<Value>) -> Vec<Value> {
    ids.sort_by_key(Value::to_string);
    ids
}

fn ids(events: &[Envelope]) -> Vec<Value> {
    sorted(events.iter().map(|event| json!(event.id)).collect())
}

#[tokio::test]
async fn what_was_not_published_is_found_and_nothing_else_is() {
    let world = World::start().await;
    let mut left = world.hourly(5).await;
    world.table().mark_published(&left.remove(2)).await.unwrap();
    assert_eq!(world.listed().await, ids(&left), "in the order of time, without the third");
    let page = world.run(&hours("outbox.list", 1)).await;
    let first = &page["events"][0];
    assert_eq!((&first["id"], &first["kind"]), (&json!(left[0].id), &json!("counter.changed")));
    assert!(first.get("data").is_none() && first["correlation_id"] == "test", "{first}");
    let two =
        json!({ "command": "outbox.list", "from": "2026-11-23T13:00:00Z", "until": "2026-11-23T15:00:00Z" });
    let two = world.run(&two).await;
    assert_eq!(listed_in(&two), [json!(left[1].id)], "of 13 to 15 o'clock");
    assert_eq!(two["next"], Value::Null);
}

#[tokio::test]
async fn events_of_one_hour_come_in_pages_of_any_size() {
    let world = World::start().await;
    let events = world.events(40).await;
    for limit in [1, 7, 40, 1_000] {
        let page = |answer: &Value| {
            let page = listed_in(answer);
            assert!(page.len() <= limit);
            page
        };
        assert_eq!(sorted(world.pages("outbox.list", limit, page).await), ids(&events), "{limit}");
    }
}

#[tokio::test]
async fn what_is_republished_is_on_the_bus_once_and_no_longer_unpublished() {
    let world = World::start().await;
    let events = world.events(25).await;
    let count = |answer: &Value| {
        assert_eq!((&answer["failed"], &answer["refused"]), (&json!([]), &json!([])));
        vec![answer["published"].clone()]
    };
    let published = world.pages("outbox.republish", 10, count).await;
    assert_eq!(published.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 25);
    assert_eq!(sorted(world.published()), ids(&events));
    assert_eq!(world.listed().await, [Value::Null; 0]);
    world.run(&hours("outbox.republish", 100)).await;
    assert_eq!(world.published().len(), 25, "the second time there is nothing to do");
    let rows = world.database.items().await;
    assert!(
        rows.iter().filter(|row| row.contains_key("envelope")).all(|row| row.contains_key("expires_at")),
        "their rows may go after a week"
    );
}

#[tokio::test]
async fn two_at_the_same_time_and_the_stream_lose_nothing_and_leave_nothing() {
    let world = World::start().await;
    let events = world.events(25).await;
    let command = hour("outbox.republish");
    let stream = async {
        for event in &events[..20] {
            world.table().mark_published(event).await.unwrap();
        }
    };
    futures::future::join3(world.run(&command), world.run(&command), stream).await;
    let published = world.published();
    assert!(published.iter().all(|id| ids(&events).contains(id)));
    assert!(ids(&events[20..]).iter().all(|id| published.contains(id)), "what the stream left is published");
    assert_eq!(world.listed().await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_bus_that_is_gone_leaves_them_for_another_attempt() {
    let world = World::start().await;
    let events = world.events(15).await;
    world.services.refuse("PutEvents", 1_000);
    let answer = world.run(&hour("outbox.republish")).await;
    assert_eq!(answer["published"], 0);
    assert!(!answer["failed"].as_array().unwrap().is_empty() && answer["next"].is_string(), "{answer}");
    world.services.refuse("PutEvents", 0);
    let mut again = hour("outbox.republish");
    again["next"] = answer["next"].clone();
    assert_eq!(world.run(&again).await["published"], 15);
    assert_eq!(sorted(world.published()), ids(&events));
}

#[tokio::test]
async fn a_row_without_an_event_is_named_and_in_nobody_s_way() {
    let world = World::start().await;
    let events = world.events(3).await;
    let key = Outbox::of(events[0].id);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let is_first = |row: &test_support::Attributes| row["sk"] == text(&key.sk());
    let good = world.database.items().await.into_iter().find(is_first).unwrap();
    for (id, envelope) in
        [("evt_01kar8h5g0e0vsx4q1v3f6m2ah", None), ("evt_not-an-id", Some("{\"id\":\"not an event\"}"))]
    {
        let mut row = good.clone();
        row.insert("pk".to_owned(), text("OUTBOX#2026-11-23T12#03"));
        row.insert("sk".to_owned(), text(id));
        let envelope = envelope.map_or_else(|| good["envelope"].clone(), text);
        row.insert("envelope".to_owned(), envelope);
        let put = world.database.client.put_item().table_name(test_support::TABLE_NAME);
        put.set_item(Some(row)).send().await.unwrap();
    }
    let wide = json!({ "command": "outbox.republish", "from": "2026-11-23T11:00:00Z", "until": "2026-11-23T14:00:00Z" });
    let answer = world.run(&wide).await;
    assert_eq!(answer["published"], 3, "{answer}");
    let reasons: Vec<_> =
        answer["unreadable"].as_array().unwrap().iter().map(|one| one["reason"].to_string()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("the envelope is no event")), "{answer}");
    assert_eq!(world.published().len(), 3);
}

#[tokio::test]
async fn a_crash_at_any_call_is_made_good_by_the_next_run() {
    let world = World::start().await;
    world.events(4).await;
    let command = hour("outbox.republish");
    let (_, calls) = world.crashes.count(world.run(&command)).await;
    assert!(calls > 16 + 4, "a query for each part, the bus, a mark for each: {calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            let events = world.events(4).await;
            // how many calls there are depends on the parts that the events fall into
            world.crashes.run(call, moment, world.run(&command)).await;
            world.run(&command).await;
            let mut published = sorted(world.published());
            published.dedup();
            assert_eq!(published, ids(&events), "{moment:?} call {call}");
            let left = world.run(&hour("outbox.list")).await;
            assert_eq!(listed_in(&left), [Value::Null; 0], "{moment:?} call {call}");
        }
    }
}

#[tokio::test]
async fn what_is_no_command_is_answered_and_breaks_nothing() {
    let world = World::start().await;
    let span = |from: &str, until: &str| json!({ "command": "outbox.list", "from": from, "until": until });
    let (noon, next) = ("2026-11-23T12:00:00Z", "2026-11-23T13:00:00Z");
    let with = |name: &str, value: Value| {
        let mut command = span(noon, next);
        command[name] = value;
        command
    };
    for (command, code) in [
        (json!([]), "unreadable_command"),
        (json!(["outbox.list", noon, next]), "unreadable_command"),
        (json!({}), "unreadable_command"),
        (json!({ "command": "outbox.delete" }), "unreadable_command"),
        (json!({ "command": "outbox.list" }), "unreadable_command"),
        (with("force", json!(true)), "unreadable_command"),
        (with("limit", json!(-1)), "unreadable_command"),
        (with("limit", json!(0)), "invalid_limit"),
        (with("limit", json!(1_001)), "invalid_limit"),
        (with("next", json!("2026")), "invalid_next"),
        (with("next", json!("2026-11-23T12#99")), "invalid_next"),
        (span(next, noon), "invalid_span"),
        (span(noon, noon), "invalid_span"),
        (span(noon, "2026-12-25T12:00:00Z"), "invalid_span"),
        (span("yesterday", noon), "unreadable_command"),
    ] {
        let answer = world.run(&command).await;
        assert_eq!(answer["error"]["code"], code, "{command}: {answer}");
    }
}
