//! The answer to the first call of each operation of AWS is lost, in every function, and nobody notices.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;
use system_tests::answer::Answer;
use test_support::{LostAnswers, failing};

use crate::{crashes::outcome, product::Product};

/// Somebody comes, brings a company and a device, pays, and is told about it.
async fn use_it(product: &Product) -> (BTreeMap<String, usize>, Vec<Answer>) {
    let (token, org_id) = product.owner("ada@example.com", "acme").await;
    let post = async |path: &str, body: serde_json::Value| {
        let request = product.request(Method::POST, path).bearer_auth(&token).header("idempotency-key", path);
        let answer = product.send(request.json(&body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer
    };
    let answers = vec![
        post("/v1/orgs", json!({ "name": "Beta", "slug": "beta" })).await,
        post("/v1/me/devices", json!({ "platform": "fcm", "token": "ada-phone-token-0001" })).await,
        product.get("/v1/orgs/current/members", &token).await,
        product.get("/v1/billing/subscription", &token).await,
    ];
    let body = json!({ "org_id": org_id, "times": 1, "shuffle": false });
    let paid = product.local_post("/stripe/subscribe", &body).await;
    assert!(paid["deliveries"].as_array().unwrap().iter().all(|one| one["status"] == 200), "{paid}");
    product.settle().await;
    product.advance(SignedDuration::from_mins(10)).await;
    (outcome(product).await, answers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_each_answer_is_lost_once() {
    let (mut expected, _) = use_it(&Product::start().await).await;
    let lost = Arc::new(Mutex::new(BTreeMap::<String, LostAnswers>::new()));
    let product = {
        let lost = Arc::clone(&lost);
        Product::over(move |function| {
            Some(lost.lock().unwrap().entry(function.to_owned()).or_default().http_client())
        })
    };
    let (mut found, answers) = use_it(&product.await).await;
    assert!(answers.iter().all(|answer| answer.status.is_success()), "{answers:?}");
    let operations: BTreeSet<_> = lost.lock().unwrap().values().flat_map(LostAnswers::operations).collect();
    for operation in ["TransactWriteItems", "PutItem", "UpdateItem", "Query", "PutEvents", "SendMessageBatch"]
    {
        assert!(operations.contains(operation), "{operation} was not called: {operations:?}");
    }
    // The bus, mail and push take no token: there an event may come twice, and a mail; what they cause in the
    // table may not.
    for outcome in [&mut expected, &mut found] {
        for (name, count) in outcome.iter_mut().filter(|(name, _)| !name.starts_with("item ")) {
            assert!(*count >= 1, "{name}");
            *count = 1;
        }
    }
    assert_eq!(found, expected);
}

/// What went wrong with the command is what the caller is told, not what went wrong with tidying up after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_released_hides_nothing() {
    let product = Product::over(|_| Some(failing("DeleteItem", 0))).await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let create = |key: &str| {
        let request =
            product.request(Method::POST, "/v1/orgs").bearer_auth(&token).header("idempotency-key", key);
        product.send(request.json(&json!({ "name": "Acme", "slug": "acme" })))
    };
    let taken = create("one").await;
    assert_eq!((taken.status, taken.problem()), (StatusCode::CONFLICT, "slug_taken"));
}

/// Nobody signs in by a code that no limit was asked about; the code stays good for the next attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_limit_no_code_is_answered() {
    // the two limits of the request are counted; then the table takes no such write
    let product = Product::over(|function| (function == "api-auth").then(|| failing("UpdateItem", 2))).await;
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": "ada@example.com" })).await;
    product.settle().await;
    let (link, code) = product.proof("ada@example.com").await;
    let browser = asked.text("/browser_token");
    for code in [code.as_str(), if code == "000000" { "000001" } else { "000000" }] {
        let body = json!({ "email": "ada@example.com", "code": code, "browser_token": browser });
        let closed = product.post("/v1/auth/magic-links/verify", &body).await;
        assert_eq!((closed.status, closed.problem()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    }
    let body = json!({ "token": link, "browser_token": browser });
    let verified = product.post("/v1/auth/magic-links/verify", &body).await;
    assert_eq!(verified.status, StatusCode::OK, "no limit is asked about a link: {verified:?}");
}
