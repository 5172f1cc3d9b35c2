use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::SignedDuration;
use local::functions::build;
use primitives::Clock;
use reqwest::StatusCode;
use serde_json::json;
use test_support::{Crashes, Moment};

use super::{ADA, START, There, VERIFY, known};
use crate::{crashes::request, product::Product, stored};

/// How many items of each of these kinds there are.
async fn count(product: &Product, kind: &str) -> usize {
    stored::items(product).await.iter().filter(|item| item["kind"] == kind).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_come_back_with_one_attempt_have_one_session() {
    let product = Product::crowded().await;
    let sent = product.away(START).await;
    let back = product.there(&sent, known(ADA)).await;
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
    for (kind, times) in [("user", 1), ("oauth_owner", 1), ("connected_accounts", 1), ("session", 1)] {
        assert_eq!(count(&product, kind).await, times, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_first_sign_ins_at_once_one_makes_the_person() {
    let product = Product::crowded().await;
    // All at once as well, so that the function is awake, and knows the provider, before the race.
    let mut backs = Vec::new();
    for sent in join_all((0..10).map(|_| product.away(START))).await {
        backs.push(product.there(&sent, known(ADA)).await);
    }
    let answers = (1..).zip(&backs).map(|(host, back)| product.post_from(host, VERIFY, back));
    let answers = join_all(answers).await;
    let people: BTreeSet<_> = answers.iter().map(|answer| answer.text("/tokens/user_id")).collect();
    let sessions: BTreeSet<_> = answers.iter().map(|answer| answer.text("/tokens/session_id")).collect();
    assert_eq!((people.len(), sessions.len()), (1, 10));
    for (kind, times) in [("user", 1), ("email_owner", 1), ("oauth_owner", 1), ("session", 10)] {
        assert_eq!(count(&product, kind).await, times, "{kind}");
    }
}

/// What one person has refused keeps nobody out of anything else, and no other network out of anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colleagues_at_one_address_come_in_and_failures_count_alone() {
    let product = Product::start().await;
    let mut backs = Vec::new();
    for (number, sent) in (0..).zip(join_all((0..34).map(|_| product.away(START))).await) {
        let email = format!("ada{number}@example.com");
        backs.push(product.there(&sent, known(&email)).await);
    }
    let good = backs.pop().unwrap();
    let stale = json!({ "token": "AAAA" });
    let previews = join_all((0..40).map(|_| product.post("/v1/invites/preview", &stale))).await;
    assert!(previews.iter().all(|answer| answer.problem() == "invite_closed"), "{previews:?}");
    let sessions = join_all(backs.iter().map(|back| product.post(VERIFY, back))).await;
    assert!(sessions.iter().all(|answer| answer.status == StatusCode::OK), "{sessions:?}");
    // the provider is asked for each of these
    let wrong = |number: u8| {
        let mut wrong = good.clone();
        wrong["code"] = json!(format!("wrong-{number}"));
        wrong
    };
    let wrong: Vec<_> = (0..40).map(wrong).collect();
    let refused = join_all(wrong.iter().map(|back| product.post(VERIFY, back))).await;
    assert!(refused.iter().any(|answer| answer.problem() == "login_failed"), "{refused:?}");
    assert_eq!(product.post(VERIFY, &good).await.problem(), "rate_limited");
    assert_eq!(product.post_from(7, VERIFY, &good).await.status, StatusCode::OK, "another network");
    let options = product.post("/v1/auth/passkeys/options", &json!({})).await;
    assert_eq!(options.status, StatusCode::OK, "{options:?}");
    product.advance(SignedDuration::from_secs(60)).await;
    assert_eq!(product.with_account(known("bea@example.com")).await.status, StatusCode::OK);
}

/// Two accounts with one address, at once: the person is the first one's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_accounts_with_one_address_one_makes_the_person() {
    let product = Product::crowded().await;
    let mut backs = Vec::new();
    for subject in ["one", "two"] {
        let sent = product.away(START).await;
        backs.push(product.there(&sent, There { subject, ..known(ADA) }).await);
    }
    let answers = join_all(backs.iter().map(|back| product.post(VERIFY, back))).await;
    let mut outcomes: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    outcomes.sort();
    assert_eq!(outcomes, [StatusCode::OK, StatusCode::CONFLICT], "{answers:?}");
    assert_eq!(count(&product, "user").await, 1);
}

/// An account that two people connect at once is one person's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_who_connect_one_account_one_has_it() {
    let product = Product::crowded().await;
    let there = There { subject: "shared", ..known("shared@example.com") };
    let mut both = Vec::new();
    for email in [ADA, "bob@example.com"] {
        let token = product.sign_in(email).await.text("/access_token");
        let sent = product.post_nothing("/v1/me/connected-accounts/local/authorizations", &token).await;
        both.push((token, product.there(&sent, there).await));
    }
    let connect = |(token, back)| product.post_as("/v1/me/connected-accounts/local/verify", token, back);
    let answers = join_all(both.iter().map(|(token, back)| connect((token, back)))).await;
    let mut outcomes: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    outcomes.sort();
    assert_eq!(outcomes, [StatusCode::CREATED, StatusCode::CONFLICT], "{answers:?}");
    assert_eq!(count(&product, "oauth_owner").await, 1);
}

/// Wherever the function dies, somebody who begins anew comes in, and there is one of everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_leaves_one_person_or_none() {
    let calls = {
        let product = Product::crowded().await;
        let (crashes, died) = crashed(&product, None).await;
        assert!(!died);
        crashes
    };
    assert!(calls >= 4, "{calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let product = Product::crowded().await;
            let (_, died) = crashed(&product, Some((call, moment))).await;
            assert!(died, "call {call} was never made");
            let whole = product.with_account(known(ADA)).await;
            assert_eq!(whole.text("/status"), "complete", "{call} {moment:?}");
            for (kind, times) in
                [("user", 1), ("email_owner", 1), ("oauth_owner", 1), ("connected_accounts", 1)]
            {
                assert_eq!(count(&product, kind).await, times, "{kind}: {call} {moment:?}");
            }
            product.settle().await;
            let events = product.events().await;
            for name in ["user.created", "connected_account.added"] {
                assert_eq!(
                    events.iter().filter(|event| *event == name).count(),
                    1,
                    "{name}: {call} {moment:?}"
                );
            }
        }
    }
}

/// Somebody comes back to a sandbox that dies at this call: how many calls it made, and whether it died.
async fn crashed(product: &Product, at: Option<(usize, Moment)>) -> (usize, bool) {
    use lambda_host::{Context, LambdaEvent};
    let sent = product.away(START).await;
    let back = product.there(&sent, known(ADA)).await;
    let environment = product.cloud.template().functions["api-sso"].environment.clone();
    let crashes = Crashes::default();
    let clock = Clock::fixed(product.cloud.clock().now());
    let built = build("api-sso", environment, clock, Some(crashes.http_client())).await;
    let function = built.unwrap().1;
    let headers = [("content-type", "application/json"), ("host", "localhost")];
    let event = request("POST", VERIFY, &headers, &back.to_string());
    let work = function.invoke(LambdaEvent::new(event, Context::default()));
    match at {
        None => {
            let (answer, calls) = crashes.count(work).await;
            assert_eq!(answer.unwrap()["statusCode"], 200);
            (calls, false)
        }
        Some((call, moment)) => (call, crashes.run(call, moment, work).await.is_none()),
    }
}
