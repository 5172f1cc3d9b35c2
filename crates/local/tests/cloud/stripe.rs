//! The fake Stripe: signed webhooks through the front door, and its API with the real client.

use std::collections::BTreeSet;

use base64::Engine as _;
use jiff::SignedDuration;
use local::Cloud;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::product::{Product, local_api, sdk, send};

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_signed_doubled_and_shuffled() {
    let cloud = Product::default().start().await;
    // The signature's time follows the virtual clock, like the hook's.
    cloud.advance(SignedDuration::from_hours(48)).await;
    let act = |action: &'static str, request: Value| local_api(&cloud, "POST", action, request);
    let refused = act("/stripe/paid", json!({ "org_id": "org_1" })).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let answer =
        act("/stripe/subscribe", json!({ "org_id": "org_1", "times": 2, "shuffle": true })).await.json();
    let deliveries = answer["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 6);
    assert!(deliveries.iter().all(|delivery| delivery["status"] == 200), "{answer}");
    let ids: BTreeSet<&str> =
        deliveries.iter().map(|delivery| delivery["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    for (action, status) in
        [("/stripe/payment_failed", "PastDue"), ("/stripe/paid", "Active"), ("/stripe/cancel", "Canceled")]
    {
        let answer = act(action, json!({ "org_id": "org_1" })).await.json();
        let bodies: Vec<&str> = answer["deliveries"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|delivery| delivery["body"].as_str().filter(|body| !body.is_empty()))
            .collect();
        assert_eq!(bodies, [status], "{answer}");
    }
    let stripe = local_api(&cloud, "GET", "/stripe", Value::Null).await.json();
    assert_eq!(stripe["subscriptions"][0]["status"], "canceled");
    assert_eq!(stripe["events"].as_array().unwrap().len(), 8);
    assert_eq!(act("/stripe/refund", json!({ "org_id": "org_1" })).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_hooks_and_unknown_objects_are_refused() {
    let cloud = Product::default().start().await;
    let hook = format!("{}/hooks/stripe", cloud.api_url());
    assert_eq!(send("POST", &hook, &[], "{}").await.status, 400);
    let key = stripe_key(&cloud).await;
    let basic = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{key}:")));
    let bearer = format!("Bearer {key}");
    let ask = async |method: &str, path: &str, authorization: &str| {
        let url = format!("{}{path}", cloud.stripe_url());
        let reply = send(method, &url, &[("authorization", authorization)], "name=x").await;
        assert!(reply.headers["request-id"].starts_with("req_"), "{reply:?}");
        let error = reply.json()["error"].clone();
        assert_eq!(error["type"], "invalid_request_error", "{method} {path}");
        (reply.status, error["code"].as_str().map(str::to_owned))
    };
    let missing = (404, Some("resource_missing".to_owned()));
    let unknown = (404, Some("url_invalid".to_owned()));
    for authorization in [&bearer, &basic] {
        assert_eq!(ask("GET", "/v1/subscriptions/sub_x", authorization).await, missing);
    }
    for (method, path) in [
        ("GET", "/v1/disputes/x"),
        ("PUT", "/v1/customers/cus_x"),
        ("POST", "/v1/quotes"),
        ("DELETE", "/v1/invoices/in_x"),
    ] {
        assert_eq!(ask(method, path, &bearer).await, unknown, "{method} {path}");
    }
    for stranger in ["", "Bearer sk_test_other", "Basic ???"] {
        assert_eq!(ask("GET", "/v1/subscriptions/sub_x", stranger).await, (401, None), "{stranger}");
        assert_eq!(ask("POST", "/v1/products", stranger).await, (401, None), "{stranger}");
    }
}

/// One connection serves one request after the other, also after one that was refused with its
/// body.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_leaves_its_connection_usable() {
    let cloud = Product::default().start().await;
    let authorization = format!("authorization: Bearer {}", stripe_key(&cloud).await);
    let address = cloud.stripe_url().trim_start_matches("http://").to_owned();
    let mut connection = BufReader::new(TcpStream::connect(&address).await.unwrap());
    for _ in 0..20 {
        for (line, body) in [("POST /v1/quotes", "x".repeat(100_000)), ("GET /v1/customers/x", String::new())]
        {
            let request = format!(
                "{line} HTTP/1.1\r\nhost: {address}\r\n{authorization}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            connection.get_mut().write_all(request.as_bytes()).await.unwrap();
            let (mut status, mut length, mut header) = (String::new(), 0, String::new());
            connection.read_line(&mut status).await.unwrap();
            assert!(status.starts_with("HTTP/1.1 404"), "{status}");
            while {
                header.clear();
                connection.read_line(&mut header).await.unwrap()
            } > 2
            {
                if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut answer = vec![0; length];
            connection.read_exact(&mut answer).await.unwrap();
            assert!(serde_json::from_slice::<Value>(&answer).unwrap()["error"].is_object());
        }
    }
}

pub(crate) async fn stripe_key(cloud: &Cloud) -> String {
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(cloud.aws_url()).await);
    let secret =
        secrets.get_secret_value().secret_id("StripeSecret").send().await.unwrap().secret_string.unwrap();
    serde_json::from_str::<Value>(&secret).unwrap()["api_key"].as_str().unwrap().to_owned()
}
