//! Members and invites.

use super::*;

/// A request of the function with this token.
fn of(token: &str, method: &str, path: &str, body: &Value) -> (&'static str, Value) {
    ("api-members", keyed(token, method, path, body))
}

/// An organization with an invite to Bob: an owner's token, the invite, and the token of its link.
async fn invited(product: &Product) -> (String, String, String) {
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let invited = product.invite(&ada, "bob@example.com", "owner").await.text("/id");
    product.settle().await;
    let link = product.link("bob@example.com").await;
    (ada, invited, link)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inviting_somebody() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            // once to have keys and secrets at hand, as a warm function has
            product.get("/v1/orgs/current/members", &ada).await;
            let body = json!({ "email": "bob@example.com", "role": "member" });
            of(&ada, "POST", "/v1/orgs/current/invites", &body)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepting_an_invite() {
    check(|product| {
        Box::pin(async move {
            let (_, _, link) = invited(product).await;
            let bob = product.sign_in("bob@example.com").await.text("/access_token");
            of(&bob, "POST", "/v1/invites/accept", &json!({ "token": link }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declining_an_invite() {
    check(|product| {
        Box::pin(async move {
            let (ada, _, link) = invited(product).await;
            of(&ada, "POST", "/v1/invites/decline", &json!({ "token": link }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_an_invite_back() {
    check(|product| {
        Box::pin(async move {
            let (ada, invite, _) = invited(product).await;
            of(&ada, "DELETE", &format!("/v1/orgs/current/invites/{invite}"), &Value::Null)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_a_member_another_role() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
            let path = format!("/v1/orgs/current/members/{member}");
            of(&ada, "PATCH", &path, &json!({ "role": "owner" }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_an_organization_to_somebody_else() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
            let body = json!({ "member_id": member, "own_role": "owner" });
            of(&ada, "POST", "/v1/orgs/current/transfer-ownership", &body)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_in_by_a_link() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            let expires_at = (product.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
            let body = json!({ "role": "member", "max_uses": 2, "expires_at": expires_at });
            let made = product.post_as("/v1/orgs/current/invite-links", &ada, &body).await;
            let token = made.text("/url").split_once("#token=").unwrap().1.to_owned();
            let bob = product.sign_in("bob@example.com").await.text("/access_token");
            of(&bob, "POST", "/v1/invites/accept", &json!({ "token": token }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_an_invite_again() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (ada, invite, _) = invited(product).await;
            of(&ada, "POST", &format!("/v1/orgs/current/invites/{invite}/resend"), &Value::Null)
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inviting_several_at_once() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            let items = ["bob@example.com", "eve@example.com"];
            let items = items.map(|email| json!({ "email": email, "role": "member" }));
            of(&ada, "POST", "/v1/orgs/current/invites/batch", &json!({ "items": items }))
        })
    })
    .await;
}
