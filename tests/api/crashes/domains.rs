//! The domains of organizations.

use system_tests::answer::Answer;

use super::*;
use crate::domains::{DOMAINS, at};

/// A request of the function with this token.
fn of(token: &str, method: &str, path: &str, body: &Value) -> (&'static str, Value) {
    ("api-sso", keyed(token, method, path, body))
}

/// An organization with a domain that its record shows: the owner's token, and the domain.
async fn with_domain(product: &Product) -> (String, Answer) {
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let domain = product.domain(&ada, "example.com").await;
    product.set_record(&domain).await;
    (ada, domain)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adding_a_domain() {
    check(|product| {
        Box::pin(async move {
            let (ada, _) = with_domain(product).await;
            of(&ada, "POST", DOMAINS, &json!({ "name": "example.org" }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_a_domain() {
    check(|product| {
        Box::pin(async move {
            let (ada, domain) = with_domain(product).await;
            of(&ada, "POST", &format!("{}/verify", at(&domain)), &Value::Null)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saying_who_joins_by_a_domain() {
    check(|product| {
        Box::pin(async move {
            let (ada, domain) = with_domain(product).await;
            product.verify(&ada, &domain).await;
            of(&ada, "PATCH", &at(&domain), &json!({ "capture": "request" }))
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_a_record_up_again() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (ada, domain) = with_domain(product).await;
            product.verify(&ada, &domain).await;
            product.dns(&domain.text("/txt_record/name"), &json!({ "texts": [] })).await;
            ("cron-domains", json!({}))
        })
    };
    Case {
        prepare,
        happens_again: false,
        ahead: SignedDuration::from_hours(7 * 24 + 1),
        // a look-up that died is another run's after that
        wait: SignedDuration::from_mins(16),
    }
    .check()
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_by_a_domain() {
    check(|product| {
        Box::pin(async move {
            let (_, org_id, _) = product.joined_by_domain("automatic").await;
            let bob = product.sign_in("bob@acme.example").await.text("/access_token");
            let (_, request) = of(&bob, "POST", "/v1/me/join-requests", &json!({ "org_id": org_id }));
            ("api-members", request)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approving_a_request_to_join() {
    check(|product| {
        Box::pin(async move {
            let (ada, org_id, _) = product.joined_by_domain("request").await;
            let bob = product.sign_in("bob@acme.example").await.text("/access_token");
            let id = product.ask_to_join(&bob, &org_id).await.text("/id");
            let path = format!("/v1/orgs/current/join-requests/{id}/approve");
            let (_, request) = of(&ada, "POST", &path, &json!({}));
            ("api-members", request)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declining_a_request_to_join() {
    check(|product| {
        Box::pin(async move {
            let (ada, org_id, _) = product.joined_by_domain("request").await;
            let bob = product.sign_in("bob@acme.example").await.text("/access_token");
            let id = product.ask_to_join(&bob, &org_id).await.text("/id");
            let path = format!("/v1/orgs/current/join-requests/{id}/decline");
            let (_, request) = of(&ada, "POST", &path, &Value::Null);
            ("api-members", request)
        })
    })
    .await;
}
