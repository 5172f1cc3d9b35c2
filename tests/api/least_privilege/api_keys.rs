//! The keys of programs.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::product::Product;

/// Oda's organization: programs ask with keys, which change, and end with whoever made them.
pub(super) async fn made_and_used(product: &Product) {
    let (oda, _) = product.owner("oda@example.com", "oda-and-sons").await;
    let keys = "/v1/orgs/current/api-keys";
    let scopes = ["org:read", "members:read", "invites:read", "billing:read", "tokens:read", "audit:read"];
    let text = product.key(&oda, &scopes).await;
    let [orgs, members, invites] = ["/orgs/current", "/orgs/current/members", "/orgs/current/invites"];
    for path in [orgs, members, invites, "/billing/subscription", "/audit/events?limit=1"] {
        let answer = product.get(&format!("/v1{path}"), &text).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        // each function notes a use by itself
        product.advance(SignedDuration::from_secs(61)).await;
    }
    let asked = product.request(Method::POST, "/v1/auth/introspect").bearer_auth(&text);
    let asked =
        asked.header("content-type", "application/x-www-form-urlencoded").body(format!("token={oda}"));
    assert!(product.send(asked).await.status.is_success());
    product.advance(SignedDuration::from_secs(61)).await;
    let current = product.get(&format!("{keys}/current"), &text).await;
    let one = format!("{keys}/{}", current.text("/id"));
    product.get(&format!("{keys}?cursor=forged"), &oda).await;
    product.get(keys, &oda).await;
    product.get(&one, &oda).await;
    let once = product.request(Method::POST, keys).bearer_auth(&oda).header("idempotency-key", "once");
    product.send(once.json(&json!({ "name": "CI", "scopes": ["org:read"] }))).await;
    let refused = product.request(Method::POST, keys).bearer_auth(&oda).header("idempotency-key", "twice");
    let past = json!({ "name": "CI", "scopes": ["org:read"], "expires_at": "2020-01-01T00:00:00Z" });
    product.send(refused.json(&past)).await;
    let patch = product.request(Method::PATCH, &one).bearer_auth(&oda).json(&json!({ "name": "CD" }));
    product.send(patch).await;
    product.post_as(&format!("{one}/rotate"), &oda, &json!({})).await;
    product.delete(&one, &oda).await;
    let of_leavers = async |policy: &str| {
        let policies = product.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&oda);
        let set = product.send(policies.json(&json!({ "api_keys_of_leavers": policy }))).await;
        assert!(set.status.is_success(), "{set:?}");
    };
    for (policy, email) in [("revoke", "pia@example.com"), ("keep", "pim@example.com")] {
        of_leavers(policy).await;
        let (leaver, member) = product.joined(&oda, email, "admin").await;
        product.key(&leaver, &["org:read"]).await;
        product.delete(&format!("/v1/orgs/current/members/{member}"), &oda).await;
    }
    // once with a key that ends by it, and once without one
    for policy in ["revoke", "keep", "revoke"] {
        of_leavers(policy).await;
    }
    product.settle().await;
    let log = product.get("/v1/audit/events?action=api_key&limit=1", &oda).await;
    let event = log.text("/items/0/id");
    product.get(&format!("/v1/audit/events?action=api_key&cursor={}", log.text("/next_cursor")), &oda).await;
    product.get(&format!("/v1/audit/events/{event}"), &oda).await;
}
