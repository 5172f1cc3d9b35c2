//! The whole way: HTTP → table → stream → bus → queue → worker, and what happens when a step fails.

use std::sync::atomic::Ordering;

use crate::product::{Product, local_api, send};
use jiff::SignedDuration;
use local::{Cloud, InvocationLog, Options};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

async fn write(cloud: &Cloud, text: &str) {
    let reply = send("POST", &format!("{}/notes", cloud.api_url()), &[], text).await;
    assert_eq!(reply.status, 202, "{reply:?}");
}

async fn items(cloud: &Cloud, path: &str) -> Vec<Value> {
    local_api(cloud, "GET", path, Value::Null).await.json()["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_travels_from_the_request_to_the_worker() {
    let product = Product::default();
    let cloud = product.start().await;
    write(&cloud, "hello").await;
    assert!(cloud.drain().await);
    assert_eq!(*product.done.lock().unwrap(), ["hello"]);
    let events = items(&cloud, "/events?type=note.created").await;
    assert_eq!(events[0]["matched_rules"], json!(["notes"]));
    assert_eq!(items(&cloud, "/table").await[0]["text"], "hello");
    let status = local_api(&cloud, "GET", "/status", Value::Null).await.json();
    assert_eq!(status["busy"], false);
    let worker = status["functions"].as_array().unwrap().iter().find(|one| one["name"] == "worker").unwrap();
    assert_eq!((worker["kind"].as_str(), worker["invocations"].as_u64()), (Some("queue"), Some(1)));
    cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_note_dies_after_its_receives_and_a_redrive_brings_it_back() {
    // The first test of a process to do so sets it; nextest gives each test a process of its own.
    let _set = tracing_subscriber::registry().with(InvocationLog).try_init();
    let product = Product::default();
    let cloud = product.start().await;
    for text in ["good", "poison", "fine"] {
        write(&cloud, text).await;
    }
    assert!(cloud.drain().await);
    assert_eq!(product.done.lock().unwrap().len(), 2, "a failed message does not hold up the others");
    // The second receive fails too; the third finds the receive count used up.
    let advance = cloud.advance(SignedDuration::from_mins(5)).await;
    assert!(advance.idle);
    let dead = items(&cloud, "/dead-letters").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["queue"], "dead-letters");
    assert_eq!(dead[0]["reason"], "this note cannot be worked on text=poison");
    assert_eq!(dead[0]["tries"], 2, "it was tried twice");
    let calls = items(&cloud, "/invocations?function=worker").await;
    let failed = calls.iter().find(|call| call["answer"]["batchItemFailures"][0].is_object()).unwrap();
    assert_eq!(failed["log"][0]["level"], "WARN");
    let status = local_api(&cloud, "GET", "/status", Value::Null).await.json();
    let worker = status["functions"].as_array().unwrap().iter().find(|one| one["name"] == "worker").unwrap();
    assert_eq!(worker["failed_records"], 2, "a message that failed is counted");
    product.cured.store(true, Ordering::SeqCst);
    let moved = local_api(&cloud, "POST", "/queues/dead-letters/redrive", json!({})).await.json();
    assert_eq!(moved["moved"], 1);
    assert!(cloud.drain().await);
    assert_eq!(product.done.lock().unwrap().len(), 3);
    assert!(items(&cloud, "/dead-letters").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_published_is_bisected_out_and_parked() {
    let product = Product::default();
    let cloud = product.start().await;
    let texts: Vec<String> = (0..20)
        .map(|number| if number == 7 { "unpublishable".into() } else { format!("note {number}") })
        .collect();
    let url = format!("{}/notes", cloud.api_url());
    futures::future::join_all(texts.iter().map(|text| send("POST", &url, &[], text.as_str()))).await;
    assert!(cloud.drain().await);
    let mut done = product.done.lock().unwrap().clone();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), 19);
    let parked = items(&cloud, "/queues/parked/messages").await;
    assert_eq!(parked.len(), 1);
    let body: Value = serde_json::from_str(parked[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["DDBStreamBatchInfo"]["batchSize"], 1);
    assert_eq!(body["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(parked[0]["reason"], "this note cannot be published");
    assert_eq!(parked[0]["tries"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_notes_at_once_are_all_worked_on_within_the_reserved_concurrency() {
    let product = Product::default();
    let cloud = product.start().await;
    let url = format!("{}/notes", cloud.api_url());
    let writes = (0..200).map(|number| {
        let url = url.clone();
        async move { send("POST", &url, &[], format!("{number}")).await.status }
    });
    assert!(futures::future::join_all(writes).await.iter().all(|status| *status == 202));
    assert!(cloud.drain().await);
    let mut done = product.done.lock().unwrap().clone();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), 200);
    assert!(product.most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_days_of_hourly_runs_take_seconds() {
    let product = Product::default();
    let cloud = product.start().await;
    let before = cloud.clock().now();
    let began = std::time::Instant::now();
    let answer = local_api(&cloud, "POST", "/clock", json!({ "advance": "15d" })).await.json();
    assert_eq!(answer["schedules_run"], 360, "{answer}");
    assert_eq!(product.ticks.load(Ordering::SeqCst), 360);
    assert!(cloud.clock().now() >= before + SignedDuration::from_hours(360));
    assert!(began.elapsed().as_secs() < 20);
    let schedules = items(&cloud, "/schedules").await;
    assert_eq!(schedules[0]["name"], "hourly");
    let refused = local_api(&cloud, "POST", "/clock", json!({ "advance": "-1d" })).await;
    assert_eq!(refused.status, 400);
    for (method, body, status) in
        [("POST", json!([1]), 422), ("POST", Value::Null, 400), ("PUT", json!({}), 405)]
    {
        let refused = local_api(&cloud, method, "/clock", body).await;
        assert_eq!(refused.status, status);
        assert!(refused.json()["error"].is_string(), "an error of the local API says what is wrong in JSON");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_jump_a_schedule_runs_once_and_messages_come_as_they_are_due() {
    let product = Product::default();
    let cloud = product.start().await;
    write(&cloud, "poison").await;
    assert!(cloud.drain().await);
    let planned = |cloud: &local::Cloud| cloud.inspect(|state| state.schedules["hourly"].next_run);
    let first = planned(&cloud);
    let jump = cloud.jump(SignedDuration::from_hours(24 * 365)).await;
    assert!(jump.idle, "{jump:?}");
    assert_eq!((jump.schedules_run, product.ticks.load(Ordering::SeqCst)), (1, 1));
    // the hour goes on where it would have
    let next = planned(&cloud);
    let wait = next.duration_since(cloud.clock().now());
    assert!(wait > SignedDuration::ZERO && wait <= SignedDuration::from_hours(1), "{wait:?}");
    assert_eq!(next.duration_since(first).as_secs() % 3_600, 0);
    assert_eq!(items(&cloud, "/dead-letters").await.len(), 1, "it was received again, and given up");
    // before a schedule's time it does not run
    assert_eq!(cloud.jump(wait - SignedDuration::from_secs(30)).await.schedules_run, 0);
    assert_eq!(cloud.advance(SignedDuration::from_hours(5)).await.schedules_run, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_there_after_a_restart() {
    let folder = std::env::temp_dir().join(format!("local-cloud-{}", std::process::id()));
    let product = Product::default();
    let options = || Options {
        state: Some(folder.clone()),
        ..Options::ephemeral(crate::product::TEMPLATE, product.registry())
    };
    let cloud = Cloud::start(options()).await.unwrap();
    write(&cloud, "poison").await;
    assert!(cloud.drain().await);
    cloud.advance(SignedDuration::from_hours(10)).await;
    let (secret, dead) = (cloud.inspect(|state| state.secrets.clone()), items(&cloud, "/dead-letters").await);
    assert_eq!(dead.len(), 1);
    let environment = std::fs::read_to_string(cloud.write_environment().unwrap().unwrap()).unwrap();
    assert!(environment.contains(&format!("AWS_ENDPOINT_URL={}\n", cloud.aws_url())), "{environment}");
    let ahead = cloud.clock().offset_milliseconds();
    cloud.stop().await.unwrap();

    let cloud = Cloud::start(options()).await.unwrap();
    assert!(cloud.drain().await);
    assert_eq!(cloud.clock().offset_milliseconds(), ahead);
    assert_eq!(items(&cloud, "/dead-letters").await, dead);
    assert_eq!(items(&cloud, "/table").await.len(), 1);
    cloud.inspect(|state| assert_eq!(format!("{secret:?}"), format!("{:?}", state.secrets)));
    assert_eq!(cloud.invocations(Some("outbox")).len(), 0, "the checkpoint of the stream is kept");

    assert_eq!(local_api(&cloud, "POST", "/reset", Value::Null).await.status, 200);
    assert!(items(&cloud, "/table").await.is_empty());
    assert!(items(&cloud, "/dead-letters").await.is_empty());
    product.cured.store(true, Ordering::SeqCst);
    write(&cloud, "after").await;
    assert!(cloud.drain().await);
    assert_eq!(*product.done.lock().unwrap(), ["after"]);
    cloud.stop().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn items_past_their_time_to_live_go_with_the_clock() {
    let product = Product::default();
    let cloud = product.start().await;
    let table = aws_sdk_dynamodb::Client::new(&crate::product::sdk(cloud.dynamodb_url()).await);
    for (pk, days) in [("a", 1), ("b", 30)] {
        let expires = cloud.clock().now().as_second() + days * 86_400;
        table
            .put_item()
            .table_name("Table")
            .item("pk", aws_sdk_dynamodb::types::AttributeValue::S(pk.into()))
            .item("sk", aws_sdk_dynamodb::types::AttributeValue::S("x".into()))
            .item("expires_at", aws_sdk_dynamodb::types::AttributeValue::N(expires.to_string()))
            .send()
            .await
            .unwrap();
    }
    cloud.advance(SignedDuration::from_hours(48)).await;
    let left = items(&cloud, "/table").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["pk"], "b");
    assert_eq!(items(&cloud, "/table?pk=b").await.len(), 1);
}
