//! Directories. An identity provider sends again what was not answered.

use super::*;
use crate::scim::{Acme, PATCH_OP};

/// A request of an identity provider's.
fn of(token: &str, method: &str, path: &str, body: &Value) -> (&'static str, Value) {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/scim+json"),
        ("accept", "application/scim+json"),
    ];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ("api-scim", request(method, &format!("/scim/v2{path}"), &headers, &body))
}

fn active(is: bool) -> Value {
    json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "active", "value": is }] })
}

/// An identity provider comes back: by then its limit is full again and its use is to be noted, however long
/// it took to get there. So each run makes the same calls.
async fn some_minutes_later(prepare: Prepare) {
    let (ahead, wait) = (SignedDuration::from_mins(2), SignedDuration::from_secs(31));
    Case { prepare, happens_again: false, ahead, wait }.check().await;
}

/// A member with a key, who is in a group that gives a role.
async fn with_bob(product: &Product) -> (Acme, String, String) {
    let acme = product.acme().await;
    let bob = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    let group = product.scim_group(&acme.token, "Admins", &[&bob]).await;
    product.group_role(&acme.ada, &group, &json!("admin")).await;
    product.settle().await;
    let token = product.sign_in("bob@acme.example").await.text("/access_token");
    let token = product.within(&token).await;
    product.api_key(&token, &["members:read"]).await;
    (acme, bob, group)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_taken_out() {
    some_minutes_later(|product| {
        Box::pin(async move {
            let (acme, bob, _) = with_bob(product).await;
            of(&acme.token, "PATCH", &format!("/Users/{bob}"), &active(false))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_let_in_again() {
    some_minutes_later(|product| {
        Box::pin(async move {
            let (acme, bob, _) = with_bob(product).await;
            product.scim_active(&acme.token, &bob, false).await;
            of(&acme.token, "PATCH", &format!("/Users/{bob}"), &active(true))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_put_in() {
    some_minutes_later(|product| {
        Box::pin(async move {
            let acme = product.acme().await;
            let body = json!({ "userName": "eve@acme.example", "externalId": "e" });
            of(&acme.token, "POST", "/Users", &body)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_deleted() {
    some_minutes_later(|product| {
        Box::pin(async move {
            let (acme, bob, _) = with_bob(product).await;
            of(&acme.token, "DELETE", &format!("/Users/{bob}"), &Value::Null)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_leaves_a_group_with_a_role() {
    some_minutes_later(|product| {
        Box::pin(async move {
            let (acme, _, group) = with_bob(product).await;
            let body =
                json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "members" }] });
            of(&acme.token, "PATCH", &format!("/Groups/{group}"), &body)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_with_a_role_is_deleted() {
    some_minutes_later(|product| {
        Box::pin(async move {
            let (acme, _, group) = with_bob(product).await;
            of(&acme.token, "DELETE", &format!("/Groups/{group}"), &Value::Null)
        })
    })
    .await;
}
