//! The end of an account through the front door: what a person can still do, and what is left.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::product::Product;

const ADA: &str = "ada@example.com";

async fn delete(product: &Product, token: &str) -> system_tests::answer::Answer {
    product.send(product.request(Method::DELETE, "/v1/me").bearer_auth(token)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_seven_days_to_come_back() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    for _ in 0..2 {
        assert_eq!(delete(&product, &token).await.status, StatusCode::NO_CONTENT);
    }
    let me = product.get("/v1/me", &token).await;
    let time = |at: &str| me.text(at).parse::<jiff::Timestamp>().unwrap();
    let grace = time("/deletion/erase_at").duration_since(time("/deletion/requested_at"));
    assert_eq!(grace, SignedDuration::from_hours(7 * 24));
    // one can look around and leave, and change nothing
    let org = product.post_as("/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await;
    assert_eq!((org.status, org.problem()), (StatusCode::FORBIDDEN, "account_deletion_pending"));
    let patch = product.request(Method::PATCH, "/v1/me").bearer_auth(&token).json(&json!({ "name": "Eve" }));
    assert_eq!(product.send(patch).await.problem(), "account_deletion_pending");
    for path in ["/v1/me/sessions", "/v1/me/memberships", "/v1/me/devices"] {
        assert_eq!(product.get(path, &token).await.status, StatusCode::OK, "{path}");
    }
    let end = product.post_as("/v1/me/sessions/end", &token, &json!({ "scope": "all" })).await;
    assert_eq!(end.status, StatusCode::NO_CONTENT);
    product.jump(SignedDuration::from_hours(7 * 24 - 1)).await;
    let told = "Your account on Gantry is about to be erased";
    assert!(product.subjects(ADA).await.contains(&told.to_owned()));
    let token = product.sign_in(ADA).await.text("/access_token");
    for _ in 0..2 {
        let restore = product.request(Method::POST, "/v1/me/restore").bearer_auth(&token);
        let restored = product.send(restore).await;
        assert_eq!((restored.status, &restored.body["deletion"]), (StatusCode::OK, &json!(null)));
    }
    product.jump(SignedDuration::from_hours(48)).await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let org = product.post_as("/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await;
    assert_eq!(org.status, StatusCode::CREATED);
    assert!(!product.events().await.contains(&"user.erased".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_seven_days_everything_is_gone_and_the_address_is_free() {
    let product = Product::start().await;
    let session = product.sign_in(ADA).await;
    let (token, user_id) = (session.text("/access_token"), session.text("/user_id"));
    let phone = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    assert_eq!(product.post_as("/v1/me/devices", &token, &phone).await.status, StatusCode::CREATED);
    assert_eq!(delete(&product, &token).await.status, StatusCode::NO_CONTENT);
    product.jump(SignedDuration::from_hours(7 * 24 + 1)).await;
    assert!(!product.events().await.contains(&"user.erased".to_owned()), "the last mail needs the address");
    product.jump(SignedDuration::from_hours(1)).await;
    assert!(product.events().await.contains(&"user.erased".to_owned()));
    assert_eq!(product.local("/push-endpoints").await["items"], json!([]));
    let again = product.sign_in(ADA).await;
    assert_ne!(again.text("/user_id"), user_id, "somebody new has the address");
    let devices = product.get("/v1/me/devices", &again.text("/access_token")).await;
    assert_eq!(devices.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_owner_of_an_organization_stays() {
    let product = Product::start().await;
    let (token, _) = product.owner(ADA, "acme").await;
    let refused = delete(&product, &token).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "last_owner"));
    assert_eq!(product.get("/v1/me", &token).await.body["deletion"], json!(null));
    product.advance(SignedDuration::from_secs(601)).await;
    assert_eq!(delete(&product, &token).await.problem(), "step_up_required");
}
