//! Members and those who are invited.

use jiff::SignedDuration;
use serde_json::json;

use crate::product::Product;

/// Nia's organization: people come by invites, get other roles, own it, and leave; invites end in every way.
pub(super) async fn come_and_go(product: &Product) {
    let (nia, _) = product.owner("nia@example.com", "nia-and-sons").await;
    let (pam, member) = product.joined(&nia, "pam@example.com", "admin").await;
    product.settle().await;
    for path in ["/members", "/members?role=owner", "/invites", "/invites?status=accepted"] {
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
    product.post_as(&format!("{quin}/resend"), &nia, &json!({})).await;
    product.post_as(&format!("{quin}/rebind"), &nia, &json!({ "email": "quinn@example.com" })).await;
    product.post_nothing(&format!("{quin}/confirm"), &nia).await;
    product.delete(&quin, &nia).await;
    let (_, link) = invite("rae@example.com").await;
    product.post("/v1/invites/preview", &json!({ "token": link })).await;
    product.post("/v1/invites/decline", &json!({ "token": link })).await;
    product.post_nothing("/v1/orgs/current/leave", &pam).await;
    // one that nobody accepts in time, while the seats are full
    for number in 0..19 {
        product.invite(&nia, &format!("seat{number}@example.com"), "viewer").await;
    }
    product.advance(SignedDuration::from_hours(7 * 24)).await;
    let nia = product.sign_in("nia@example.com").await.text("/access_token");
    let org = product.get("/v1/me", &nia).await.text("/organizations/0/org_id");
    let nia = product.post_as("/v1/auth/switch-org", &nia, &json!({ "org_id": org })).await;
    let invited = product.invite(&nia.text("/tokens/access_token"), "sol@example.com", "viewer").await;
    assert_eq!(invited.text("/status"), "pending", "{invited:?}");
    product.settle().await;
}
