//! How a cloud ends and begins anew: stopped, killed, reset, started twice. Nothing is lost, and
//! nothing of before gets into what comes after.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use jiff::SignedDuration;
use local::{Cloud, Function, Options, StartError, State};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::product::{Product, TEMPLATE, local_api, sdk, send};

fn options(product: &Product, folder: &Path) -> Options {
    Options { state: Some(folder.to_owned()), ..Options::ephemeral(TEMPLATE, product.registry()) }
}

/// What is in the file, as the next process would find it.
fn kept(folder: &Path) -> State {
    serde_json::from_slice(&std::fs::read(folder.join("state.json")).unwrap()).unwrap()
}

fn messages(state: &State) -> usize {
    state.queues.values().map(|queue| queue.messages().count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_in_the_middle_of_a_jump_fails_nothing_and_the_rest_comes_later() {
    let (product, folder) = (Product::default(), tempfile::tempdir().unwrap());
    let cloud = Cloud::start(options(&product, folder.path())).await.unwrap();
    let ticks = Arc::clone(&product.ticks);
    let moving = {
        let url = format!("{}/_local/api/clock", cloud.api_url());
        let headers = [("content-type", "application/json")];
        async move { send("POST", &url, &headers, r#"{"advance":"400d"}"#).await.json() }
    };
    let stopping = async {
        while ticks.load(Ordering::SeqCst) < 50 {
            tokio::task::yield_now().await;
        }
        let began = std::time::Instant::now();
        cloud.stop().await.unwrap();
        began.elapsed()
    };
    let (answer, took) = tokio::join!(moving, stopping);
    assert!(took.as_secs_f64() < 2.0, "it stops at once: {took:?}");
    assert_eq!(answer["idle"], false, "the clock did not arrive: {answer}");
    let (state, ran) = (kept(folder.path()), product.ticks.load(Ordering::SeqCst));
    assert_eq!(messages(&state), 0, "no run failed");
    assert!(ran < 9_000, "it was in the middle");

    let cloud = Cloud::start(options(&product, folder.path())).await.unwrap();
    assert_eq!(cloud.clock().offset_milliseconds(), state.clock_offset_milliseconds);
    let next = cloud.inspect(|state| state.schedules["hourly"].next_run);
    assert!(next.duration_since(cloud.clock().now()) <= SignedDuration::from_hours(1), "{next}");
    cloud.advance(SignedDuration::from_hours(10)).await;
    let after = product.ticks.load(Ordering::SeqCst) - ran;
    assert!((10..=11).contains(&after), "no hour is left out: {after}");
    assert_eq!(messages(&cloud.inspect(|state| serde_json::from_value(json!(state)).unwrap())), 0);
    cloud.stop().await.unwrap();
}

/// A schedule whose function hangs for the first time.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_end_cuts_off_is_no_dead_letter_and_runs_at_the_next_start() {
    let (product, folder) = (Product::default(), tempfile::tempdir().unwrap());
    let (calls, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let registry = || {
        let (calls, begun) = (Arc::clone(&calls), Arc::clone(&begun));
        product.registry().with("clock", move |_| {
            let (calls, begun) = (Arc::clone(&calls), Arc::clone(&begun));
            async move {
                let function: Function = Arc::new(move |_| {
                    let (calls, begun) = (Arc::clone(&calls), Arc::clone(&begun));
                    Box::pin(async move {
                        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                            begun.notify_one();
                            std::future::pending::<()>().await;
                        }
                        Ok(Value::Null)
                    })
                });
                Ok(function)
            }
        })
    };
    let options =
        || Options { state: Some(folder.path().to_owned()), ..Options::ephemeral(TEMPLATE, registry()) };
    let cloud = Cloud::start(options()).await.unwrap();
    let url = format!("{}/_local/api/clock", cloud.api_url());
    let moving = send("POST", &url, &[("content-type", "application/json")], r#"{"advance":"2h"}"#);
    let stopping = async {
        begun.notified().await;
        cloud.stop().await.unwrap();
    };
    tokio::join!(moving, stopping);
    assert_eq!(calls.load(Ordering::SeqCst), 1, "it is not tried again while everything ends");
    assert_eq!(messages(&kept(folder.path())), 0);

    let cloud = Cloud::start(options()).await.unwrap();
    cloud.advance(SignedDuration::ZERO).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the run that was cut off");
    cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_has_kept_what_its_services_promised() {
    let (product, folder) = (Product::default(), tempfile::tempdir().unwrap());
    let cloud = Cloud::start(options(&product, folder.path())).await.unwrap();
    let config = sdk(cloud.aws_url()).await;
    let (ses, sqs) = (aws_sdk_sesv2::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let part = |text: &str| Content::builder().data(text).build().unwrap();
    let url = sqs.get_queue_url().queue_name("plain").send().await.unwrap().queue_url.unwrap();
    for number in 1..=20 {
        let message =
            Message::builder().subject(part("x")).body(Body::builder().text(part("y")).build()).build();
        ses.send_email()
            .from_email_address("hello@gantry.example")
            .destination(Destination::builder().to_addresses("ada@example.com").build())
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await
            .unwrap();
        assert_eq!(kept(folder.path()).mails.len(), number, "the answer comes after the file");
        sqs.send_message().queue_url(&url).message_body("z").send().await.unwrap();
        assert_eq!(messages(&kept(folder.path())), number);
    }
    let answer = local_api(&cloud, "POST", "/stripe/subscribe", json!({ "org_id": "org_1" })).await.json();
    assert_eq!(answer["deliveries"][0]["status"], 200);
    assert_eq!(kept(folder.path()).stripe.all("subscription").len(), 1);
    let moved = local_api(&cloud, "POST", "/clock", json!({ "advance": "3d" })).await.json();
    let offset = std::fs::read_to_string(folder.path().join("state.clock")).unwrap();
    let milliseconds: i64 = offset.parse().unwrap();
    assert_eq!(moved["offset_seconds"], milliseconds / 1_000);
    // The state file may be older than the clock's, and the clock does not fall back.
    drop(cloud);
    let mut old = kept(folder.path());
    old.clock_offset_milliseconds = 0;
    std::fs::write(folder.path().join("state.json"), serde_json::to_vec(&old).unwrap()).unwrap();
    let cloud = Cloud::start(options(&product, folder.path())).await.unwrap();
    assert_eq!(cloud.clock().offset_milliseconds(), milliseconds);
    cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_was_killed_half_way_is_finished_at_the_next_start() {
    let (product, folder) = (Product::default(), tempfile::tempdir().unwrap());
    let cloud = Cloud::start(options(&product, folder.path())).await.unwrap();
    let reply = send("POST", &format!("{}/notes", cloud.api_url()), &[], "poison").await;
    assert_eq!(reply.status, 202);
    assert!(cloud.drain().await);
    cloud.advance(SignedDuration::from_hours(1)).await;
    cloud.stop().await.unwrap();
    // The last thing that a reset writes before it touches the table.
    let mut state = kept(folder.path());
    assert_eq!(messages(&state), 1);
    state.is_resetting = true;
    std::fs::write(folder.path().join("state.json"), serde_json::to_vec(&state).unwrap()).unwrap();

    let cloud = Cloud::start(options(&product, folder.path())).await.unwrap();
    assert!(cloud.drain().await);
    assert_eq!(local_api(&cloud, "GET", "/table", Value::Null).await.json()["items"], json!([]));
    assert_eq!(messages(&cloud.inspect(|state| serde_json::from_value(json!(state)).unwrap())), 0);
    assert_eq!(cloud.clock().offset_milliseconds(), 0);
    assert!(!kept(folder.path()).is_resetting);
    cloud.stop().await.unwrap();
}

/// The slow function is called, and the reset comes: the call is cut off, and its answer does not
/// come from the new world.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_cuts_off_what_does_not_end_and_makes_the_functions_anew() {
    let product = Product::default();
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let registry = product.registry().with("hook", move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            let function: Function = Arc::new(move |_| {
                Box::pin(async move { Ok(json!({ "statusCode": 200, "body": number.to_string() })) })
            });
            Ok(function)
        }
    });
    let cloud = Cloud::start(Options::ephemeral(TEMPLATE, registry)).await.unwrap();
    let hook = format!("{}/hooks/stripe", cloud.api_url());
    for _ in 0..2 {
        assert_eq!(send("POST", &hook, &[], "{}").await.body, b"1", "one instance for all calls");
    }
    let slow = format!("{}/slow", cloud.api_url());
    let (cut_off, reset) = tokio::join!(send("GET", &slow, &[], ""), async {
        product.begun.notified().await;
        local_api(&cloud, "POST", "/reset", Value::Null).await
    });
    assert_eq!((cut_off.status, reset.status), (502, 200));
    assert_eq!(send("POST", &hook, &[], "{}").await.body, b"2", "a new instance");
    assert!(cloud.invocations(Some("slow")).is_empty(), "what was cut off has not failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_interrupts_a_jump_of_the_clock() {
    let product = Product::default();
    let cloud = product.start().await;
    let jump = local_api(&cloud, "POST", "/clock", json!({ "advance": "400d" }));
    let reset = async {
        while product.ticks.load(Ordering::SeqCst) < 50 {
            tokio::task::yield_now().await;
        }
        local_api(&cloud, "POST", "/reset", Value::Null).await
    };
    let (jump, reset) = tokio::join!(jump, reset);
    assert_eq!((jump.json()["idle"].as_bool(), reset.status), (Some(false), 200));
    assert_eq!(reset.json()["offset_seconds"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_used_by_one_process_at_a_time() {
    let (product, folder) = (Product::default(), tempfile::tempdir().unwrap());
    let first = Cloud::start(options(&product, folder.path())).await.unwrap();
    send("POST", &format!("{}/notes", first.api_url()), &[], "kept").await;
    for reset in [false, true] {
        let second = Cloud::start(Options { reset, ..options(&product, folder.path()) }).await.unwrap_err();
        let StartError::InUse { holder, .. } = &second else { panic!("{second}") };
        assert!(holder.contains(first.api_url()), "{second}");
        assert!(holder.contains(&std::process::id().to_string()), "{second}");
    }
    first.stop().await.unwrap();
    let again = Cloud::start(options(&product, folder.path())).await.unwrap();
    assert_eq!(local_api(&again, "GET", "/table", Value::Null).await.json()["items"][0]["text"], "kept");
    again.stop().await.unwrap();
    let emptied = Cloud::start(Options { reset: true, ..options(&product, folder.path()) }).await.unwrap();
    assert_eq!(local_api(&emptied, "GET", "/table", Value::Null).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_table_says_what_to_do() {
    let (product, folder) = (Product::default(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("table.sqlite"), [7_u8; 4_096]).unwrap();
    let error = Cloud::start(options(&product, folder.path())).await.unwrap_err().to_string();
    assert!(error.contains("table.sqlite is damaged") && error.contains("--reset"), "{error}");
    assert!(!error.contains("encrypt"), "{error}");
}
