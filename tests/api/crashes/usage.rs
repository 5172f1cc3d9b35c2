//! What organizations use.

use system_tests::answer::Answer;

use super::*;
use crate::usage::{EVENTS, RESERVATIONS, event};

/// A request of the function with this token, and a key of its own where that repeats it.
fn of(token: &str, path: &str, kind: &str, body: &Value) -> (&'static str, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", kind), ("idempotency-key", "once")];
    let headers = if path == RESERVATIONS { &headers[..] } else { &headers[..2] };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ("api-usage", request("POST", path, headers, &body))
}

async fn held(product: &Product) -> (String, Answer) {
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let held =
        product.post_as(RESERVATIONS, &ada, &json!({ "meter": "ai_tokens", "amount": 90_000_000 })).await;
    product.settle().await;
    (ada, held)
}

fn batch() -> Value {
    json!([
        event("1", "api_calls", &json!(null)),
        event("2", "ai_tokens", &json!(85_000_000)),
        event("3", "active_users", &json!("ada")),
        event("4", "projects", &json!(4)),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reporting_usage() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            of(&ada, EVENTS, "application/cloudevents-batch+json", &batch())
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_an_amount_aside() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            of(&ada, RESERVATIONS, "application/json", &json!({ "meter": "ai_tokens", "amount": 7 }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settling_what_was_set_aside() {
    check(|product| {
        Box::pin(async move {
            let (ada, held) = held(product).await;
            let path = format!("{RESERVATIONS}/{}/settle", held.text("/id"));
            of(&ada, &path, "application/json", &json!({ "amount": 5 }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_back_what_was_set_aside() {
    check(|product| {
        Box::pin(async move {
            let (ada, held) = held(product).await;
            of(
                &ada,
                &format!("{RESERVATIONS}/{}/release", held.text("/id")),
                "application/json",
                &Value::Null,
            )
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn summing_usage_up() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (ada, org_id) = product.owner("ada@example.com", "acme").await;
            product.stripe_meters().await;
            product.local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1 })).await;
            let (mut events, time) = (batch(), product.cloud.clock().now() - SignedDuration::from_hours(2));
            for event in events.as_array_mut().unwrap() {
                event["time"] = json!(time.to_string());
            }
            assert_eq!(product.report(&ada, &events).await.body["accepted"], 4);
            product.settle().await;
            ("cron-usage-rollup", json!({}))
        })
    };
    Case {
        prepare,
        // what is summed up already is closed by the run after that
        happens_again: true,
        ahead: SignedDuration::from_mins(6),
        wait: SignedDuration::from_mins(46),
    }
    .check()
    .await;
}
