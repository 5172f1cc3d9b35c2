//! The audit log: what a page and an event cost, in whatever way they are asked for.

use super::{Measured, json};

/// Eve's organization has a log of some thirty events.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (eve, _) = product.owner("eve@example.com", "eve-and-sons").await;
    for number in 0..30 {
        let new = json!({ "name": format!("{number}"), "scopes": ["org:read"] });
        assert!(product.post_as("/v1/orgs/current/api-keys", &eve, &new).await.status.is_success());
    }
    let (log, function) = ("/v1/audit/events", "api-audit");
    // a page of up to 4 KB, as of every list
    let log = format!("{log}?limit=2");
    measured.get(&log, "GET /v1/audit/events", function, &eve).await;
    let newest = product.get(&log, &eve).await.body["items"][0].clone();
    for (name, path) in [("actor_id", "/actor/id"), ("target_id", "/target/id"), ("action", "/action")] {
        let value = newest.pointer(path).and_then(|value| value.as_str()).unwrap();
        // of a whole action up to a hundred events are looked at
        let value = value.split('.').next().unwrap();
        product.get(&format!("{log}&{name}={value}"), &eve).await;
        measured.again("GET /v1/audit/events", function);
    }
    let one = format!("/v1/audit/events/{}", newest["id"].as_str().unwrap());
    measured.get(&one, "GET /v1/audit/events/{event_id}", function, &eve).await;
    product.advance(jiff::SignedDuration::from_hours(1)).await;
    let token = product.sign_in("eve@example.com").await.text("/access_token");
    let eve = product.within(&token).await;
    // one chain goes on, and all others are anchored
    let new = json!({ "name": "One more", "scopes": ["org:read"] });
    assert!(product.post_as("/v1/orgs/current/api-keys", &eve, &new).await.status.is_success());
    product.settle().await;
    let run = product.cloud.invoke("cron-audit-anchors", json!({})).await.unwrap();
    assert_eq!(run["anchored"], 1, "{run}");
    measured.worker("cron-audit-anchors");
    product.settle().await;
    measured.get("/v1/audit/anchors?limit=2", "GET /v1/audit/anchors", function, &eve).await;
}
