//! The API while DynamoDB throttles, fails, hangs, loses answers and is away.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::cloud::STRIPE_WEBHOOK_SECRET;

use super::{CREATION, Turn, company, in_time, keyed, observer::Observer, persist, turn, until_retry};
use crate::{
    product::Product,
    story::{deliver, subscription_created},
};

/// What somebody does in the product, and that all of it happened once.
async fn live_through(turn: &Turn, observer: &Observer, email: &str, slug: &str, token: &str) {
    let product = &turn.product;
    let (org_id, owner) = company(product, token, slug).await;
    let phone = json!({ "platform": "fcm", "token": format!("{slug}-phone-0001") });
    let device = persist(product, || keyed(product, "/v1/me/devices", &owner, &phone)).await;
    assert!(device.status.is_success(), "{device:?}");
    let event = subscription_created(&org_id);
    loop {
        let answer = deliver(product, &event, STRIPE_WEBHOOK_SECRET).await;
        if answer.status == StatusCode::OK {
            break;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "Stripe delivers again: {answer:?}");
    }
    let mut expected: Vec<_> = CREATION.map(str::to_owned).to_vec();
    expected.push("subscription.activated".to_owned());
    expected.sort();
    let all_events = async || {
        let names = observer.of_org(&org_id).await;
        let domain: Vec<_> = names.into_iter().filter(|name| name != "device.registered").collect();
        assert!(domain.len() <= expected.len(), "{slug}: doubled: {domain:?}");
        (domain == expected).then_some(())
    };
    product.eventually(&format!("the events of {slug}"), all_events).await;
    product.mail(email, &format!("{slug} is ready on Gantry")).await;
    product.mail(email, &format!("The subscription of {slug} is active")).await;
    let token = format!("{slug}-phone-0001");
    let push = async || (product.told(&token, "Thank you! Everything is open.").await >= 1).then_some(());
    product.eventually(&format!("the push of {slug}"), push).await;
    assert_once(product, &owner, slug).await;
}

/// The organization exists once, with one member and one device.
async fn assert_once(product: &Product, owner: &str, slug: &str) {
    let get = async |path: &str| {
        let answer = persist(product, || product.request(Method::GET, path).bearer_auth(owner)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    };
    let me = get("/v1/me").await;
    let of_slug = me["organizations"].as_array().unwrap().len();
    let members = get("/v1/orgs/current/members").await["items"].as_array().unwrap().len();
    let devices = get("/v1/me/devices").await["items"].as_array().unwrap().len();
    assert_eq!((of_slug, members, devices), (1, 1, 1), "{slug}: {me}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_of_ten_calls_to_the_table_are_throttled() {
    let turn = turn().await;
    let observer = Observer::start(&turn.product, "throttled").await;
    let people = (0..4).map(async |number| {
        let email = format!("ada{number}@throttled.example");
        let token = turn.product.sign_in(&email).await.text("/access_token");
        (email, format!("throttled-{number}"), token)
    });
    let people = join_all(people).await;
    let fault = json!({ "probability": 0.3, "error": { "code": "ProvisionedThroughputExceededException" } });
    turn.proxy.inject("dynamodb", &[fault]).await;
    let lives = people.iter().map(|(email, slug, token)| live_through(&turn, &observer, email, slug, token));
    join_all(lives).await;
    let met = turn.proxy.heal("dynamodb").await;
    assert!(met[0] > 10, "{met:?}");
}

/// For a service whose operations microburst does not tell apart.
const ANY: &str = "any";

/// The call is carried out; of its answer one byte arrives.
fn lost(operation: &str) -> Value {
    let mut fault = json!({ "times": 1, "response": { "abort_bytes": 1 } });
    if operation != ANY {
        fault["operation"] = json!(operation);
    }
    fault
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_of_each_operation_is_lost_once() {
    const OPERATIONS: [(&str, &[&str]); 5] = [
        ("dynamodb", &["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems"]),
        ("events", &["PutEvents"]),
        ("sqs", &["SendMessageBatch"]),
        ("ses", &[ANY]),
        ("sns", &["CreatePlatformEndpoint", "GetEndpointAttributes", "Publish"]),
    ];
    let turn = turn().await;
    let observer = Observer::start(&turn.product, "lost").await;
    let (email, slug) = ("ada@lost.example", "lost");
    let token = turn.product.sign_in(email).await.text("/access_token");
    for (service, operations) in OPERATIONS {
        let faults: Vec<_> = operations.iter().map(|operation| lost(operation)).collect();
        turn.proxy.inject(service, &faults).await;
    }
    live_through(&turn, &observer, email, slug, &token).await;
    for (service, operations) in OPERATIONS {
        let met = turn.proxy.heal(service).await;
        assert_eq!(met, vec![1; operations.len()], "{service} {operations:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_collide() {
    let turn = turn().await;
    let token = turn.product.sign_in("ada@collides.example").await.text("/access_token");
    let reasons = json!([{ "Code": "TransactionConflict" }, { "Code": "None" }]);
    let error =
        json!({ "code": "TransactionCanceledException", "fields": { "CancellationReasons": reasons } });
    turn.proxy
        .inject("dynamodb", &[json!({ "operation": "TransactWriteItems", "times": 6, "error": error })])
        .await;
    company(&turn.product, &token, "collides").await;
    assert_eq!(turn.proxy.heal("dynamodb").await, [6]);
    turn.product.mail("ada@collides.example", "collides is ready on Gantry").await;
}

/// What the functions meet when they call DynamoDB.
fn failures() -> [(&'static str, Value); 4] {
    [
        ("it fails", json!({ "error": { "code": "InternalServerError", "status": 500 } })),
        ("it resets connections", json!({ "reset": true })),
        ("it answers half of it", json!({ "response": { "abort_bytes": 1 } })),
        ("it stalls for 5 s", json!({ "latency": 5000 })),
    ]
}

/// Has the functions started that are called while something fails: a cold start of a program that is not
/// optimized, on a machine that is busy, would be measured as the failure's.
pub(crate) async fn wake(product: &Product, tokens: [&str; 2]) {
    let read = |path: &'static str, token| product.get(path, token);
    let paths = ["/v1/me", "/v1/orgs/current", "/.well-known/jwks.json"];
    let all = paths.into_iter().flat_map(|path| tokens.map(|token| read(path, token)));
    for answer in join_all(all).await {
        assert!(!answer.status.is_server_error(), "{answer:?}");
    }
}

/// While a failure lasts every answer is 503; afterwards the same request does what it asks, once.
pub(crate) async fn the_table_fails_in_every_way(turn: &Turn, token: &str) {
    let product = &turn.product;
    for (number, (how, fault)) in failures().into_iter().enumerate() {
        let body = json!({ "name": how, "slug": format!("failing-{number}") });
        let create = || keyed(product, "/v1/orgs", token, &body);
        let read = || product.request(Method::GET, "/v1/me").bearer_auth(token);
        let ask = || {
            let email = json!({ "email": format!("ada{number}@failing.example") });
            product.request(Method::POST, "/v1/auth/magic-links").json(&email)
        };
        turn.proxy.inject("dynamodb", &[fault]).await;
        let answers =
            tokio::join!(in_time(product, create()), in_time(product, read()), in_time(product, ask()));
        turn.proxy.heal("dynamodb").await;
        for answer in [answers.0, answers.1, answers.2] {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{how}: {answer:?}");
        }
        let created = persist(product, create).await;
        assert_eq!(created.status, StatusCode::CREATED, "{how}: {created:?}");
        assert_eq!(in_time(product, read()).await.status, StatusCode::OK, "{how}");
    }
    let me = product.get("/v1/me", token).await;
    assert_eq!(me.body["organizations"].as_array().unwrap().len(), failures().len(), "{me:?}");
}

/// Nothing answers for 30 seconds: the API says so all the time, and goes on at once afterwards.
pub(crate) async fn everything_is_away_for_half_a_minute(turn: &Turn, token: &str) {
    let product = &turn.product;
    let body = json!({ "name": "Away", "slug": "away" });
    let create = || keyed(product, "/v1/orgs", token, &body);
    turn.proxy.inject("*", &[json!({ "reset": true })]).await;
    let (began, mut refused) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(30) {
        let answer = in_time(product, create()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        refused += 1;
        until_retry(&answer).await;
    }
    turn.proxy.heal("*").await;
    assert!(refused >= 3, "{refused}");
    let created = in_time(product, create()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    assert_eq!(outbox_of(product, &created.text("/id")).await, CREATION.len());
    product.mail("ada@away.example", "Away is ready on Gantry").await;
}

/// How many events of an organization are in the outbox.
async fn outbox_of(product: &Product, org_id: &str) -> usize {
    let table = aws_sdk_dynamodb::Client::new(&product.sdk);
    let audit = table
        .query()
        .table_name(product.stack.output("TableName"))
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(format!("AUDIT#{org_id}")));
    audit.send().await.unwrap().count().unsigned_abs().try_into().unwrap()
}
