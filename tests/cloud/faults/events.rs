//! The way of the events: the bus away, a poison record.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use billing::events::TrialStarted;
use events::{ActorRef, Envelope, Event, NewEvent};
use primitives::{Clock, EventId, Ids, OrgId};
use serde_json::{Value, json};

use super::{CREATION, Turn, api, company, observer::Observer, turn};
use crate::product::Product;

/// Both take long, and neither minds the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_without_the_bus_and_failures_of_the_table_meanwhile() {
    let turn = turn().await;
    // Signing in needs the bus and the table, so everybody does before either is away.
    let sign_in = async |email: &str| turn.product.sign_in(email).await.text("/access_token");
    let minute = sign_in("ada@minute.example").await;
    let (failing, away) = (sign_in("ada@failing.example").await, sign_in("ada@away.example").await);
    api::wake(&turn.product, [&failing, &away]).await;
    let table = async {
        api::the_table_fails_in_every_way(&turn, &failing).await;
        api::everything_is_away_for_half_a_minute(&turn, &away).await;
    };
    tokio::join!(the_bus_is_away_for_a_minute(&turn, &minute), table);
}

async fn the_bus_is_away_for_a_minute(turn: &Turn, token: &str) {
    let product = &turn.product;
    let observer = Observer::start(product, "minute").await;
    let fault = json!({ "error": { "code": "InternalException", "status": 503 } });
    turn.proxy.inject("events", &[fault]).await;
    let (began, mut companies) = (Instant::now(), Vec::new());
    for number in 0..4 {
        companies.push(company(product, token, &format!("minute-{number}")).await.0);
    }
    for company in &companies {
        assert!(observer.of_org(company).await.is_empty(), "the bus is away");
    }
    let left = Duration::from_mins(1).saturating_sub(began.elapsed());
    tokio::time::sleep(left).await;
    assert!(turn.proxy.heal("events").await[0] > 0);
    for company in &companies {
        let all = async || (observer.of_org(company).await == CREATION).then_some(());
        product.eventually("every event, once", all).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_record_among_a_hundred_is_parked_and_the_others_arrive() {
    let turn = turn().await;
    let product = &turn.product;
    let observer = Observer::start(product, "poison").await;
    let ids = Ids::random(Clock::system());
    let (org_id, clock) = (Ids::unguessable::<primitives::kind::Org>(), Clock::system());
    let good: Vec<_> = (0..99).map(|_| envelope(ids.next(), org_id, &clock)).collect();
    let mut rows: Vec<_> = good
        .iter()
        .map(|event| (table::keys::Outbox::of(event.id), serde_json::to_string(event).unwrap()))
        .map(|(key, envelope)| row(&key.pk(), &key.sk(), &envelope))
        .collect();
    rows.insert(50, row("OUTBOX#1970-01-01T00#00", "evt_poison", "{\"no\": \"event\"}"));
    let table = aws_sdk_dynamodb::Client::new(&product.sdk);
    for batch in rows.chunks(25) {
        let write = table.batch_write_item().request_items(product.stack.output("TableName"), batch.to_vec());
        write.send().await.unwrap();
    }
    let arrived = async || (observer.of_org(&org_id.to_string()).await.len() == good.len()).then_some(());
    product.eventually("the 99 good ones", arrived).await;
    let parked = async || look_into(product, "OutboxParked").await;
    let parked = product.eventually("the poison in OutboxParked", parked).await;
    let body: Value = serde_json::from_str(parked.body().unwrap()).unwrap();
    assert!(body["reason"].as_str().unwrap().contains("is no event"), "{body}");
    assert_eq!(body["record"]["dynamodb"]["Keys"]["pk"]["S"], "OUTBOX#1970-01-01T00#00", "{body}");
    assert_eq!(count(product, "OutboxParked").await, 1, "it alone");
}

fn envelope(id: EventId, org_id: OrgId, clock: &Clock) -> Envelope {
    let event = NewEvent::new(Some(org_id), &org_id, 1, &events::example::<TrialStarted>().unwrap());
    Envelope {
        id,
        kind: TrialStarted::NAME.to_owned(),
        version: TrialStarted::VERSION,
        time: clock.now(),
        org_id: Some(org_id),
        aggregate: event.aggregate,
        sequence: 1,
        correlation_id: "poison".to_owned(),
        actor: ActorRef::System("test".to_owned()),
        data: event.data,
    }
}

fn row(pk: &str, sk: &str, envelope: &str) -> WriteRequest {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = PutRequest::builder()
        .item("pk", text(pk))
        .item("sk", text(sk))
        .item("kind", text("outbox"))
        .item("envelope", text(envelope))
        .item("audit_hash", text(&"5d".repeat(32)));
    WriteRequest::builder().put_request(put.build().unwrap()).build()
}

/// A message of a queue, which stays there.
pub(super) async fn look_into(product: &Product, queue: &str) -> Option<Message> {
    let queues = aws_sdk_sqs::Client::new(&product.sdk);
    let receive = queues.receive_message().queue_url(product.stack.resource(queue)).visibility_timeout(0);
    receive.send().await.unwrap().messages?.pop()
}

/// How many messages are in a queue.
pub(super) async fn count(product: &Product, queue: &str) -> usize {
    let name = QueueAttributeName::ApproximateNumberOfMessages;
    attribute(product, queue, name).await.parse().unwrap()
}

pub(super) async fn attribute(product: &Product, queue: &str, name: QueueAttributeName) -> String {
    let queues = aws_sdk_sqs::Client::new(&product.sdk);
    let get = queues.get_queue_attributes().queue_url(product.stack.resource(queue));
    let attributes = get.attribute_names(name.clone()).send().await.unwrap().attributes.unwrap();
    attributes[&name].clone()
}
