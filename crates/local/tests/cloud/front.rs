//! The front door: what a function gets, what a caller gets, and what the gateway answers by
//! itself.

use crate::product::{Product, local_api, send};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_a_proxy_event() {
    let cloud = Product::default().start().await;
    let url = format!("{}/notes/a%20b/c?x=1&x=2&y=%26", cloud.api_url());
    let event = send("PUT", &url, &[("x-one", "1"), ("accept", "a"), ("accept", "b")], "text").await.json();
    assert_eq!(event["resource"], "/notes/{proxy+}");
    assert_eq!(event["path"], "/notes/a%20b/c");
    assert_eq!(event["pathParameters"], json!({ "proxy": "a b/c" }));
    assert_eq!(event["httpMethod"], "PUT");
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "x": ["1", "2"], "y": ["&"] }));
    assert_eq!(event["queryStringParameters"], json!({ "x": "2", "y": "&" }));
    assert_eq!(event["multiValueHeaders"]["Accept"], json!(["a", "b"]));
    assert_eq!(event["headers"]["X-Forwarded-For"], "127.0.0.1");
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["requestContext"]["stage"], "local");
    assert_eq!((event["body"].as_str(), event["isBase64Encoded"].as_bool()), (Some("text"), Some(false)));
    let binary = send("PUT", &url, &[], vec![0xff, 0x00]).await.json();
    assert_eq!((binary["body"].as_str(), binary["isBase64Encoded"].as_bool()), (Some("/wA="), Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_for_what_reaches_no_function() {
    let product = Product::default();
    let cloud = product.start().await;
    let url = |path: &str| format!("{}{path}", cloud.api_url());
    let unknown = send("GET", &url("/nothing"), &[], "").await;
    assert_eq!((unknown.status, unknown.json()), (403, json!({ "message": "Missing Authentication Token" })));
    assert_eq!(send("POST", &url("/slow"), &[], "").await.status, 403);
    let large = send("POST", &url("/notes"), &[], vec![b'x'; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(large.status, 413);
    assert_eq!(send("DELETE", &url("/notes"), &[], "").await.status, 502);
    assert_eq!(send("PATCH", &url("/notes"), &[], "").await.status, 502);
    let calls = local_api(&cloud, "GET", "/invocations?function=notes", Value::Null).await.json();
    assert!(calls["items"][0]["error"].as_str().unwrap().contains("the function breaks"));
    assert!(calls["items"][1]["error"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_concurrency_throttles() {
    let product = Product::default();
    let cloud = product.start().await;
    let url = format!("{}/slow", cloud.api_url());
    let first = async {
        let reply = send("GET", &url, &[], "").await;
        assert_eq!(reply.status, 204);
    };
    let second = async {
        product.begun.notified().await;
        let reply = send("GET", &url, &[], "").await;
        assert_eq!(reply.status, 429);
        assert_eq!(reply.headers["retry-after"], "1");
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert_eq!(reply.json()["code"], "rate_limited");
        assert!(!reply.json()["request"].as_str().unwrap().starts_with('$'));
        product.gate.notify_one();
    };
    tokio::join!(first, second);
    // The time-out of the function is an error too.
    assert_eq!(send("GET", &url, &[], "").await.status, 502);
    let calls = local_api(&cloud, "GET", "/invocations?function=slow", Value::Null).await.json();
    assert_eq!(calls["items"][0]["error"], "Task timed out after 5.00 seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_api_answers_its_own_pages_only() {
    let cloud = Product::default().start().await;
    let url = format!("{}/_local/api/reset", cloud.api_url());
    assert_eq!(send("POST", &url, &[("origin", "https://evil.example")], "").await.status, 403);
    assert_eq!(send("POST", &url, &[("host", "evil.example:3000")], "").await.status, 403);
    assert_eq!(send("POST", &url, &[("origin", cloud.api_url())], "").await.status, 200);
    assert_eq!(local_api(&cloud, "GET", "/nothing", Value::Null).await.status, 404);
    assert_eq!(send("GET", &format!("{}/_local", cloud.api_url()), &[], "").await.status, 200);
    assert_eq!(send("GET", &format!("{}/_local/", cloud.api_url()), &[], "").await.status, 307);
}
