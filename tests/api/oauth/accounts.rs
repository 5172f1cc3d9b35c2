use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{ADA, There, VERIFY, known};
use crate::{product::Product, stored};

const LINK: &str = "/v1/me/connected-accounts/local";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_connected_listed_and_removed() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let other = product.sign_in(ADA).await.text("/access_token");
    // what address it has makes no difference
    let work = There { email: "ada@work.example", subject: "ada-at-work", verified: false };
    let connected = product.connect(&token, work).await;
    assert_eq!(
        (connected.status, connected.text("/email").as_str()),
        (StatusCode::CREATED, "ada@work.example")
    );
    let again = product.connect(&token, work).await;
    assert_eq!(again.text("/id"), connected.text("/id"), "it is connected once");
    product.settle().await;
    assert_eq!(product.connected(&token).await, std::slice::from_ref(&connected.body));
    assert_eq!(
        product.with_account(work).await.tokens().text("/user_id"),
        product.get("/v1/me", &token).await.text("/id")
    );
    product.settle().await;

    let path = format!("/v1/me/connected-accounts/{}", connected.text("/id"));
    for _ in 0..2 {
        let removed = product.send(product.request(Method::DELETE, &path).bearer_auth(&token)).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{removed:?}");
    }
    product.settle().await;
    assert_eq!(product.connected(&token).await, [Value::Null; 0]);
    assert_eq!(product.get("/v1/me", &other).await.problem(), "session_ended");
    assert_eq!(product.with_account(work).await.problem(), "account_link_required");
    let subjects = product.subjects(ADA).await;
    for told in [
        "An account was connected to yours on Gantry",
        "A connected account was removed from yours on Gantry",
    ] {
        assert_eq!(subjects.iter().filter(|subject| *subject == told).count(), 1, "{subjects:?}");
    }
    // anybody's by now
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    assert_eq!(product.connect(&bob, work).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_one_person_s() {
    let product = Product::start().await;
    assert_eq!(product.with_account(known(ADA)).await.text("/status"), "complete");
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let refused = product.connect(&bob, known(ADA)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "account_linked_elsewhere"));
    assert_eq!(product.connected(&bob).await, [Value::Null; 0]);
}

/// Neither a stranger's attempt nor that of another session connects anything, and a sign-in connects
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_to_connect_is_one_session_s() {
    let product = Product::start().await;
    let ada = product.sign_in(ADA).await.text("/access_token");
    let elsewhere = product.sign_in(ADA).await.text("/access_token");
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    let (start, verify) = (format!("{LINK}/authorizations"), format!("{LINK}/verify"));
    let there = known("eve@example.com");
    let of_eve = product.post_nothing(&start, &eve).await;
    let of_eve = product.there(&of_eve, there).await;
    for token in [&ada, &elsewhere] {
        assert_eq!(product.post_as(&verify, token, &of_eve).await.problem(), "login_failed");
    }
    assert_eq!(product.post(VERIFY, &of_eve).await.problem(), "login_failed", "it signs nobody in");
    let to_sign_in = product.away(super::START).await;
    let to_sign_in = product.there(&to_sign_in, there).await;
    assert_eq!(product.post_as(&verify, &ada, &to_sign_in).await.problem(), "login_failed");
    let of_ada = product.post_nothing(&start, &ada).await;
    let of_ada = product.there(&of_ada, known(ADA)).await;
    assert_eq!(product.post_as(&verify, &elsewhere, &of_ada).await.problem(), "login_failed");
    let connected = product.post_as(&verify, &ada, &of_ada).await;
    assert_eq!(connected.status, StatusCode::CREATED);
    // its answer was lost
    assert_eq!(product.post_as(&verify, &ada, &of_ada).await.body, connected.body);
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.post_as(&verify, &ada, &of_ada).await.problem(), "login_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_ten_at_most() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    for number in 0..10 {
        let subject = format!("ada-{number}");
        let connected = product.connect(&token, There { subject: &subject, ..known(ADA) }).await;
        assert_eq!(connected.status, StatusCode::CREATED, "{number}: {connected:?}");
    }
    let refused = product.connect(&token, There { subject: "one-too-many", ..known(ADA) }).await;
    assert_eq!(refused.problem(), "too_many_connected_accounts");
    product.settle().await;
    assert_eq!(product.connected(&token).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_erased_person_nothing_of_an_account_is_left() {
    let product = Product::start().await;
    let token = product.with_account(known(ADA)).await.tokens().text("/access_token");
    let deleted = product.send(product.request(Method::DELETE, "/v1/me").bearer_auth(&token)).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    product.jump(SignedDuration::from_hours(8 * 24)).await;
    product.advance(SignedDuration::from_hours(2)).await;
    for item in stored::items(&product).await {
        let kind = item["kind"].as_str().unwrap();
        assert!(!["user", "oauth_owner", "connected_accounts"].contains(&kind), "{item}");
    }
    // somebody new, with the same account
    assert_eq!(product.with_account(known(ADA)).await.text("/status"), "complete");
}
