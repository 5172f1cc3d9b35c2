//! A company's first two weeks, through API Gateway: that its parts are wired. How they behave is tried
//! in the local cloud (`tests/api`).

use access::Tenant;
use billing::{Account, TrialNotice};
use jiff::SignedDuration;
use primitives::{Clock, Secret};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use table::{Cause, Changes, Consistency};
use xtask::cloud::STRIPE_WEBHOOK_SECRET;

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_in_by_mail() {
    let product = Product::start().await;
    let session = product.sign_in("ada@signs-in.example").await;
    let me = product.get("/v1/me", &session.text("/access_token")).await;
    assert_eq!((me.status, me.text("/email")), (StatusCode::OK, "ada@signs-in.example".to_owned()));
    let stranger = product.get("/v1/me", "forged").await;
    assert_eq!((stranger.status, stranger.problem()), (StatusCode::UNAUTHORIZED, "invalid_token"));
    let next = json!({ "refresh_token": session.text("/refresh_token") });
    assert_eq!(product.post("/v1/auth/refresh", &next).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_is_created_and_its_owner_is_told() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@creates.example", "creates").await;
    let members = product.get("/v1/orgs/current/members?limit=10", &token).await;
    assert_eq!(members.body["items"].as_array().unwrap().len(), 1, "{members:?}");
    assert_eq!(members.text("/items/0/role"), "owner");
    product.mail("ada@creates.example", "creates is ready on Gantry").await;
    // its log goes through the ordered queue into a chain
    let chained = async || {
        let log = product.get("/v1/audit/events?order=asc", &token).await;
        let events = log.body["items"].as_array().unwrap().clone();
        let is_chained = events.len() == 3 && events.iter().all(|event| event["sequence"].is_number());
        is_chained.then(|| events.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"))
    };
    let log = product.eventually("the chain of three events", chained).await;
    let report = audit_chain::verify(log.as_bytes(), &[]).unwrap();
    assert_eq!((report.findings.as_slice(), report.events), (&[][..], 3), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_runs_out_with_a_mail_and_a_push() {
    const PHONE: &str = "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a";
    let product = Product::start().await;
    let (token, org_id) = product.owner("ada@trial.example", "hourly").await;
    product.device(&token, PHONE).await;
    age_trial(&product, &org_id, TrialNotice::Ended).await;
    let run = product.invoke("CronTrialExpiryFunction", &hourly()).await;
    assert_eq!((&run["failed"], &run["complete"]), (&json!(0), &json!(true)), "{run}");
    product.mail("ada@trial.example", "The trial of hourly has ended").await;
    let look =
        async || (product.told(PHONE, "Choose a plan to go on. Your data is safe.").await == 1).then_some(());
    product.eventually("the push", look).await;
    let access = product.get("/v1/billing/subscription", &token).await.text("/access/level");
    assert_ne!(access, "full", "the trial is over");
}

fn hourly() -> Value {
    serde_json::from_str(include_str!("../../events/cron-trial-expiry/hourly.json")).unwrap()
}

/// The functions run on the machine's clock, so it is the trial that moves: it becomes as old as it
/// is when the notice is due.
async fn age_trial(product: &Product, org_id: &str, notice: TrialNotice) {
    let (table, tenant) = (product.table(), Tenant::trusted(org_id.parse().unwrap()));
    let key = billing::keys::Subscription::key(tenant);
    let mut account: Account = table.get(&key, Consistency::Strong).await.unwrap().unwrap();
    let left = SignedDuration::from_hours(24 * i64::from(notice.days_left())) - SignedDuration::from_secs(1);
    let ends_at = Clock::system().now() + left;
    account.trial.started_at -= account.trial.ends_at.duration_since(ends_at);
    account.trial.ends_at = ends_at;
    table.commit(&Cause::system("test", "test"), Changes::new().replace(&account)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_turns_the_trial_into_a_subscription() {
    const PHONE: &str = "5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b";
    let product = Product::start().await;
    let (token, org_id) = product.owner("ada@stripe.example", "stripe").await;
    product.device(&token, PHONE).await;
    let event = subscription_created(&org_id);
    let refused = deliver(&product, &event, "whsec_of_somebody_else").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let taken = deliver(&product, &event, STRIPE_WEBHOOK_SECRET).await;
    assert_eq!(taken.text("/outcome"), "applied", "{taken:?}");
    let billing = product.get("/v1/billing/subscription", &token).await;
    assert_eq!(
        (billing.text("/access/level"), billing.text("/status")),
        ("full".to_owned(), "active".to_owned())
    );
    product.mail("ada@stripe.example", "The subscription of stripe is active").await;
    let look = async || (product.told(PHONE, "Thank you! Everything is open.").await == 1).then_some(());
    product.eventually("the push", look).await;
}

pub(crate) fn subscription_created(org_id: &str) -> Value {
    let now = Clock::system().now().as_second();
    json!({
        "id": format!("evt_{org_id}"),
        "type": "customer.subscription.created",
        "created": now,
        "livemode": false,
        "data": { "object": {
            "id": format!("sub_{org_id}"),
            "customer": format!("cus_{org_id}"),
            "status": "active",
            "created": now,
            "metadata": { "org_id": org_id },
        } },
    })
}

/// Delivers an event as Stripe does.
pub(crate) async fn deliver(product: &Product, event: &Value, secret: &str) -> Answer {
    let body = event.to_string();
    let signature =
        stripe_client::sign(body.as_bytes(), &Secret::new(secret.to_owned()), Clock::system().now());
    let request = product.request(Method::POST, "/hooks/stripe").header("stripe-signature", signature);
    product.send(request.header("content-type", "application/json").body(body)).await
}
