//! Events from Stripe that were put aside, as an operator sees them.

use billing::{Granted, Rules, StripeEvents, start_trial};
use lambda_host::{Context, Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Ids, OrgId, Secret};
use serde_json::{Value, json};
use stripe_client::{ApiKey, Client, ClientOptions, Event};
use table::{Cause, Table};
use test_support::{Database, Services, noon};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:stripe";

struct World {
    _database: Database,
    _services: Services,
    table: Table,
    function: Function,
}

impl World {
    async fn with_secret(secret: &Value) -> Self {
        let (database, services) = (Database::start().await, Services::start().await);
        services.put_secret(ARN, secret.to_string());
        let clock = Clock::fixed(noon());
        let mut variables = services.environment(&database);
        variables.push(("STRIPE_SECRET_ARN".to_owned(), ARN.to_owned()));
        variables.push(("STRIPE_API_URL".to_owned(), "http://127.0.0.1:9".to_owned()));
        let ids = Ids::random(clock.clone());
        let host = Host::with(Environment::new(variables), clock.clone(), ids, None).unwrap();
        let function = operator::function(&host).await.unwrap();
        host.connected().await;
        Self { table: database.table(&clock), _database: database, _services: services, function }
    }

    async fn new() -> Self {
        Self::with_secret(&json!({"api_key": "sk_test_1", "webhook_secrets": ["whsec_1"]})).await
    }

    async fn invoke(&self, command: Value) -> Result<Value, String> {
        let event = LambdaEvent::new(command, Context::default());
        self.function.invoke(event).await.map_err(|error| error.to_string())
    }

    async fn run(&self, command: Value) -> Value {
        self.invoke(command).await.unwrap()
    }

    /// An event about an organization that is not there yet.
    async fn park(&self, number: usize, org_id: OrgId) {
        let key = ApiKey::new(Secret::new("sk_test_1".to_owned())).unwrap();
        let stripe = Client::new(key, ClientOptions::default());
        let object = json!({"id": "sub_1", "customer": "cus_1", "status": "active", "created": noon().as_second(),
            "metadata": {"org_id": org_id}});
        let body = json!({"id": format!("evt_{number}"), "type": "customer.subscription.updated",
            "created": noon().as_second() + 1, "livemode": false, "data": {"object": object}})
        .to_string();
        let events = StripeEvents::new(self.table.clone(), stripe, Rules::default(), false);
        let event = Event::parse(body.as_bytes()).unwrap();
        events.receive(&Cause::system("test", "test"), &event, &body).await.unwrap();
    }
}

#[tokio::test]
async fn parked_events_are_listed_without_their_bodies_and_replayed_when_they_can_be_applied() {
    let world = World::new().await;
    let org_id: OrgId = Ids::unguessable();
    for number in 0..3 {
        world.park(number, org_id).await;
    }
    let first = world.run(json!({"command": "stripe.parked", "limit": 2})).await;
    let listed = &first["events"][0];
    assert_eq!((&listed["event_id"], &listed["reason"]), (&json!("evt_2"), &json!("foreign_org")));
    assert_eq!(listed["event_type"], "customer.subscription.updated");
    assert!(listed.get("body").is_none() && !first.to_string().contains("cus_1"));
    let rest = world.run(json!({"command": "stripe.parked", "limit": 2, "next": first["next"]})).await;
    assert_eq!((&rest["events"][0]["event_id"], &rest["next"]), (&json!("evt_0"), &Value::Null));
    let others = world.run(json!({"command": "stripe.parked", "reason": "unreadable"})).await;
    assert_eq!(others["events"], json!([]));

    let still = world.run(json!({"command": "stripe.replay"})).await;
    assert_eq!((still["parked"].as_array().unwrap().len(), &still["complete"]), (3, &json!(true)));
    world
        .table
        .commit(
            &Cause::system("test", "test"),
            start_trial(org_id, noon(), Granted::whole(&Rules::default())),
        )
        .await
        .unwrap();
    let one = world.run(json!({"command": "stripe.replay", "event_id": "evt_1"})).await;
    assert_eq!((&one["applied"], &one["parked"]), (&json!(["evt_1"]), &json!([])));
    let rest = world.run(json!({"command": "stripe.replay", "reason": "foreign_org"})).await;
    assert_eq!(rest["applied"], json!(["evt_0", "evt_2"]), "{rest}");
}

#[tokio::test]
async fn commands_that_make_no_sense_are_refused() {
    let world = World::new().await;
    for (command, code) in [
        (json!({"command": "stripe.parked", "limit": 0}), "invalid_limit"),
        (json!({"command": "stripe.parked", "limit": 1001}), "invalid_limit"),
        (json!({"command": "stripe.parked", "reason": "whim"}), "unreadable_command"),
        (json!({"command": "stripe.replay", "event_id": "evt_1", "reason": "unreadable"}), "invalid_request"),
        (json!({"command": "stripe.replay", "event_id": "evt#1"}), "unreadable_command"),
        (json!({"command": "stripe.replay", "everything": true}), "unreadable_command"),
    ] {
        assert_eq!(world.run(command.clone()).await["error"]["code"], code, "{command}");
    }
}

#[tokio::test]
async fn without_a_usable_secret_the_command_fails_and_says_so() {
    let world = World::with_secret(&json!({"api_key": "", "webhook_secrets": []})).await;
    let error = world.invoke(json!({"command": "stripe.replay"})).await.unwrap_err();
    assert!(error.contains("the Stripe secret is not usable"), "{error}");
}
