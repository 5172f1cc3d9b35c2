//! A company's first two weeks, as its people live them.

use access::{Permission, Role};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::product::Product;

const ADA: &str = "ada@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_with_the_link_and_with_the_code() {
    let product = Product::start().await;
    let asked = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    let windows = [
        "\"magic-link-client\";q=30;w=60",
        "\"magic-link-client-day\";q=150;w=86400",
        "\"magic-link\";q=5;w=60",
        "\"magic-link-hour\";q=10;w=3600",
        "\"magic-link-day\";q=30;w=86400",
    ];
    assert_eq!(asked.headers["ratelimit-policy"], windows.join(", "));
    assert!(
        asked.headers["ratelimit"].to_str().unwrap().contains("\"magic-link-hour\";r=9;t=3600"),
        "{asked:?}"
    );
    product.settle().await;
    let mail = product.mails(ADA).await.remove(0);
    assert!(
        mail["html"].as_str().unwrap().contains("token=")
            && mail["text"].as_str().unwrap().contains("token=")
    );

    let (token, code) = product.proof(ADA).await;
    let elsewhere = product.post("/v1/auth/magic-links/verify", &json!({ "token": token })).await;
    assert_eq!((elsewhere.status, elsewhere.problem()), (StatusCode::CONFLICT, "confirmation_required"));
    let session = product.post("/v1/auth/magic-links/verify", &json!({ "email": ADA, "code": code })).await;
    assert_eq!(session.status, StatusCode::OK, "{session:?}");
    let session = session.tokens();
    assert_eq!(session.body["org_id"], json!(null));

    let me = product.get("/v1/me", &session.text("/access_token")).await;
    assert_eq!((me.text("/email"), me.text("/id")), (ADA.to_owned(), session.text("/user_id")));
    assert_eq!((me.text("/session/id"), &me.body["membership"]), (session.text("/session_id"), &json!(null)));
    let next =
        product.post("/v1/auth/refresh", &json!({ "refresh_token": session.text("/refresh_token") })).await;
    assert_eq!(next.status, StatusCode::OK);
    let access = next.text("/access_token");
    let out = product.send(product.request(Method::POST, "/v1/auth/sign-out").bearer_auth(&access)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    for token in [access, session.text("/access_token")] {
        assert_eq!(product.get("/v1/me", &token).await.problem(), "session_ended");
        let again =
            product.send(product.request(Method::POST, "/v1/auth/sign-out").bearer_auth(&token)).await;
        assert_eq!(again.status, StatusCode::NO_CONTENT, "it is as it was asked to be");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_the_same_for_a_stranger_and_for_somebody_known() {
    let product = Product::start().await;
    product.sign_in(ADA).await;
    let known = product.post("/v1/auth/magic-links", &json!({ "email": ADA })).await;
    let unknown = product.post("/v1/auth/magic-links", &json!({ "email": "nobody@example.com" })).await;
    assert_eq!(known.status, unknown.status);
    let fields = |body: &serde_json::Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&known.body), fields(&unknown.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_is_created_with_owner_trial_and_welcome() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(ADA, "acme").await;
    let current = product.get("/v1/orgs/current", &token).await;
    assert_eq!((current.text("/id"), current.text("/slug")), (org_id.clone(), "acme".to_owned()));
    let members = product.get("/v1/orgs/current/members?limit=10", &token).await;
    assert_eq!(
        (members.text("/items/0/email"), members.text("/items/0/role")),
        (ADA.to_owned(), "owner".to_owned())
    );
    assert_eq!(members.body["next_cursor"], json!(null));
    let billing = product.get("/v1/billing/subscription", &token).await;
    assert_eq!(billing.status, StatusCode::OK, "{billing:?}");
    let me = product.get("/v1/me", &token).await;
    assert_eq!((me.text("/organizations/0/org_id"), me.text("/session/org_id")), (org_id.clone(), org_id));
    assert_eq!(me.body["membership"]["id"], me.body["organizations"][0]["id"]);
    assert_eq!(
        me.body["membership"]["permissions"],
        json!(
            Permission::ALL
                .iter()
                .filter(|one| Role::Owner.holds(**one))
                .map(|one| one.name())
                .collect::<Vec<_>>()
        )
    );
    assert_eq!(me.body["membership"]["access"], billing.body["access"], "the gate says what billing says");

    let events = product.events().await;
    for event in ["organization.created", "member.added", "trial.started"] {
        assert_eq!(events.iter().filter(|name| *name == event).count(), 1, "{event} in {events:?}");
    }
    assert_eq!(product.subjects(ADA).await.len(), 2, "the link and the welcome");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_create_gives_the_first_answer_again() {
    let product = Product::start().await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let create = |key: &str, slug: &str| {
        let request =
            product.request(Method::POST, "/v1/orgs").bearer_auth(&token).header("idempotency-key", key);
        product.send(request.json(&json!({ "name": "Acme", "slug": slug })))
    };
    let first = create("one", "acme").await;
    let again = create("one", "acme").await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body, again.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(create("one", "other").await.problem(), "idempotency_key_reused");
    assert_eq!(create("two", "acme").await.problem(), "slug_taken");
    assert_eq!(create("two", "other").await.status, StatusCode::CREATED, "a failure leaves the key free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_runs_out_with_notices_mails_and_pushes() {
    let product = Product::start().await;
    let (token, _) = product.owner(ADA, "acme").await;
    let device = json!({ "platform": "apns", "token": "a1b2c3d4e5f60718a1b2c3d4e5f60718a1b2c3d4e5f60718a1b2c3d4e5f60718" });
    let registered = product.post_as("/v1/me/devices", &token, &device).await;
    assert_eq!(registered.status, StatusCode::CREATED, "{registered:?}");
    product.advance(SignedDuration::from_hours(15 * 24)).await;

    let events = product.events().await;
    let count = |event: &str| events.iter().filter(|name| *name == event).count();
    assert_eq!((count("trial.ending"), count("trial.ended")), (3, 1), "{events:?}");
    assert_eq!(product.subjects(ADA).await.len(), 2 + 4, "{:?}", product.subjects(ADA).await);
    let pushes = product.local("/pushes").await;
    assert_eq!(pushes["items"].as_array().unwrap().len(), 4, "{pushes}");
    let dead = product.local("/dead-letters").await;
    assert_eq!(dead["items"].as_array().unwrap().len(), 0, "{dead}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_whose_person_signed_out_is_told_nothing_more() {
    let product = Product::start().await;
    let (left, org_id) = product.owner(ADA, "acme").await;
    let stayed = product.sign_in(ADA).await.text("/access_token");
    for (token, push_token) in [(&left, "the-phone-that-was-sold"), (&stayed, "the-phone-at-hand")] {
        let device = json!({ "platform": "fcm", "token": push_token });
        assert_eq!(product.post_as("/v1/me/devices", token, &device).await.status, StatusCode::CREATED);
    }
    let out = product.post_as("/v1/auth/sign-out", &left, &json!(null)).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT, "{out:?}");
    product.local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1, "shuffle": false })).await;
    product.settle().await;
    let pushes = product.local("/pushes").await;
    let told: Vec<_> = pushes["items"].as_array().unwrap().iter().map(|push| &push["token"]).collect();
    assert_eq!(told, ["the-phone-at-hand"], "{pushes}");
    let devices = product.get("/v1/me/devices", &stayed).await;
    assert_eq!(devices.body["items"].as_array().unwrap().len(), 1);
    assert!(product.events().await.contains(&"device.removed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_turns_the_trial_into_a_subscription_and_back() {
    let product = Product::start().await;
    let (token, org_id) = product.owner(ADA, "acme").await;
    let level = async || product.get("/v1/billing/subscription", &token).await;
    let before = level().await;
    assert_eq!(before.text("/access/level"), "full", "{before:?}");
    let stripe = async |action: &str| {
        let body = json!({ "org_id": org_id, "times": 2, "shuffle": true });
        let deliveries = product.local_post(&format!("/stripe/{action}"), &body).await;
        let deliveries =
            deliveries["deliveries"].as_array().unwrap_or_else(|| panic!("{deliveries}")).clone();
        assert!(
            !deliveries.is_empty() && deliveries.iter().all(|delivery| delivery["status"] == 200),
            "{deliveries:?}"
        );
        product.settle().await;
    };
    stripe("subscribe").await;
    product.jump(SignedDuration::from_hours(20 * 24)).await;
    let token = product.sign_in(ADA).await.text("/access_token");
    let level = async || product.get("/v1/billing/subscription", &token).await;
    let subscribed = level().await;
    assert_eq!(subscribed.text("/access/level"), "full", "beyond the trial: {subscribed:?}");
    stripe("cancel").await;
    let canceled = level().await;
    assert_ne!(canceled.text("/access/level"), "full", "{canceled:?}");
    let events = product.events().await;
    for event in ["subscription.activated", "subscription.canceled"] {
        assert_eq!(events.iter().filter(|name| *name == event).count(), 1, "{event} in {events:?}");
    }
}
