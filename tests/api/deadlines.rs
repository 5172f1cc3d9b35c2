//! A service that hangs costs its caller an answer, never the invocation.

use std::time::Duration;

use lambda_host::{Context, LambdaEvent};
use local::functions::build;
use primitives::Clock;
use serde_json::{Value, json};
use test_support::{Database, Services};
use tokio::net::TcpListener;

use crate::samples::samples;

/// Gives a function this long, and a table that takes connections and never answers; what it makes of the
/// event, and how long that took.
async fn with_a_hanging_table(function: &str, case: &str, time: Duration) -> (Value, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (database, services) = (Database::start().await, Services::start().await);
    let mut environment: local::Environment = services.environment(&database).into_iter().collect();
    let url = format!("http://{}", listener.local_addr().unwrap());
    environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), url);
    let (_, built) = build(function, environment, Clock::system(), None).await.unwrap();
    let found = samples().into_iter().find(|(of, name, _)| of == function && name == case);
    let (_, _, event) = found.unwrap();
    let mut context = Context::default();
    let deadline = Clock::system().now() + jiff::SignedDuration::try_from(time).unwrap();
    context.deadline = deadline.as_millisecond().unsigned_abs();
    let began = tokio::time::Instant::now();
    (built.invoke(LambdaEvent::new(event, context)).await.unwrap(), began.elapsed())
}

#[tokio::test]
async fn a_request_is_answered_before_its_time_is_up() {
    let time = Duration::from_secs(2);
    let (answer, took) = with_a_hanging_table("api-auth", "signing-keys.json", time).await;
    assert!(took < time, "{took:?}");
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let problem: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&json!("unavailable"), &json!(503)));
    assert_eq!(answer["multiValueHeaders"]["content-type"], json!(["application/problem+json"]));
    assert_eq!(answer["multiValueHeaders"]["retry-after"], json!(["1"]));
}

#[tokio::test]
async fn a_message_is_given_back_before_its_time_is_up() {
    let time = Duration::from_secs(2);
    let (answer, took) = with_a_hanging_table("queue-push-delivery", "two-people.json", time).await;
    assert!(took < time, "{took:?}");
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{answer}");
}
