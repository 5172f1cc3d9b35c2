//! The keys of programs.

use super::*;

const KEYS: &str = "/v1/orgs/current/api-keys";

/// A request of the function with this token.
fn of(token: &str, method: &str, path: &str, body: &Value) -> (&'static str, Value) {
    ("api-keys", keyed(token, method, path, body))
}

/// An organization with a key: the owner's token, and the path of the key.
async fn with_key(product: &Product) -> (String, String) {
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let made = product.post_as(KEYS, &ada, &json!({ "name": "CI", "scopes": ["org:read"] })).await;
    (ada, format!("{KEYS}/{}", made.text("/api_key/id")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn making_a_key() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = with_key(product).await;
            of(&ada, "POST", KEYS, &json!({ "name": "CD", "scopes": ["members:read"] }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changing_a_key() {
    check(|product| {
        Box::pin(async move {
            let (ada, key) = with_key(product).await;
            of(&ada, "PATCH", &key, &json!({ "name": "CD" }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_a_key() {
    check(|product| {
        Box::pin(async move {
            let (ada, key) = with_key(product).await;
            of(&ada, "POST", &format!("{key}/rotate"), &json!({}))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_key_back() {
    check(|product| {
        Box::pin(async move {
            let (ada, key) = with_key(product).await;
            of(&ada, "DELETE", &key, &Value::Null)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_who_made_keys() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
            product.key(&bob, &["org:read"]).await;
            product.key(&bob, &["members:read"]).await;
            let (_, request) =
                of(&ada, "DELETE", &format!("/v1/orgs/current/members/{member}"), &Value::Null);
            ("api-members", request)
        })
    })
    .await;
}
