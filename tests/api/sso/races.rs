use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use super::{CONNECTIONS, VERIFY};
use crate::{
    invites::{counted, refused},
    oauth::known,
    product::Product,
    stored,
};

async fn count(product: &Product, kind: &str) -> usize {
    stored::items(product).await.iter().filter(|item| item["kind"] == kind).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_come_back_with_one_attempt_have_one_session() {
    let product = Product::crowded().await;
    product.with_sso("acme", &json!({})).await;
    let sent = product.sso_away("bob@acme.example").await;
    let back = product.there(&sent, known("bob@acme.example")).await;
    let answers = join_all((1..51).map(|host| product.post_from(host, VERIFY, &back))).await;
    let mut sessions = BTreeSet::new();
    for mut answer in answers {
        // where the first one takes longer than others wait for it, they ask once more
        if answer.problem_or_empty() == "login_failed" {
            answer = product.post(VERIFY, &back).await;
        }
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        sessions.insert(answer.text("/tokens/session_id"));
    }
    assert_eq!(sessions.len(), 1);
    for (kind, times) in [("user", 2), ("sso_subject", 1), ("sso_link", 1), ("member", 2)] {
        assert_eq!(count(&product, kind).await, times, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_first_sign_ins_at_once_one_makes_the_person_and_the_member() {
    let product = Product::crowded().await;
    product.with_sso("acme", &json!({})).await;
    let mut backs = Vec::new();
    for sent in join_all((0..10).map(|_| product.sso_away("bob@acme.example"))).await {
        backs.push(product.there(&sent, known("bob@acme.example")).await);
    }
    let answers = (1..).zip(&backs).map(|(host, back)| product.post_from(host, VERIFY, back));
    let answers = join_all(answers).await;
    let people: BTreeSet<_> = answers.iter().map(|answer| answer.text("/tokens/user_id")).collect();
    assert_eq!(people.len(), 1);
    for (kind, times) in [("user", 2), ("sso_subject", 1), ("sso_link", 1), ("member", 2), ("membership", 2)]
    {
        assert_eq!(count(&product, kind).await, times, "{kind}");
    }
    let (seats, members, _) = product.seats().await;
    assert_eq!((seats, members), (2, 2));
}

/// An organization has five connections, and each of its domains is served by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_counted_and_domains_served_once() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let mut domains = Vec::new();
    for number in 0..7 {
        domains.push(product.verified(&ada, &format!("d{number}.example")).await);
    }
    // a minute has room for ten
    let (first, nothing) = ([&domains[0]], json!({}));
    let same = join_all((0..3).map(|_| product.connect_sso(&ada, &first, &nothing))).await;
    let counts = counted(&same);
    assert_eq!((counts[&(201, "")], counts[&(409, "domain_in_use")]), (1, 2), "{counts:?}");
    product.advance(jiff::SignedDuration::from_mins(2)).await;
    let others = join_all(domains[1..].iter().map(|domain| async {
        loop {
            let made = product.connect_sso(&ada, &[domain], &json!({})).await;
            if !made.status.is_server_error() {
                return made;
            }
        }
    }));
    let counts = others.await;
    let counts = counted(&counts);
    assert_eq!((counts[&(201, "")], counts[&(409, "too_many_sso_connections")]), (4, 2), "{counts:?}");
    product.settle().await;
    let listed = product.get(CONNECTIONS, &ada).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 5);
    for connection in listed.body["items"].as_array().unwrap() {
        let at = format!("{CONNECTIONS}/{}", connection["id"].as_str().unwrap());
        assert_eq!(product.delete(&at, &ada).await.status, StatusCode::NO_CONTENT);
        assert_eq!(refused(&product.delete(&at, &ada).await), (404, "not_found"));
    }
}
