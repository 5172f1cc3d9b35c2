//! A reset of the local cloud: what was signed is worth nothing afterwards, and what is signed afterwards is
//! good everywhere.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::product::Product;

const ADA: &str = "ada@example.com";

/// Signs in and calls each function behind the API once.
async fn walk(product: &Product) {
    let (token, org_id) = product.owner(ADA, "acme").await;
    for path in ["/v1/me", "/v1/orgs/current", "/v1/billing/subscription", "/v1/me/devices"] {
        let answer = product.get(path, &token).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    }
    let paid = product.local_post("/stripe/subscribe", &json!({ "org_id": org_id })).await;
    assert_eq!(paid["deliveries"][0]["status"], 200, "{paid}");
    product.settle().await;
    assert!(product.subjects(ADA).await.len() >= 2, "the link and the welcome");
}

async fn reset(product: &Product) {
    let answer = product.local_post("/reset", &Value::Null).await;
    assert_eq!(answer["offset_seconds"], 0, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reset_everybody_signs_in_anew_and_every_function_takes_the_token() {
    let product = Product::start().await;
    // Only api-auth has been called, and has published its key in the table that the reset empties.
    let before = product.sign_in(ADA).await.text("/access_token");
    reset(&product).await;
    assert_eq!(product.get("/v1/me", &before).await.status, StatusCode::UNAUTHORIZED);
    // A function that has just missed a key looks for it no more often than once a second.
    product.advance(SignedDuration::from_secs(1)).await;
    walk(&product).await;
    // Twice within the time for which a key counts as published, once behind a moved clock, and functions
    // that have been called before.
    reset(&product).await;
    walk(&product).await;
    product.jump(SignedDuration::from_hours(30 * 24)).await;
    reset(&product).await;
    walk(&product).await;
    assert_eq!(product.local("/dead-letters").await["items"], json!([]));
}
