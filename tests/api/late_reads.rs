//! What a client does without a pause between its requests, while every read that may be late is: nobody is
//! refused, and lists come true.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::product::Product;

/// How often a list is asked for that may be late: each write is missed twice at most.
const LOOKS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_by_a_read_that_is_late() {
    let product = Product::crowded().await;
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": "ada@example.com" })).await;
    product.settle().await;
    let (link, _) = product.proof("ada@example.com").await;
    let body = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    let session = product.post("/v1/auth/magic-links/verify", &body).await.tokens();
    let found = async |path: &str, token: &str| {
        for _ in 0..LOOKS {
            let answer = product.get(path, token).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        }
    };

    let token = session.text("/access_token");
    found("/v1/me", &token).await;
    let org = product.post_as("/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await;
    let body = json!({ "org_id": org.text("/id") });
    let session = product.post_as("/v1/auth/switch-org", &token, &body).await.tokens();
    let token = session.text("/access_token");
    for path in ["/v1/me", "/v1/orgs/current", "/v1/orgs/current/members", "/v1/billing/subscription"] {
        found(path, &token).await;
    }

    let phone = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    let device = product.post_as("/v1/me/devices", &token, &phone).await.text("/id");
    found("/v1/me/devices", &token).await;
    let body = json!({ "refresh_token": session.text("/refresh_token") });
    let token = product.post("/v1/auth/refresh", &body).await.text("/access_token");
    found("/v1/orgs/current", &token).await;
    let gone = product.request(Method::DELETE, &format!("/v1/me/devices/{device}")).bearer_auth(&token);
    assert_eq!(product.send(gone).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_late_and_comes_true() {
    let product = Product::crowded().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    product.settle().await;
    product.post_as("/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await;
    let organizations = async || {
        let me = product.get("/v1/me", &token).await;
        me.body["organizations"].as_array().unwrap().len()
    };
    assert_eq!(organizations().await, 0, "reads are late here, or these tests show nothing");
    product.settle().await;
    assert_eq!(organizations().await, 1);
}
