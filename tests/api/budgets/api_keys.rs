//! The keys of programs, and what a request with one costs.

use jiff::SignedDuration;

use super::{Measured, json};

/// Liv's organization has keys, some of them of somebody who leaves.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (liv, _) = product.owner("liv@example.com", "liv-and-sons").await;
    let (keys, function) = ("/v1/orgs/current/api-keys", "api-keys");
    let scopes = ["org:read", "members:read", "invites:read", "billing:read", "tokens:read"];
    let new = json!({ "name": "CI", "scopes": scopes, "allowed_addresses": ["127.0.0.0/8", "192.0.2.0/24"] });
    let made = measured.post("POST /v1/orgs/current/api-keys", function, &liv, &new).await;
    let (one, text) = (format!("{keys}/{}", made.text("/api_key/id")), made.text("/secret"));
    measured.get(keys, "GET /v1/orgs/current/api-keys", function, &liv).await;
    measured.get(&one, "GET /v1/orgs/current/api-keys/{key_id}", function, &liv).await;
    // the first use in a minute is noted by one more write, which no route answers for
    product.get("/v1/orgs/current", &text).await;
    let current = "/v1/orgs/current/api-keys/current";
    measured.get(current, "GET /v1/orgs/current/api-keys/current", function, &text).await;
    for (path, route, function) in [
        ("/v1/orgs/current", "GET /v1/orgs/current", "api-orgs"),
        ("/v1/orgs/current/members", "GET /v1/orgs/current/members", "api-members"),
        ("/v1/orgs/current/invites", "GET /v1/orgs/current/invites", "api-members"),
        ("/v1/billing/subscription", "GET /v1/billing/subscription", "api-billing"),
    ] {
        product.get(path, &text).await;
        measured.again(route, function);
    }
    let route = "PATCH /v1/orgs/current/api-keys/{key_id}";
    measured.change(&one, route, function, &liv, &json!({ "name": "CD", "scopes": ["org:read"] })).await;
    let route = "POST /v1/orgs/current/api-keys/{key_id}/rotate";
    measured.change(&format!("{one}/rotate"), route, function, &liv, &json!({})).await;
    let route = "DELETE /v1/orgs/current/api-keys/{key_id}";
    measured.change(&one, route, function, &liv, &json!(null)).await;
    let (max, member) = product.joined(&liv, "max@example.com", "admin").await;
    for number in 0..3 {
        let new = json!({ "name": format!("{number}"), "scopes": ["org:read"] });
        assert!(product.post_as(keys, &max, &new).await.status.is_success());
    }
    product.advance(SignedDuration::from_secs(1)).await;
    let route = "DELETE /v1/orgs/current/members/{member_id}";
    let path = format!("/v1/orgs/current/members/{member}");
    product.delete(&path, &liv).await;
    measured.again(route, "api-members");
}
