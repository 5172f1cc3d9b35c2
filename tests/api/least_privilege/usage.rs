//! Usage: counted, counted again, refused, set aside, summed up.

use jiff::SignedDuration;
use serde_json::json;

use crate::{
    product::Product,
    usage::{RESERVATIONS, event},
};

/// Una's organization uses something of everything.
pub(super) async fn counted_and_summed_up(product: &Product) {
    let (una, org_id) = product.owner("una@example.com", "una-and-sons").await;
    product.stripe_meters().await;
    product.local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1 })).await;
    let (_, key) = product.api_key(&una, &["usage:write"]).await;
    let events = json!([
        event("1", "api_calls", &json!(null)),
        event("2", "ai_tokens", &json!(90_000_000)),
        event("3", "storage", &json!(7)),
        event("4", "active_users", &json!("una")),
    ]);
    for _ in 0..2 {
        assert_eq!(product.report(&una, &events).await.body["refused"], 0);
    }
    assert_eq!(product.report(&una, &event("5", "ai_tokens", &json!(90_000_000))).await.body["refused"], 1);
    let mut packed = event("6", "edge_requests", &json!(3));
    packed["time"] = json!(product.cloud.clock().now().to_string());
    product.report(&una, &packed).await;
    // more users in an hour than are known one by one
    for batch in 0..2_u32 {
        let users = (0..100)
            .map(|user| event(&format!("{batch}.{user}"), "active_users", &json!(format!("{batch}.{user}"))));
        product.report(&una, &users.collect()).await;
    }
    let hold = async |amount: u64| {
        let request = product.request(reqwest::Method::POST, RESERVATIONS).bearer_auth(&una);
        let request = request.header("idempotency-key", format!("hold-{amount}"));
        product.send(request.json(&json!({ "meter": "ai_tokens", "amount": amount }))).await
    };
    for (amount, how, body) in
        [(2_000_000, "settle", json!({ "amount": 1 })), (3_000_000, "release", json!(null))]
    {
        let path = format!("{RESERVATIONS}/{}/{how}", hold(amount).await.text("/id"));
        product.post_as(&path, &una, &body).await;
    }
    // one that is refused, and one that is left until somebody needs the room
    hold(20_000_000).await;
    hold(9_000_000).await;
    product.get("/v1/usage/quotas", &una).await;
    product.get("/v1/usage?meter=ai_tokens", &una).await;
    product.advance(SignedDuration::from_mins(6)).await;
    hold(9_000_001).await;
    product.untold(&org_id).await;
    product.advance(SignedDuration::from_hours(3)).await;
    product.settle().await;
    // still to be summed up at the end
    product.report(&key, &event("7", "api_calls", &json!(null))).await;
}
