//! A process that dies at any of its outgoing calls, before it or with the answer lost, is as if it had
//! not: whoever called calls again, and in the end the product stands as after a run without a crash.

mod api_keys;
mod audit;
mod copies;
mod domains;
mod erasures;
mod exports;
mod members;
mod organizations;
mod passkeys;
mod scim;
mod seats;
mod sso;
mod usage;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lambda_host::{Context, Function, LambdaEvent};
use local::functions::build;
use primitives::{Clock, Secret};
use serde_json::{Value, json};
use test_support::{Crashes, Moment};

use crate::{passwords::GOOD, product::Product, stored};

/// What there is in the end: items by kind, events, mails and notifications. Ids and times differ from run
/// to run and are left out, and so are the table's own notes about requests.
pub(crate) async fn outcome(product: &Product) -> BTreeMap<String, usize> {
    let mut outcome = BTreeMap::new();
    let mut add = |name: String, more: usize| *outcome.entry(name).or_insert(0) += more;
    // what staff asks for is written down each time
    let is_asked = |item: &Value| item.to_string().contains("staff.acted");
    for item in stored::items(product).await.into_iter().filter(|item| !is_asked(item)) {
        let kind = item["kind"].as_str().unwrap_or_default();
        // in how many parts the figures are is by chance; what they add up to is not
        let figures = item.as_object().filter(|_| kind == "revenue");
        for (name, sum) in figures.into_iter().flatten() {
            add(format!("item {kind} {name}"), usize::try_from(sum.as_u64().unwrap_or_default()).unwrap());
        }
        if !["limit", "idempotency", "scim_failures", "revenue"].contains(&kind) {
            add(format!("item {kind}"), 1);
        }
    }
    for event in product.events().await.into_iter().filter(|event| event != "staff.acted") {
        add(format!("event {event}"), 1);
    }
    for mail in product.local("/mails").await["items"].as_array().unwrap() {
        add(format!("mail {}", mail["subject"]), 1);
    }
    outcome
}

/// The request as API Gateway hands it over.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let headers: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let multi: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": multi,
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "resourceId": "r", "resourcePath": path, "httpMethod": method, "path": path,
            "stage": "$default", "requestId": "request", "identity": { "sourceIp": "127.0.0.1" }, "protocol": "HTTP/1.1",
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// Brings a product to where the work under test begins, and gives the function and its event.
type Prepare = for<'a> fn(&'a Product) -> futures::future::BoxFuture<'a, (&'static str, Value)>;

/// Who waits so long finds indexes as they are.
const INDEXES_ARE_BEHIND: SignedDuration = SignedDuration::from_mins(10);

struct Case {
    prepare: Prepare,
    /// Whether it happens as often as it is asked for: whoever calls again may have it twice.
    happens_again: bool,
    /// How far the function's clock is ahead of the product's.
    ahead: SignedDuration,
    /// How long a caller waits before it calls again.
    wait: SignedDuration,
}

/// A sandbox of its own for the function under test; all else of the product lives on beside it.
struct Sandbox {
    environment: local::Environment,
    clock: Clock,
    crashes: Crashes,
    function: &'static str,
    event: Value,
}

impl Sandbox {
    async fn new(case: &Case, product: &Product) -> Self {
        let (function, event) = (case.prepare)(product).await;
        product.settle().await;
        Self::of(product, (function, event), case.ahead)
    }

    /// One for this event, whose clock is so far ahead.
    fn of(product: &Product, (function, event): (&'static str, Value), ahead: SignedDuration) -> Self {
        Self {
            environment: product.cloud.template().functions[function].environment.clone(),
            clock: Clock::fixed(product.cloud.clock().now() + ahead),
            crashes: Crashes::default(),
            function,
            event,
        }
    }

    /// A new instance of the function, ready for its first event.
    async fn instance(&self) -> Function {
        let http_client = Some(self.crashes.http_client());
        let built = build(self.function, self.environment.clone(), self.clock.clone(), http_client).await;
        built.unwrap().1
    }

    async fn invoke(&self, function: &Function) -> Value {
        function.invoke(LambdaEvent::new(self.event.clone(), Context::default())).await.unwrap()
    }
}

impl Case {
    /// Runs the work that often without a crash: what is there in the end, and where it can die.
    async fn smooth(&self, times: usize) -> (BTreeMap<String, usize>, Vec<(usize, Moment)>) {
        let product = Product::crowded().await;
        let sandbox = Sandbox::new(self, &product).await;
        let function = sandbox.instance().await;
        for turn in 0..times {
            if turn > 0 {
                sandbox.clock.advance(self.wait);
                if self.wait > INDEXES_ARE_BEHIND {
                    product.settle().await;
                }
            }
            let (answer, _) = sandbox.crashes.count(sandbox.invoke(&function)).await;
            assert!(succeeded(&answer), "{answer}");
        }
        product.settle().await;
        (outcome(&product).await, sandbox.crashes.deaths())
    }

    /// Runs it until it dies, and then as often as a caller would.
    async fn crashed(&self, call: usize, moment: Moment) -> BTreeMap<String, usize> {
        let product = Product::crowded().await;
        let sandbox = Sandbox::new(self, &product).await;
        let function = sandbox.instance().await;
        let died = sandbox.crashes.run(call, moment, sandbox.invoke(&function)).await.is_none();
        assert!(died, "{}: call {call} was never made", sandbox.function);
        let mut tries = 0;
        loop {
            sandbox.clock.advance(self.wait);
            if self.wait > INDEXES_ARE_BEHIND {
                product.settle().await;
            }
            let answer = sandbox.invoke(&sandbox.instance().await).await;
            if succeeded(&answer) || is_so_already(&answer) {
                break;
            }
            tries += 1;
            assert!(
                tries < 5,
                "{} does not recover from a crash at call {call} ({moment:?}): {answer}",
                sandbox.function
            );
        }
        product.settle().await;
        outcome(&product).await
    }

    async fn check(&self) {
        let (expected, deaths) = self.smooth(1).await;
        let twice = if self.happens_again { Some(self.smooth(2).await.0) } else { None };
        assert!(deaths.len() > 1, "nothing is written");
        for (call, moment) in deaths {
            let found = self.crashed(call, moment).await;
            if twice.as_ref() != Some(&found) {
                assert_eq!(found, expected, "after a crash at call {call} ({moment:?})");
            }
        }
    }
}

/// What SCIM says to whoever repeats what was done: that it is gone, or there already (RFC 7644, sections 3.3
/// and 3.6).
fn is_so_already(answer: &Value) -> bool {
    let body = answer["body"].as_str().unwrap_or_default();
    let is_unique = answer["statusCode"] == 409 && body.contains("\"uniqueness\"");
    body.contains("messages:2.0:Error") && (answer["statusCode"] == 404 || is_unique)
}

fn succeeded(answer: &Value) -> bool {
    let status = answer["statusCode"].as_u64().unwrap_or(200);
    let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
    assert!(status < 500 || status == 503, "{answer}");
    status < 300 && failures == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creating_an_organization() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let token = product.sign_in("ada@example.com").await.text("/access_token");
            // once to have keys and secrets at hand, as a warm function has
            product.get("/v1/orgs/current", &token).await;
            let bearer = format!("Bearer {token}");
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("idempotency-key", "one"),
            ];
            ("api-orgs", request("POST", "/v1/orgs", &headers, r#"{"name":"Acme","slug":"acme"}"#))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: SignedDuration::from_secs(31) }
        .check()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_a_login() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let asked = product.post("/v1/auth/magic-links", &json!({ "email": "ada@example.com" })).await;
            product.settle().await;
            let (token, _) = product.proof("ada@example.com").await;
            let body = json!({ "token": token, "browser_token": asked.text("/browser_token") }).to_string();
            (
                "api-auth",
                request(
                    "POST",
                    "/v1/auth/magic-links/verify",
                    &[("content-type", "application/json")],
                    &body,
                ),
            )
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: LATE_BUT_IN_TIME }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_with_a_password() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            product.registered("ada@example.com", GOOD).await;
            let body = json!({ "email": "ada@example.com", "password": GOOD }).to_string();
            let headers = [("content-type", "application/json")];
            ("api-auth", request("POST", "/v1/auth/password/verify", &headers, &body))
        })
    };
    Case { prepare, happens_again: true, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_a_new_password_by_a_link() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            product.registered("ada@example.com", GOOD).await;
            let token = product.reset_token("ada@example.com").await;
            let body = json!({ "token": token, "password": "another four words at last" }).to_string();
            let headers = [("content-type", "application/json")];
            ("api-passwords", request("POST", "/v1/auth/password/resets/verify", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completing_a_login_with_a_second_factor() {
    let prepare: Prepare = |product| Box::pin(second_factor(product, false));
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: SignedDuration::from_secs(2) }
        .check()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remembering_a_browser() {
    let prepare: Prepare = |product| Box::pin(second_factor(product, true));
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: SignedDuration::from_secs(2) }
        .check()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completing_a_login_with_a_recovery_code() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (_, _, codes) = product.with_app().await;
            let body = json!({ "method": "recovery_code", "code": codes[0] });
            completed(&product.half().await, &body)
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

async fn second_factor(product: &Product, remember_browser: bool) -> (&'static str, Value) {
    let (_, secret, _) = product.with_app().await;
    let half = product.half().await;
    let code = product.app(&secret);
    completed(&half, &json!({ "method": "totp", "code": code, "remember_browser": remember_browser }))
}

fn completed(half: &str, body: &Value) -> (&'static str, Value) {
    let bearer = format!("Bearer {half}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    ("api-auth", request("POST", "/v1/auth/mfa/verify", &headers, &body.to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_a_phone() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let token = product.sign_in("ada@example.com").await.text("/access_token");
            product.set_phone(&token, "+436641234567").await;
            let body = json!({ "code": product.texted("+436641234567").await }).to_string();
            let bearer = format!("Bearer {token}");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            ("api-account", request("POST", "/v1/me/phone/verify", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: SignedDuration::from_secs(2) }
        .check()
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completing_a_login_with_a_code_of_the_phone() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            product.with_sms().await;
            let half = product.half().await;
            product.send_code(&half).await;
            let code = product.texted("+436641234567").await;
            let body = json!({ "method": "sms", "code": code }).to_string();
            let bearer = format!("Bearer {half}");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            ("api-auth", request("POST", "/v1/auth/mfa/verify", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: SignedDuration::from_secs(2) }
        .check()
        .await;
}

/// Within the time that a link works, and long after any client has stopped waiting.
const LATE_BUT_IN_TIME: SignedDuration = SignedDuration::from_mins(2);

/// Longer than any client waits for an answer: whoever asks again so late is no thief.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// At once, as a browser does that hears nothing.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_by_a_code_on_a_screen() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let token = product.sign_in("ada@example.com").await.text("/access_token");
            let body =
                json!({ "token": product.device_link(&token).await, "device_name": "Phone" }).to_string();
            let headers = [("content-type", "application/json")];
            ("api-auth", request("POST", "/v1/auth/device-links/verify", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspending_a_person() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let user_id = product.sign_in("ada@example.com").await.text("/user_id");
            let bearer = format!("Bearer {}", product.staff("op@example.com", "operator").await);
            let path = format!("/v1/admin/people/{user_id}/suspend");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            ("api-admin", request("POST", &path, &headers, r#"{"reason":"a card that was stolen"}"#))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: AT_ONCE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshing_a_session() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let token = product.sign_in("ada@example.com").await.text("/refresh_token");
            let body = json!({ "refresh_token": token }).to_string();
            let headers = [("content-type", "application/json")];
            ("api-auth", request("POST", "/v1/auth/refresh", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: LATE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_to_another_organization() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let token = product.sign_in("ada@example.com").await.text("/access_token");
            let org = product.post_as("/v1/orgs", &token, &json!({ "name": "Acme", "slug": "acme" })).await;
            let body = json!({ "org_id": org.text("/id") }).to_string();
            let bearer = format!("Bearer {token}");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            ("api-auth", request("POST", "/v1/auth/switch-org", &headers, &body))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: LATE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let bearer = format!("Bearer {}", product.sign_in("ada@example.com").await.text("/access_token"));
            ("api-auth", request("POST", "/v1/auth/sign-out", &[("authorization", &bearer)], ""))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: LATE }.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expiring_a_trial() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            product.owner("ada@example.com", "acme").await;
            ("cron-trial-expiry", json!({}))
        })
    };
    Case {
        prepare,
        happens_again: false,
        ahead: SignedDuration::from_hours(8 * 24),
        wait: SignedDuration::from_mins(1),
    }
    .check()
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_a_stripe_event() {
    let prepare: Prepare = |product| {
        Box::pin(async move {
            let (_, org_id) = product.owner("ada@example.com", "acme").await;
            // a first event makes the function warm; the second is the one under test
            product
                .local_post("/stripe/subscribe", &json!({ "org_id": org_id, "times": 1, "shuffle": false }))
                .await;
            product.settle().await;
            let invocation = product.cloud.invocations(Some("hook-stripe")).into_iter().next().unwrap();
            ("hook-stripe", resigned(&invocation.event, &product.stripe_secret()))
        })
    };
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait: SignedDuration::from_secs(5) }
        .check()
        .await;
}

/// The delivered event with a new id and a new signature, as if Stripe had sent one more of its kind.
fn resigned(event: &Value, secret: &Secret<String>) -> Value {
    let mut event = event.clone();
    let body = event["body"].as_str().unwrap().to_owned();
    let mut stripe: Value = serde_json::from_str(&body).unwrap();
    stripe["id"] = json!("evt_crash_test_0001");
    stripe["created"] = json!(stripe["created"].as_i64().unwrap() + 1);
    stripe["type"] = json!("customer.subscription.updated");
    let body = stripe.to_string();
    let at = jiff::Timestamp::from_second(stripe["created"].as_i64().unwrap()).unwrap();
    let header = stripe_client::sign(body.as_bytes(), secret, at);
    event["body"] = json!(body);
    for (headers, value) in [("headers", json!(header)), ("multiValueHeaders", json!([header]))] {
        let headers = event[headers].as_object_mut().unwrap();
        let name = headers.keys().find(|name| name.eq_ignore_ascii_case("stripe-signature")).unwrap().clone();
        headers.insert(name, value);
    }
    event
}

/// A request with this token that may be sent twice.
fn keyed(token: &str, method: &str, path: &str, body: &Value) -> Value {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", "one"),
    ];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    request(method, path, &headers, &body)
}

/// Of a request that may be sent twice, once the lease of its key is over.
async fn check(prepare: Prepare) {
    let wait = SignedDuration::from_secs(31);
    Case { prepare, happens_again: false, ahead: SignedDuration::ZERO, wait }.check().await;
}
