//! Keys that are made, used and taken back at the same moment.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use system_tests::answer::Answer;

use super::KEYS;
use crate::{invites::refused, product::Product};

const SCOPES: [&str; 2] = ["members:read", "tokens:read"];

impl Product {
    /// The answer to a request for a key, once there is one: who has no time asks to come back.
    async fn wanted_key(&self, by: &str) -> Answer {
        loop {
            let answer = self.post_as(KEYS, by, &json!({ "name": "CI", "scopes": SCOPES })).await;
            if !(answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS) {
                return answer;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_at_the_edge_of_fifty_keys_leave_fifty() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for _ in 0..40 {
        product.api_key(&ada, &SCOPES).await;
    }
    let answers = join_all((0..50).map(|_| product.wanted_key(&ada))).await;
    let full = |answer: &Answer| refused(answer) == (409, "too_many_api_keys");
    assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED || full(answer)), "{answers:?}");
    let keys = product.statuses(&ada).await;
    assert_eq!((keys.len(), product.counted_keys().await), (50, 50), "{answers:?}");

    // to take one back twice, at once or later, makes room for one
    let (one, _) = keys.into_iter().next().unwrap();
    let mut revoked = join_all((0..8).map(|_| product.revoke_key(&ada, &one))).await;
    revoked.push(product.revoke_key(&ada, &one).await);
    assert!(revoked.iter().all(|answer| answer.status == StatusCode::NO_CONTENT), "{revoked:?}");
    assert_eq!((product.counted_keys().await, product.told("api_key.revoked").await.len()), (49, 1));
    assert_eq!(product.wanted_key(&ada).await.status, StatusCode::CREATED);
    let more = product.wanted_key(&ada).await;
    assert_eq!(refused(&more), (409, "too_many_api_keys"), "{more:?}");
    let active = product.statuses(&ada).await.into_iter().filter(|(_, status)| status == "active");
    assert_eq!(active.count(), 50);
}

/// What began after the answer that it works no more is refused, whatever else is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_taken_back_opens_nothing_any_more() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, text) = product.api_key(&ada, &SCOPES).await;
    product.settle().await;
    let is_over = AtomicBool::new(false);
    let used = async |_: usize| {
        let mut answers = Vec::new();
        for _ in 0..5 {
            let late = is_over.load(Ordering::SeqCst);
            answers.push((late, product.introspect(&text, "x").await));
        }
        answers
    };
    let revoke = async {
        let revoked = product.revoke_key(&ada, &id).await;
        is_over.store(true, Ordering::SeqCst);
        revoked
    };
    let (answers, revoked) = futures::join!(join_all((0..10).map(used)), revoke);
    assert_eq!(revoked.status, StatusCode::NO_CONTENT, "{revoked:?}");
    for (late, answer) in answers.iter().flatten() {
        let is_refused = refused(answer) == (401, "invalid_api_key");
        assert!(is_refused || (!late && answer.status == StatusCode::OK), "late: {late}, {answer:?}");
    }
    for _ in 0..5 {
        assert_eq!(refused(&product.introspect(&text, "x").await), (401, "invalid_api_key"));
    }
    product.settle().await;
    assert_eq!(product.refusal(&text).await, "invalid_api_key", "and once reads are not late, nothing reads");
}

/// That a key is used is written beside its version: it makes no change of it a conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_use_is_in_nobodys_way() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, text) = product.api_key(&ada, &SCOPES).await;
    let change = async |number: usize| {
        if number.is_multiple_of(4) {
            product.change_key(&ada, &id, &json!({ "name": format!("CI {number}") })).await
        } else {
            product.introspect(&text, "x").await
        }
    };
    let answers = join_all((0..24).map(change)).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    product.settle().await;
    let shown = product.get(&format!("{KEYS}/{id}"), &ada).await;
    assert_eq!(shown.body["version"], 1 + 6, "{shown:?}");
}

/// Whoever is taken out while they make keys leaves none that is not marked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_taken_out_while_making_keys_leaves_none() {
    for turn in 0..4 {
        let product = Product::crowded().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
        let (answers, removed) = futures::join!(
            join_all((0..8).map(|_| product.wanted_key(&bob))),
            product.remove_member(&ada, &member)
        );
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "turn {turn}: {removed:?}");
        let keys = product.statuses(&ada).await;
        assert!(keys.iter().all(|(_, status)| status == "revoked"), "turn {turn}: {keys:?}");
        assert_eq!(product.counted_keys().await, 0, "turn {turn}");
        for made in answers.iter().filter(|answer| answer.status == StatusCode::CREATED) {
            assert_eq!(product.refusal(&made.text("/secret")).await, "invalid_api_key", "turn {turn}");
        }
        let told = product.told("member.removed").await;
        assert_eq!(told[0]["revoked_api_keys"].as_array().unwrap().len(), keys.len(), "turn {turn}");
    }
}
