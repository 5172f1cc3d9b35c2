//! The function on real events of API Gateway: signatures, bodies, and one effect for each event.
#![expect(clippy::unwrap_used, reason = "tests")]

use access::Tenant;
use billing::{Account, Granted, Rules, start_trial};
use futures::future::join_all;
use lambda_host::{Context, Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Ids, OrgId, Secret, SignedDuration};
use serde_json::{Value, json};
use table::{Cause, Consistency, Table};
use test_support::{Crashes, Database, Moment, Services, noon};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:stripe";
const ORG_ID: &str = "org_01kar8h5g0e0vsx4q1v3f6m2ah";
const WEBHOOK_SECRETS: [&str; 2] = ["whsec_next", "whsec_current"];

struct World {
    database: Database,
    clock: Clock,
    table: Table,
    org_id: OrgId,
    function: Function,
    crashes: Crashes,
    _services: Services,
}

impl World {
    async fn new() -> Self {
        let secret = json!({"api_key": "sk_test_1", "webhook_secrets": WEBHOOK_SECRETS});
        Self::with_secret(&secret).await
    }

    async fn with_secret(secret: &Value) -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        services.put_secret(ARN, secret.to_string());
        let clock = Clock::fixed(noon());
        let table = database.table(&clock);
        let org_id = ORG_ID.parse().unwrap();
        let cause = Cause::system("test", "test");
        table.commit(&cause, start_trial(org_id, noon(), Granted::whole(&Rules::default()))).await.unwrap();
        let mut variables = services.environment(&database);
        variables.push(("STRIPE_SECRET_ARN".to_owned(), ARN.to_owned()));
        variables.push(("STRIPE_API_URL".to_owned(), "http://127.0.0.1:9".to_owned()));
        let crashes = Crashes::default();
        let ids = Ids::random(clock.clone());
        let host = Host::with(Environment::new(variables), clock.clone(), ids, Some(crashes.http_client()));
        let host = host.unwrap();
        let function = hook_stripe::function(&host).await.unwrap();
        host.connected().await;
        Self { database, clock, table, org_id, function, crashes, _services: services }
    }

    async fn invoke(&self, event: Value) -> (u64, Value) {
        let answer = self.function.invoke(LambdaEvent::new(event, Context::default())).await.unwrap();
        let body = answer["body"].as_str().unwrap();
        (answer["statusCode"].as_u64().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    async fn deliver(&self, body: &str, signature: Option<String>) -> (u64, Value) {
        let mut event = sample("unsigned");
        event["body"] = body.into();
        if let Some(signature) = signature {
            event["headers"]["Stripe-Signature"] = signature.clone().into();
            event["multiValueHeaders"]["Stripe-Signature"] = json!([signature]);
        }
        self.invoke(event).await
    }

    async fn deliver_signed(&self, body: &str) -> (u64, Value) {
        self.deliver(body, Some(signature(body, "whsec_current"))).await
    }

    fn subscription_event(&self, id: &str) -> String {
        let object = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "created": noon().as_second(),
            "metadata": {"org_id": self.org_id}});
        json!({"id": id, "type": "customer.subscription.created", "created": noon().as_second(), "livemode": false,
            "data": {"object": object}})
        .to_string()
    }

    async fn account(&self) -> Account {
        let key = billing::keys::Subscription::key(Tenant::trusted(self.org_id));
        self.table.get(&key, Consistency::Strong).await.unwrap().unwrap()
    }
}

fn signature(body: &str, secret: &str) -> String {
    stripe_client::sign(body.as_bytes(), &Secret::new(secret.to_owned()), noon())
}

fn sample(case: &str) -> Value {
    let path = format!("{}/../../events/hook-stripe/{case}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn a_signed_event_is_applied_and_its_repetition_is_not() {
    let world = World::new().await;
    let body = world.subscription_event("evt_1");
    assert_eq!(world.deliver_signed(&body).await, (200, json!({"outcome": "applied", "reason": null})));
    assert!(world.account().await.stripe.has_begun());
    assert_eq!(world.deliver_signed(&body).await, (200, json!({"outcome": "duplicate", "reason": null})));
    let events = world.database.events().await;
    let told: Vec<_> = events.iter().filter(|event| event.kind == "subscription.activated").collect();
    assert_eq!(told.len(), 1);
    assert!(matches!(told[0].actor, events::ActorRef::Stripe));
}

#[tokio::test]
async fn fifty_deliveries_at_once_are_all_taken_and_have_one_effect() {
    let world = World::new().await;
    let body = world.subscription_event("evt_1");
    let answers = join_all((0..50).map(|_| world.deliver_signed(&body))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, body)| body["outcome"] == "applied").count(), 1);
    assert_eq!(world.database.count("stripe_event").await, 1);
}

#[tokio::test]
async fn both_secrets_of_a_rotation_are_good_and_no_other() {
    let world = World::new().await;
    for (id, secret) in [("evt_1", "whsec_next"), ("evt_2", "whsec_current")] {
        let body = world.subscription_event(id);
        assert_eq!(world.deliver(&body, Some(signature(&body, secret))).await.0, 200, "{secret}");
    }
    let body = world.subscription_event("evt_3");
    let (status, problem) = world.deliver(&body, Some(signature(&body, "whsec_old"))).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_signature")));
}

#[tokio::test]
async fn what_stripe_did_not_sign_gets_a_problem_and_changes_nothing() {
    let world = World::new().await;
    let before = world.database.items().await;
    let body = world.subscription_event("evt_1");
    let good = signature(&body, "whsec_current");
    let other_body = body.replace("active", "canceled");
    for (body, signature) in [
        (&body, None),
        (&body, Some(String::new())),
        (&body, Some("t=1,v1=00".to_owned())),
        (&other_body, Some(good.clone())),
    ] {
        let (status, problem) = world.deliver(body, signature).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_signature")));
    }
    world.clock.advance(SignedDuration::from_secs(301));
    let (status, problem) = world.deliver(&body, Some(good)).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_signature")));
    assert_eq!(world.database.items().await, before);
}

#[tokio::test]
async fn the_samples_get_their_problems_each_time() {
    let world = World::new().await;
    let cases = [
        ("unsigned", 400, "invalid_signature"),
        ("signed-long-ago", 400, "invalid_signature"),
        ("wrong-method", 405, "method_not_allowed"),
    ];
    for (case, status, code) in cases.iter().chain(&cases) {
        let (answered, problem) = world.invoke(sample(case)).await;
        assert_eq!((answered, problem["code"].as_str()), (*status, Some(*code)), "{case}");
    }
}

#[tokio::test]
async fn signed_nonsense_is_refused() {
    let world = World::new().await;
    for body in ["", "[]", "not json", r#"{"id": "evt_1"}"#] {
        let (status, problem) = world.deliver_signed(body).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("malformed_event")), "{body}");
    }
}

#[tokio::test]
async fn a_megabyte_is_read_and_no_more() {
    let world = World::new().await;
    let event = |padding: usize| {
        json!({"id": "evt_1", "type": "invoice.paid", "created": 1, "data": {"object": {"x": "x".repeat(padding)}}})
            .to_string()
    };
    let (status, answer) = world.deliver_signed(&event(1_000_000)).await;
    assert_eq!((status, answer), (200, json!({"outcome": "parked", "reason": "unreadable"})));
    let (status, problem) = world.deliver_signed(&event(1_100_000)).await;
    assert_eq!((status, problem["code"].as_str()), (413, Some("body_too_large")));
}

#[tokio::test]
async fn a_kind_without_effect_is_acknowledged_and_leaves_nothing() {
    let world = World::new().await;
    let before = world.database.items().await;
    let body =
        json!({"id": "evt_1", "type": "charge.updated", "created": 1, "data": {"object": {}}}).to_string();
    for _ in 0..2 {
        assert_eq!(world.deliver_signed(&body).await, (200, json!({"outcome": "ignored", "reason": null})));
    }
    assert_eq!(world.database.items().await, before);
}

/// A secret of an endpoint for connected accounts may be among ours by mistake; its events are none
/// of ours.
#[tokio::test]
async fn events_of_another_account_are_put_aside() {
    let world = World::new().await;
    let mut event: Value = serde_json::from_str(&world.subscription_event("evt_1")).unwrap();
    event["account"] = json!("acct_1Other");
    let answer = world.deliver_signed(&event.to_string()).await;
    assert_eq!(answer, (200, json!({"outcome": "parked", "reason": "other_account"})));
    assert!(!world.account().await.stripe.has_begun());
}

#[tokio::test]
async fn members_longer_than_an_item_are_put_aside_and_never_a_failure() {
    let world = World::new().await;
    for (number, field) in ["type", "api_version", "currency", "price"].into_iter().enumerate() {
        let object = json!({"id": "in_1", "customer": "cus_1", "status": "open", "created": 1, "amount_due": 1,
            "amount_paid": 0, "currency": "eur"});
        let mut event = json!({"id": format!("evt_{number}"), "type": "invoice.paid", "created": 1, "data": {"object": object}});
        let long = json!("x".repeat(450_000));
        match field {
            "currency" => event["data"]["object"][field] = long,
            "price" => {
                event = serde_json::from_str(&world.subscription_event("evt_price")).unwrap();
                event["data"]["object"]["items"] = json!({"data": [{"price": {"id": long}}]});
            }
            _ => event[field] = long,
        }
        let (status, answer) = world.deliver_signed(&event.to_string()).await;
        let outcome = if field == "price" { json!("applied") } else { json!("parked") };
        assert_eq!((status, &answer["outcome"]), (200, &outcome), "{field}");
    }
}

#[tokio::test]
async fn without_a_usable_secret_stripe_is_asked_to_come_back() {
    let world = World::with_secret(&json!({"api_key": "", "webhook_secrets": []})).await;
    let (status, problem) = world.deliver_signed(&world.subscription_event("evt_1")).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("unavailable")));
    assert_eq!(world.database.count("stripe_event").await, 0);
}

/// Everything that matters of the table: all but the ids and times that no two runs share.
async fn outcome(world: &World) -> (Account, Vec<String>, [usize; 4]) {
    let mut told: Vec<_> = world.database.events().await.into_iter().map(|event| event.kind).collect();
    told.sort();
    let mut counts = [0; 4];
    for (count, kind) in
        counts.iter_mut().zip(["stripe_event", "parked_stripe_event", "stripe_customer", "audit"])
    {
        *count = world.database.count(kind).await;
    }
    (world.account().await, told, counts)
}

/// An invoice waits for its customer; then the customer's subscription comes, and the invoice is
/// applied with it.
async fn story(world: &World) -> String {
    let invoice = json!({"id": "in_1", "customer": "cus_1", "status": "paid", "created": noon().as_second(),
        "amount_due": 4900, "amount_paid": 4900, "currency": "eur", "attempt_count": 1,
        "parent": {"subscription_details": {"subscription": "sub_1"}}});
    let invoice = json!({"id": "evt_0", "type": "invoice.paid", "created": noon().as_second(), "livemode": false,
        "data": {"object": invoice}});
    assert_eq!(world.deliver_signed(&invoice.to_string()).await.1["reason"], "unknown_customer");
    world.subscription_event("evt_1")
}

#[tokio::test]
async fn a_crash_at_any_call_is_made_good_by_the_next_delivery() {
    let calm = World::new().await;
    let body = story(&calm).await;
    let (answer, calls) = calm.crashes.count(calm.deliver_signed(&body)).await;
    assert_eq!(answer.1, json!({"outcome": "applied", "reason": null}));
    let expected = outcome(&calm).await;
    assert_eq!(expected.2[1], 0, "nothing waits any more");
    assert!(calls >= 4, "{calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::new().await;
            let body = story(&world).await;
            let died = world.crashes.run(call, moment, world.deliver_signed(&body)).await;
            assert!(died.is_none(), "call {call} of {calls}");
            assert_eq!(world.deliver_signed(&body).await.0, 200);
            assert_eq!(outcome(&world).await, expected, "{moment:?} call {call}");
        }
    }
}
