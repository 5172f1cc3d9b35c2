//! The steps of a rotation, as Secrets Manager asks for them: again, in another order, after a crash, and
//! where they are not due.

use aws_sdk_secretsmanager::Client;
use futures::future::join_all;
use lambda_host::{Context, LambdaEvent};
use local::{InvokeError, functions::build};
use primitives::Clock;
use serde_json::{Value, json};
use test_support::{Crashes, Moment};

use crate::product::Product;

const SECRET: &str = "LinkSecret";

/// The samples, in the order in which Secrets Manager sends them.
const STEPS: [&str; 4] = [
    include_str!("../../events/rotate-secret/1-create-secret.json"),
    include_str!("../../events/rotate-secret/2-set-secret.json"),
    include_str!("../../events/rotate-secret/3-test-secret.json"),
    include_str!("../../events/rotate-secret/4-finish-secret.json"),
];
const CREATE: usize = 0;
const TEST: usize = 2;
const FINISH: usize = 3;

/// A product with a rotation that was begun: there is a version for it, which is pending and has no value.
struct Begun {
    product: Product,
    secrets: Client,
    arn: String,
    version: String,
    first: String,
}

impl Begun {
    /// A rotation fails at its first step where somebody has put something into the secret that is no key.
    /// Then it is mended.
    async fn new() -> Self {
        let product = Product::start().await;
        product.rotate("CursorSecret").await;
        let secrets = Client::new(product.host("rotate-secret").sdk_config());
        let first = product.value(SECRET);
        let put = async |text: &str| {
            secrets.put_secret_value().secret_id(SECRET).secret_string(text).send().await.unwrap();
        };
        put("no key, but secret").await;
        let failed = product.local_post(&format!("/secrets/{SECRET}/rotate"), &json!({})).await;
        let error = failed["error"].as_str().unwrap();
        assert!(error.starts_with("createSecret failed: the current version is no key"), "{error}");
        assert!(!error.contains("but secret"), "{error}");
        put(&first).await;
        let described = secrets.describe_secret().secret_id(SECRET).send().await.unwrap();
        let arn = described.arn.unwrap();
        let mut versions = described.version_ids_to_stages.unwrap().into_iter();
        let (version, _) = versions.find(|(_, labels)| *labels == ["AWSPENDING"]).unwrap();
        Self { product, secrets, arn, version, first }
    }

    fn event(&self, step: usize, version: &str) -> Value {
        let mut event: Value = serde_json::from_str(STEPS[step]).unwrap();
        event["SecretId"] = json!(self.arn);
        event["ClientRequestToken"] = json!(version);
        event
    }

    async fn step(&self, step: usize) -> Result<Value, InvokeError> {
        self.product.cloud.invoke("rotate-secret", self.event(step, &self.version)).await
    }

    /// The value of the new version, if it has one.
    async fn pending(&self) -> Option<String> {
        let get = self.secrets.get_secret_value().secret_id(SECRET).version_id(&self.version);
        get.send().await.ok()?.secret_string
    }

    /// The new version is the current one, with a key that it has had from its first moment on.
    async fn check(&self, seen: Option<String>) {
        let labels = self.product.labels(SECRET).await;
        let current =
            labels.iter().find(|(_, labels)| labels.as_array().unwrap().contains(&json!("AWSCURRENT")));
        assert_eq!(current.unwrap().0, self.version);
        let value = self.product.value(SECRET);
        assert!(value != self.first && value.len() > 43, "{value}");
        assert!(seen.is_none_or(|seen| seen == value), "a key that was readable is the key");
        let previous = self.secrets.get_secret_value().secret_id(SECRET).version_stage("AWSPREVIOUS");
        assert_eq!(previous.send().await.unwrap().secret_string(), Some(self.first.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_may_come_again() {
    let begun = Begun::new().await;
    for step in [CREATE, CREATE, 1, 1, TEST, TEST, CREATE, FINISH, FINISH, CREATE, TEST, FINISH] {
        begun.step(step).await.unwrap();
    }
    begun.check(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_before_its_time_changes_nothing() {
    let begun = Begun::new().await;
    let early = begun.step(FINISH).await.unwrap_err().to_string();
    assert!(early.contains("it has no value; createSecret comes first"), "{early}");
    // Secrets Manager tries the function with this step alone when a schedule is made
    begun.step(TEST).await.unwrap();
    assert_eq!((begun.product.value(SECRET), begun.pending().await), (begun.first.clone(), None));
    begun.step(CREATE).await.unwrap();
    assert_eq!(begun.product.value(SECRET), begun.first, "it is not used before it is tested");
    let made = begun.pending().await;
    begun.step(FINISH).await.unwrap();
    begun.check(made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_no_key_never_becomes_current() {
    let begun = Begun::new().await;
    let put = begun.secrets.put_secret_value().secret_id(SECRET).client_request_token(&begun.version);
    put.version_stages("AWSPENDING").secret_string(r#"{"key":"short"}"#).send().await.unwrap();
    for step in [TEST, FINISH] {
        let refused = begun.step(step).await.unwrap_err().to_string();
        assert!(refused.contains("the key is shorter than 32 characters"), "{refused}");
    }
    assert_eq!(begun.product.value(SECRET), begun.first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_first_steps_at_once_one_makes_the_key() {
    let begun = Begun::new().await;
    let steps = join_all((0..20).map(|_| begun.step(CREATE))).await;
    assert!(steps.iter().all(Result::is_ok), "{steps:?}");
    let made = begun.pending().await;
    assert!(made.is_some());
    begun.step(FINISH).await.unwrap();
    begun.check(made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_pending_or_not_enabled_is_refused() {
    let begun = Begun::new().await;
    begun.product.cloud.invoke("rotate-secret", begun.event(CREATE, &begun.version)).await.unwrap();
    begun.step(FINISH).await.unwrap();
    let labels = begun.product.labels(SECRET).await;
    let (old, _) = labels.into_iter().find(|(_, labels)| *labels == json!(["AWSPREVIOUS"])).unwrap();
    let stripe = begun.secrets.describe_secret().secret_id("StripeSecret").send().await.unwrap();
    let of_stripe = stripe.version_ids_to_stages.unwrap().into_keys().next().unwrap();
    for step in 0..STEPS.len() {
        let mut foreign = begun.event(step, &of_stripe);
        foreign["SecretId"] = json!(stripe.arn);
        for (event, wanted) in [
            (begun.event(step, &old), "is not labelled AWSPENDING"),
            (begun.event(step, "51f72378-6a5d-5dc7-8fd8-29e4319f482a"), "has no version 51f72378"),
            (foreign, "the rotation of this secret is not enabled"),
        ] {
            let refused = begun.product.cloud.invoke("rotate-secret", event).await.unwrap_err().to_string();
            assert!(refused.contains(wanted), "{refused}");
        }
    }
    begun.check(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_failed_goes_on_with_the_same_version() {
    let begun = Begun::new().await;
    assert_eq!(begun.product.rotate(SECRET).await, begun.version);
    begun.check(None).await;
}

/// The whole rotation by an instance of its own, which may die at any of its calls.
async fn run(begun: &Begun, crashes: &Crashes) -> Result<(), lambda_host::Error> {
    let environment = begun.product.cloud.template().functions["rotate-secret"].environment.clone();
    let clock = Clock::fixed(begun.product.cloud.clock().now());
    let (_, function) = build("rotate-secret", environment, clock, Some(crashes.http_client())).await?;
    for step in 0..STEPS.len() {
        let event = begun.event(step, &begun.version);
        function.invoke(LambdaEvent::new(event, Context::default())).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_is_healed_by_the_next_attempt() {
    let crashes = Crashes::default();
    let (smooth, calls) = crashes.count(Box::pin(run(&Begun::new().await, &crashes))).await;
    smooth.unwrap();
    assert!(calls >= 8, "four steps that each look first: {calls}");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let begun = Begun::new().await;
            let died = crashes.run(call, moment, Box::pin(run(&begun, &crashes))).await.is_none();
            assert!(died, "call {call} was never made");
            let seen = begun.pending().await;
            run(&begun, &crashes).await.unwrap();
            begun.check(seen).await;
        }
    }
}
