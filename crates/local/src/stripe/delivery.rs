//! Signed webhooks to the front door.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use http::{Method, header};
use primitives::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;
use crate::engine::Engine;
use crate::front::Front;

/// Path of the function that takes webhooks.
const HOOK: &str = "/hooks/stripe";
/// Most deliveries of one event in one request.
const TIMES_LIMIT: usize = 100;
/// Bytes of an answer that are kept.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What a caller of the local API wants to happen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Organization it happens to.
    pub(crate) org_id: String,
    /// The lookup key of the price, where somebody subscribes.
    #[serde(default = "largest")]
    pub(crate) lookup_key: String,
    /// How often each event is delivered.
    #[serde(default = "once")]
    pub(crate) times: usize,
    /// Whether the deliveries come in another order than the events happened.
    #[serde(default)]
    pub(crate) shuffle: bool,
}

fn largest() -> String {
    super::objects::LOOKUP_KEY.to_owned()
}

fn once() -> usize {
    1
}

/// One webhook and its answer.
#[derive(Debug, Serialize)]
pub(crate) struct Delivery {
    pub(crate) event_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Lets `action` happen and delivers its events, one after the other.
pub(crate) async fn deliver(
    engine: &Engine,
    front: &Front,
    action: Action,
    request: &Request,
) -> Result<Vec<Delivery>, String> {
    if request.times == 0 || request.times > TIMES_LIMIT {
        return Err(format!("times must be between 1 and {TIMES_LIMIT}"));
    }
    let now = engine.clock.now();
    let events =
        engine.store.change(|state| state.stripe.act(action, (&request.org_id, &request.lookup_key), now))?;
    // The product must not learn of what the fake would have forgotten.
    engine.store.settle().await;
    let secret = webhook_secret(engine)?;
    let mut queue: Vec<Value> = (0..request.times).flat_map(|_| events.iter().cloned()).collect();
    if request.shuffle {
        shuffle(&mut queue).map_err(|error| error.to_string())?;
    }
    let mut deliveries = Vec::with_capacity(queue.len());
    for event in queue {
        deliveries.push(post(engine, front, &event, &secret).await?);
    }
    Ok(deliveries)
}

/// The secret that the hook checks with: the first one it knows.
fn webhook_secret(engine: &Engine) -> Result<Secret<String>, String> {
    secret(engine)?["webhook_secrets"][0]
        .as_str()
        .map(|secret| Secret::new(secret.to_owned()))
        .ok_or_else(|| "the secret of STRIPE_SECRET_ARN has no webhook_secrets".to_owned())
}

/// What the functions know of Stripe: `api_key` and `webhook_secrets`.
pub(super) fn secret(engine: &Engine) -> Result<Value, String> {
    let arn =
        engine.template.functions.values().find_map(|function| function.environment.get("STRIPE_SECRET_ARN"));
    let arn = arn.ok_or_else(|| "no function of the template has STRIPE_SECRET_ARN".to_owned())?;
    let value = engine
        .store
        .read(|state| state.secrets.get(arn)?.current().map(str::to_owned))
        .ok_or_else(|| format!("there is no secret {arn}"))?;
    serde_json::from_str(&value).map_err(|error| format!("secret {arn}: {error}"))
}

async fn post(
    engine: &Engine,
    front: &Front,
    event: &Value,
    secret: &Secret<String>,
) -> Result<Delivery, String> {
    let body = event.to_string();
    let signature = stripe_client::sign(body.as_bytes(), secret, engine.clock.now());
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(HOOK)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", signature)
        .body(Body::from(body))
        .map_err(|error| error.to_string())?;
    let response = front.respond(request, SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), ANSWER_LIMIT).await.unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Delivery {
        event_id: text(&event["id"]),
        kind: text(&event["type"]),
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Fisher and Yates with the operating system's randomness.
fn shuffle(items: &mut [Value]) -> Result<(), getrandom::Error> {
    for last in (1..items.len()).rev() {
        let random = usize::try_from(getrandom::u32()?).unwrap_or_default();
        items.swap(last, random % (last + 1));
    }
    Ok(())
}
