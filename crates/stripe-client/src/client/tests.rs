use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use primitives::{Fault, FaultKind, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::SubscriptionStatus;

/// A Stripe that gives prepared answers and remembers what it was asked.
#[derive(Clone, Default)]
struct FakeStripe(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<(SocketAddr, http::request::Parts, Bytes)>,
}

enum Answer {
    Json(u16, Value),
    DoNotRetry(u16),
    Garbage,
    Silence,
}

impl FakeStripe {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    async fn start(answers: impl IntoIterator<Item = Answer>) -> (Self, Client) {
        let fake = Self::default();
        fake.script().answers.extend(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = ClientOptions {
            base_url: format!("http://{}/", listener.local_addr().unwrap()),
            attempt_timeout: Duration::from_millis(500),
            first_pause: Duration::ZERO,
            ..ClientOptions::default()
        };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        #[expect(clippy::disallowed_methods, reason = "the server lives as long as the test")]
        tokio::spawn(async move {
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
        let key = ApiKey::new(Secret::new("sk_test_1".to_owned())).unwrap();
        (fake, Client::new(key, options))
    }
}

async fn answer(
    State(fake): State<FakeStripe>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let answer = {
        let mut script = fake.script();
        script.requests.push((from, parts, body));
        script.answers.pop_front().unwrap()
    };
    let response = Response::builder().header("request-id", "req_1");
    match answer {
        Answer::Json(status, value) => response.status(status).body(Body::from(value.to_string())),
        Answer::DoNotRetry(status) => {
            response.status(status).header("stripe-should-retry", "false").body(Body::empty())
        }
        Answer::Garbage => response.body(Body::from("<html>")),
        Answer::Silence => std::future::pending().await,
    }
    .unwrap()
}

fn subscription() -> Answer {
    Answer::Json(
        200,
        json!({
            "id": "sub_1", "customer": "cus_1", "status": "past_due", "created": 1_700_000_000, "metadata": {},
            "items": {"data": [{"price": {"id": "price_1"}, "quantity": 1, "current_period_end": 20}]},
            "a_field_of_tomorrow": {"deep": [1.5, null]},
        }),
    )
}

fn failure(status: u16, code: &str) -> Answer {
    Answer::Json(status, json!({"error": {"type": "api_error", "code": code, "message": "jane@example.com"}}))
}

fn id() -> SubscriptionId {
    "sub_1".parse().unwrap()
}

#[tokio::test]
async fn retrieves_a_subscription_over_one_connection() {
    let (fake, client) = FakeStripe::start([subscription(), subscription()]).await;
    let read = client.subscription(&id()).await.unwrap();
    assert_eq!((read.status, read.quantity), (SubscriptionStatus::PastDue, Some(1)));
    client.clone().subscription(&id()).await.unwrap();

    let script = fake.script();
    let (from, request, _) = &script.requests[0];
    assert_eq!(request.uri, "/v1/subscriptions/sub_1");
    assert_eq!(request.headers["authorization"], "Bearer sk_test_1");
    assert_eq!(request.headers["stripe-version"], "2026-09-30.endive");
    assert!(!request.headers.contains_key("idempotency-key"));
    assert_eq!(*from, script.requests[1].0, "the connection is kept");
}

#[tokio::test]
async fn tries_again_after_passing_failures() {
    let (fake, client) =
        FakeStripe::start([failure(500, "x"), failure(429, "rate_limit"), subscription()]).await;
    client.subscription(&id()).await.unwrap();
    assert_eq!(fake.script().requests.len(), 3);
}

#[tokio::test]
async fn tries_again_after_silence() {
    let (fake, client) = FakeStripe::start([Answer::Silence, subscription()]).await;
    client.subscription(&id()).await.unwrap();
    assert_eq!(fake.script().requests.len(), 2);
}

#[tokio::test]
async fn gives_up_after_the_last_attempt() {
    let (fake, client) = FakeStripe::start([failure(503, "a"), failure(503, "b"), failure(503, "c")]).await;
    let error = client.subscription(&id()).await.unwrap_err();
    assert!(matches!(&error, StripeError::Unavailable { status: 503, code: Some(code), .. } if code == "c"));
    assert!(!error.to_string().contains("jane"));
    assert_eq!(fake.script().requests.len(), 3);
}

#[tokio::test]
async fn does_not_repeat_what_cannot_succeed() {
    for answer in [failure(404, "resource_missing"), failure(401, "key"), Answer::DoNotRetry(500)] {
        let (fake, client) = FakeStripe::start([answer]).await;
        let error = client.subscription(&id()).await.unwrap_err();
        let (StripeError::Refused { status, request_id, .. }
        | StripeError::Unavailable { status, request_id, .. }) = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(error.kind() == FaultKind::Unavailable, *status == 500);
        assert_eq!(error.is_missing(), *status == 404);
        assert_eq!(request_id.as_deref(), Some("req_1"));
        assert_eq!(fake.script().requests.len(), 1);
    }
}

#[tokio::test]
async fn says_when_the_answer_is_no_object() {
    let (_fake, client) = FakeStripe::start([Answer::Garbage]).await;
    assert!(matches!(client.subscription(&id()).await, Err(StripeError::Unreadable(_))));
}

#[tokio::test]
async fn says_when_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let key = ApiKey::new(Secret::new("sk_test_1".to_owned())).unwrap();
    let client =
        Client::new(key, ClientOptions { base_url, first_pause: Duration::ZERO, ..ClientOptions::default() });
    assert!(matches!(client.subscription(&id()).await, Err(StripeError::Unreachable(_))));
}

async fn post(client: &Client, strategy: Option<RequestStrategy>) -> Result<(), StripeError> {
    let request = RequestBuilder::new(StripeMethod::Post, "/customers").form(&[("name", "Acme & Co")]);
    let mut request = request.customize::<miniserde::json::Value>();
    if let Some(strategy) = strategy {
        request = request.request_strategy(strategy);
    }
    request.send(client).await.map(drop)
}

#[tokio::test]
async fn repeats_a_changing_call_under_the_same_key() {
    let key = IdempotencyKey::new("checkout-1").unwrap();
    for strategy in [Some(RequestStrategy::Idempotent(key)), None] {
        let given = strategy.is_some();
        let (fake, client) = FakeStripe::start([failure(500, "x"), Answer::Json(200, json!({}))]).await;
        post(&client, strategy).await.unwrap();

        let script = fake.script();
        let keys: Vec<_> = script
            .requests
            .iter()
            .map(|(_, request, _)| request.headers["idempotency-key"].clone())
            .collect();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0], keys[1]);
        assert_eq!(keys[0] == "checkout-1", given);
        assert_eq!(script.requests[0].2, "0[0]=name&0[1]=Acme+%26+Co");
    }
}

#[tokio::test]
async fn tries_once_when_told_so() {
    let (fake, client) = FakeStripe::start([failure(500, "x")]).await;
    post(&client, Some(RequestStrategy::Once)).await.unwrap_err();
    assert_eq!(fake.script().requests.len(), 1);
}

fn customer() -> CustomerId {
    "cus_1".parse().unwrap()
}

#[tokio::test]
async fn a_customer_is_deleted_and_one_that_is_gone_is_too() {
    let gone = json!({ "id": "cus_1", "object": "customer", "deleted": true });
    let (fake, client) = FakeStripe::start([Answer::Json(200, gone), failure(404, "resource_missing")]).await;
    for _ in 0..2 {
        client.delete_customer(&customer()).await.unwrap();
    }
    for (_, parts, _) in &fake.script().requests {
        assert_eq!((parts.method.as_str(), parts.uri.path()), ("DELETE", "/v1/customers/cus_1"));
    }
}

#[tokio::test]
async fn a_customer_of_whom_stripe_does_not_say_so_is_not_deleted() {
    let still_there = json!({ "id": "cus_1", "object": "customer", "deleted": false });
    for answer in [
        // an address that is not Stripe's, and a key that may not
        failure(404, "url_invalid"),
        failure(403, "more_permissions_required"),
        Answer::Json(200, still_there),
        Answer::Json(200, json!({ "id": "cus_1", "object": "customer" })),
    ] {
        let (_, client) = FakeStripe::start([answer]).await;
        client.delete_customer(&customer()).await.unwrap_err();
    }
    let down = [failure(503, "a"), failure(503, "b"), failure(503, "c")];
    let (fake, client) = FakeStripe::start(down).await;
    let error = client.delete_customer(&customer()).await.unwrap_err();
    assert_eq!((error.kind(), fake.script().requests.len()), (FaultKind::Unavailable, 3));
}
