//! Many at once, in each other's way and in that of others.

use futures::future::join_all;
use local::Options;
use reqwest::{Method, StatusCode};
use serde_json::json;
use test_support::Conflicts;

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_for_one_address_send_exactly_five_mails() {
    let product = Product::crowded().await;
    let body = json!({ "email": "ada@example.com" });
    let asked = join_all((0..100).map(|_| product.post("/v1/auth/magic-links", &body))).await;
    let accepted = asked.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
    let limited: Vec<_> =
        asked.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).collect();
    let codes: std::collections::BTreeSet<_> =
        asked.iter().map(|answer| (answer.status, answer.problem_or_empty())).collect();
    assert_eq!((accepted, limited.len()), (5, 95), "{codes:?}");
    for answer in limited {
        assert_eq!(answer.problem(), "rate_limited");
        assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 60);
    }
    product.settle().await;
    assert_eq!(product.mails("ada@example.com").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_verifications_of_one_link_make_one_session() {
    let product = Product::crowded().await;
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": "ada@example.com" })).await;
    product.settle().await;
    let (token, _) = product.proof("ada@example.com").await;
    let body = json!({ "token": token, "browser_token": asked.text("/browser_token") });
    let answers = join_all((0..50).map(|_| product.post("/v1/auth/magic-links/verify", &body))).await;
    let sessions: std::collections::BTreeSet<_> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::OK)
        .map(|answer| {
            ["session_id", "access_token", "refresh_token"]
                .map(|name| answer.body["tokens"][name].clone().to_string())
        })
        .collect();
    assert_eq!(sessions.len(), 1);
    product.settle().await;
    let started = product.events().await.into_iter().filter(|name| name == "session.started");
    assert_eq!(started.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_organizations_with_one_slug_one_is_created() {
    let product = Product::crowded().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let body = json!({ "name": "Acme", "slug": "acme" });
    let answers = join_all((0..20).map(|_| product.post_as("/v1/orgs", &token, &body))).await;
    let created = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT).count();
    assert_eq!((created, taken), (1, 19));
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|name| *name == "organization.created").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_equal_requests_with_one_key_one_is_carried_out() {
    let product = Product::crowded().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let body = json!({ "name": "Acme", "slug": "acme" });
    let create = || {
        let request = product.request(Method::POST, "/v1/orgs").bearer_auth(&token);
        product.send(request.header("idempotency-key", "once").json(&body))
    };
    let answers = join_all((0..50).map(|_| create())).await;
    for answer in &answers {
        match answer.status {
            StatusCode::CREATED => {}
            StatusCode::CONFLICT => assert_eq!(answer.problem(), "idempotency_key_in_use"),
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!(create().await.headers["idempotent-replayed"], "true");
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|name| *name == "organization.created").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stripe_event_delivered_fifty_times_has_one_effect() {
    let product = Product::crowded().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    let body = json!({ "org_id": org_id, "times": 50, "shuffle": true });
    let deliveries = product.local_post("/stripe/subscribe", &body).await;
    let deliveries = deliveries["deliveries"].as_array().unwrap();
    assert!(
        deliveries.len() >= 100 && deliveries.iter().all(|delivery| delivery["status"] == 200),
        "{deliveries:?}"
    );
    product.settle().await;
    let events = product.events().await;
    assert_eq!(events.iter().filter(|name| *name == "subscription.activated").count(), 1, "{events:?}");
    assert_eq!(events.iter().filter(|name| *name == "invoice.paid").count(), 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_organizations_at_once_a_person_with_forty_eight_gets_two() {
    let conflicts = Conflicts::of(12, 20_261_127);
    let many = |mut options: Options| {
        options.environment.insert("ORGANIZATION_RULES".to_owned(), r#"{"most_owned":100}"#.to_owned());
        options
    };
    let product = Product::with(move |_| Some(conflicts.http_client()), many).await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let create = async |number: usize| {
        let body = json!({ "name": "Acme", "slug": format!("acme-{number}") });
        product.post_as("/v1/orgs", &token, &body).await
    };
    for number in 0..48 {
        assert_eq!(create(number).await.status, StatusCode::CREATED);
    }
    let answers = join_all((48..68).map(create)).await;
    let created = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|answer| answer.problem_or_empty() == "too_many_memberships").count();
    assert_eq!((created, refused), (2, 18), "{answers:?}");
    assert_eq!(create(68).await.problem(), "too_many_memberships");
    product.settle().await;
    let me = product.get("/v1/me", &token).await;
    assert_eq!(me.body["organizations"].as_array().unwrap().len(), 50);
    let events = product.events().await;
    assert_eq!(events.iter().filter(|name| *name == "trial.started").count(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_phones_of_one_person_at_once_leave_twenty() {
    let product = Product::crowded().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    // a machine that has no time for them may ask them to come back, but never tells of a conflict
    let register = async |number: usize| {
        let phone = json!({ "platform": "apns", "token": format!("{number:064x}") });
        loop {
            let answer = product.post_as("/v1/me/devices", &token, &phone).await;
            if !answer.status.is_server_error() {
                return answer.status;
            }
            // of a function that a slow machine did not let end in time, the gateway says 502
            let came_back = answer.status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(!came_back || answer.headers.contains_key("retry-after"), "{answer:?}");
        }
    };
    let answers: std::collections::BTreeSet<_> = join_all((0..50).map(register)).await.into_iter().collect();
    assert!(answers.iter().all(StatusCode::is_success), "{answers:?}");
    product.settle().await;
    let devices = product.get("/v1/me/devices?limit=100", &token).await;
    assert_eq!(devices.body["items"].as_array().unwrap().len(), 20);
    assert_eq!(product.local("/push-endpoints").await["items"].as_array().unwrap().len(), 20);
}
