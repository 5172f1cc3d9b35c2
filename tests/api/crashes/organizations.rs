//! What becomes of an organization.

use super::*;

/// A request of the function with this token.
fn of(token: &str, method: &str, path: &str, body: &Value) -> (&'static str, Value) {
    ("api-orgs", keyed(token, method, path, body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_an_organization_another_slug() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            product.change_org(&ada, &json!({ "slug": "acme-ltd" })).await;
            of(&ada, "PATCH", "/v1/orgs/current", &json!({ "slug": "acme-inc" }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_an_organization() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            // once to have keys and secrets at hand, as a warm function has
            product.get("/v1/orgs/current", &ada).await;
            of(&ada, "DELETE", "/v1/orgs/current", &Value::Null)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restoring_an_organization() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = product.owner("ada@example.com", "acme").await;
            product.delete_org(&ada).await;
            of(&ada, "POST", "/v1/orgs/current/restore", &Value::Null)
        })
    })
    .await;
}
