//! Calls of functions by hand: what the AWS command line, `cargo lambda invoke` and `cargo xtask
//! operate` send.

use std::sync::Arc;

use local::{Cloud, Options};
use serde_json::{Value, json};

use crate::product::{Product, Reply, TEMPLATE, send};

async fn invoke(cloud: &Cloud, name: &str, body: impl Into<Vec<u8>>) -> Reply {
    let url = format!("{}/2015-03-31/functions/{name}/invocations", cloud.aws_url());
    send("POST", &url, &[("x-amz-invocation-type", "RequestResponse")], body).await
}

/// The status and the code of a refusal by the service, which is no failure of the function.
fn refusal(reply: &Reply) -> (u16, &str) {
    assert!(!reply.headers.contains_key("x-amz-function-error"), "{reply:?}");
    assert!(reply.json()["message"].is_string(), "{reply:?}");
    (reply.status, &reply.headers["x-amzn-errortype"])
}

/// A failure of the function: the call itself is good.
fn failure(reply: &Reply) -> Value {
    assert_eq!(
        (reply.status, reply.headers.get("x-amz-function-error").map(String::as_str)),
        (200, Some("Unhandled"))
    );
    reply.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gets_the_event_as_it_was_sent_and_its_answer_comes_back() {
    let cloud = Product::default().start().await;
    let event = json!({ "text": "ü\u{1f600}\u{0}", "number": 1.5, "list": [null, true] });
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Anotes";
    for name in ["notes", "notes:live", "notes%3Alive", arn, &format!("{arn}%3Alive")] {
        let reply = invoke(&cloud, name, event.to_string()).await;
        assert_eq!((reply.status, reply.headers.contains_key("x-amz-function-error")), (200, false));
        let seen: Value = serde_json::from_str(reply.json()["body"].as_str().unwrap()).unwrap();
        assert_eq!(seen, event, "{name}");
    }
    let nothing = invoke(&cloud, "notes", "").await;
    assert_eq!(nothing.json(), json!({ "statusCode": 200, "body": "{}" }));
    let calls = cloud.invocations(Some("notes"));
    assert_eq!(calls.len(), 6);
    assert!(calls.iter().all(|call| call.trigger == "direct" && call.error.is_none()), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_fails_with_is_an_answer_that_says_so() {
    let product = Product::default();
    let registry = product.registry().with("clock", |_| async { Err("there is no clock".into()) });
    let cloud = Cloud::start(Options::ephemeral(TEMPLATE, registry)).await.unwrap();
    let record = json!({ "dynamodb": { "NewImage": { "text": { "S": "unpublishable" } } } });
    let failed = failure(&invoke(&cloud, "outbox", json!({ "Records": [record] }).to_string()).await);
    assert_eq!(failed, json!({ "errorMessage": "this note cannot be published", "errorType": "Error" }));
    let panicked = failure(&invoke(&cloud, "notes", r#"{"httpMethod":"PATCH"}"#).await);
    assert_eq!(panicked["errorMessage"], "the function panicked: the function breaks");
    // It is there, so it is found: it cannot start.
    let started = failure(&invoke(&cloud, "clock", "{}").await);
    assert_eq!(started["errorType"], "Runtime.ExitError");
    assert!(started["errorMessage"].as_str().unwrap().ends_with("there is no clock"), "{started}");
    assert_eq!(invoke(&cloud, "notes", "{}").await.status, 200, "the next call is as good as the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_there_is_not_found() {
    let cloud = Product::default().start().await;
    let long = "n".repeat(5_000);
    for name in ["other", "Notes", "notes%2F..%2Fslow", "%2e%2e", ":live", "notes%00", long.as_str()] {
        let reply = invoke(&cloud, name, "{}").await;
        assert_eq!(refusal(&reply), (404, "ResourceNotFoundException"), "{name}");
        assert!(reply.json()["message"].as_str().unwrap().starts_with("Function not found: "));
    }
    assert_eq!(refusal(&invoke(&cloud, "%ff", "{}").await), (400, "UnknownOperationException"));
    assert_eq!(cloud.invocations(None).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_reaches_a_function_unless_it_is_json_of_its_size() {
    let cloud = Product::default().start().await;
    let deep = "[".repeat(200_000);
    let bodies: [&[u8]; 8] =
        [b"{", b"{}{}", b"{'a':1}", b"\xff\xfe", b"\0", b"1e999", b"{\"a\":\"\\ud800\"}", deep.as_bytes()];
    for body in bodies {
        let reply = invoke(&cloud, "notes", body).await;
        let start = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        assert_eq!(refusal(&reply), (400, "InvalidRequestContentException"), "{start}");
    }
    let of_size = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    let limit = 6 * 1024 * 1024;
    assert_eq!(
        refusal(&invoke(&cloud, "notes", of_size(limit + 1)).await),
        (413, "RequestTooLargeException")
    );
    assert_eq!(cloud.invocations(None).len(), 0);
    assert_eq!(invoke(&cloud, "notes", of_size(limit)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_calls_that_are_waited_for_are_taken_and_only_as_many_as_are_reserved() {
    let product = Product::default();
    let cloud = product.start().await;
    let url = format!("{}/2015-03-31/functions/notes/invocations", cloud.aws_url());
    for (method, kind) in [("POST", "Event"), ("POST", "DryRun"), ("GET", "RequestResponse")] {
        let reply = send(method, &url, &[("x-amz-invocation-type", kind)], "").await;
        assert_eq!(refusal(&reply), (400, "UnknownOperationException"), "{method} {kind}");
    }
    assert_eq!(cloud.invocations(None).len(), 0);

    let (begun, gate) = (Arc::clone(&product.begun), Arc::clone(&product.gate));
    let second = async {
        begun.notified().await;
        let reply = invoke(&cloud, "slow", "{}").await;
        gate.notify_one();
        reply
    };
    let (first, second) = tokio::join!(invoke(&cloud, "slow", "{}"), second);
    assert_eq!(refusal(&second), (429, "TooManyRequestsException"));
    assert_eq!((first.status, first.json()), (200, json!({ "statusCode": 204 })));
}
