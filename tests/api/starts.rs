//! What an instance has done when its first request comes.

use lambda_host::{Context, LambdaEvent};
use local::functions::build;
use primitives::Clock;
use test_support::Recorder;

use crate::{crashes::request, product::Product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_finds_the_keys_read_and_asks_for_no_cursor_key() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let environment = product.cloud.template().functions["api-members"].environment.clone();
    let clock = Clock::shifted(product.cloud.clock().shared_offset());
    let recorder = Recorder::default();
    let (_, function) =
        build("api-members", environment, clock, Some(recorder.http_client("api-members"))).await.unwrap();
    let authorization = format!("Bearer {token}");
    let event = request("GET", "/v1/orgs/current/members", &[("authorization", authorization.as_str())], "");
    let answer = function.invoke(LambdaEvent::new(event, Context::default())).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let calls: Vec<_> = recorder.calls().into_iter().filter_map(|call| call.target).collect();
    assert_eq!(calls, ["GetItem", "BatchGetItem", "Query"].map(|call| format!("DynamoDB_20120810.{call}")));
}
