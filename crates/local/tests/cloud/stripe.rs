//! The fake Stripe: signed webhooks through the front door, and its API with the real client.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::product::{Product, local_api, send};

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
    let missing = send("GET", &format!("{}/v1/subscriptions/sub_x", cloud.stripe_url()), &[], "").await;
    assert_eq!((missing.status, missing.json()["error"]["code"].as_str()), (404, Some("resource_missing")));
    assert_eq!(send("GET", &format!("{}/v1/charges/x", cloud.stripe_url()), &[], "").await.status, 404);
}
