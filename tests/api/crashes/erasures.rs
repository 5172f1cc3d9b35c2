//! What staff has erased, and gives.

use super::*;

/// A request of staff with this token.
fn of(token: &str, path: &str, body: &Value) -> (&'static str, Value) {
    ("api-admin", keyed(token, "POST", path, body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn having_a_person_erased() {
    check(|product| {
        Box::pin(async move {
            let token = product.staff("op@example.com", "operator").await;
            let user_id = product.sign_in("bob@example.com").await.text("/user_id");
            // once to have keys and secrets at hand, as a warm function has
            product.get(&format!("/v1/admin/people/{user_id}"), &token).await;
            let why = json!({ "reason": "they asked for it in writing" });
            of(&token, &format!("/v1/admin/people/{user_id}/erase"), &why)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn having_an_organization_erased() {
    check(|product| {
        Box::pin(async move {
            let (_, org) = product.owner("ada@example.com", "acme").await;
            let token = product.staff("op@example.com", "operator").await;
            product.get(&format!("/v1/admin/orgs/{org}"), &token).await;
            let why = json!({ "confirm_slug": "acme", "reason": "they asked for it in writing" });
            of(&token, &format!("/v1/admin/orgs/{org}/erase"), &why)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extending_a_trial() {
    check(|product| {
        Box::pin(async move {
            let (_, org) = product.owner("ada@example.com", "acme").await;
            let token = product.staff("op@example.com", "operator").await;
            product.get(&format!("/v1/admin/orgs/{org}"), &token).await;
            let why = json!({ "days": 7, "reason": "their review takes longer" });
            of(&token, &format!("/v1/admin/orgs/{org}/trial-extensions"), &why)
        })
    })
    .await;
}
