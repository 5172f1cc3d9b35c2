//! Members and those who are invited.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::product::Product;

/// The token of a new link by which several come in.
pub(super) async fn link_of(product: &Product, token: &str) -> String {
    let expires_at = product.cloud.clock().now() + SignedDuration::from_hours(24);
    let body = json!({ "role": "member", "max_uses": 2, "expires_at": expires_at.to_string() });
    let made = product.post_as("/v1/orgs/current/invite-links", token, &body).await;
    made.text("/url").split_once("#token=").unwrap().1.to_owned()
}

/// Nia's organization: people come by invites, get other roles, own it, and leave; invites end in every way.
pub(super) async fn come_and_go(product: &Product) {
    let (nia, _) = product.owner("nia@example.com", "nia-and-sons").await;
    let admitted = json!({ "allowed_email_domains": ["example.com"] });
    let policies = product.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&nia);
    assert!(product.send(policies.json(&admitted)).await.status.is_success());
    let (pam, member) = product.joined(&nia, "pam@example.com", "admin").await;
    product.settle().await;
    for path in ["/members", "/members?role=owner", "/members?q=n", "/invites", "/invites?status=accepted"] {
        product.get(&format!("/v1/orgs/current{path}"), &nia).await;
    }
    product.get(&format!("/v1/orgs/current/members/{member}"), &nia).await;
    let body = json!({ "member_id": member, "own_role": "owner" });
    product.post_as("/v1/orgs/current/transfer-ownership", &nia, &body).await;
    let invite = async |email: &str| {
        let invited = product.invite(&pam, email, "member").await.text("/id");
        product.settle().await;
        (format!("/v1/orgs/current/invites/{invited}"), product.link(email).await)
    };
    let (quin, _) = invite("quin@example.com").await;
    product.post_nothing(&format!("{quin}/resend"), &nia).await;
    product.post_as(&format!("{quin}/rebind"), &nia, &json!({ "email": "quinn@example.com" })).await;
    product.post_nothing(&format!("{quin}/confirm"), &nia).await;
    product.delete(&quin, &nia).await;
    let (_, link) = invite("rae@example.com").await;
    let once = product.request(Method::POST, "/v1/orgs/current/invites").bearer_auth(&nia);
    let body = json!({ "email": "once@example.com", "role": "viewer" });
    product.send(once.header("idempotency-key", "once").json(&body)).await;
    product.post("/v1/invites/preview", &json!({ "token": link })).await;
    product.post("/v1/invites/decline", &json!({ "token": link })).await;
    product.post_nothing("/v1/orgs/current/leave", &pam).await;
    let shared = link_of(product, &nia).await;
    product.post("/v1/invites/preview", &json!({ "token": shared })).await;
    let tom = product.sign_in("tom@example.com").await.text("/access_token");
    product.post_as("/v1/invites/accept", &tom, &json!({ "token": shared })).await;
    product.settle().await;
    let links = product.get("/v1/orgs/current/invite-links", &nia).await;
    assert_eq!(links.body["items"][0]["uses"], 1, "{links:?}");
    product.delete(&format!("/v1/orgs/current/invite-links/{}", links.text("/items/0/id")), &nia).await;
    // one that nobody accepts in time, while the seats are full
    for number in 0..17 {
        product.invite(&nia, &format!("seat{number}@example.com"), "viewer").await;
    }
    product.days(7).await;
    let nia = product.sign_in("nia@example.com").await.text("/access_token");
    let org = product.get("/v1/me", &nia).await.text("/organizations/0/org_id");
    let nia = product.post_as("/v1/auth/switch-org", &nia, &json!({ "org_id": org })).await;
    let invited = product.invite(&nia.text("/tokens/access_token"), "sol@example.com", "viewer").await;
    assert_eq!(invited.text("/status"), "pending", "{invited:?}");
    product.settle().await;
}
