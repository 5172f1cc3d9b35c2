//! Signed webhooks: to the product through its front door, and to whatever else on this machine asked for
//! them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Method, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use primitives::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::values::{members, text};
use super::{Action, StripeState};
use crate::engine::Engine;
use crate::front::Front;

/// Path of the function that takes webhooks.
const HOOK: &str = "/hooks/stripe";
/// Most deliveries of one event in one request.
const TIMES_LIMIT: usize = 100;
/// Bytes of an answer that are kept.
const ANSWER_LIMIT: usize = 64 * 1024;
/// From one delivery that failed to the next, seconds; after the last there is none.
const RETRY_AFTER: &[i64] = &[60, 600, 3_600, 6 * 3_600, 24 * 3_600];
/// How long an endpoint outside of the product has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

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
    super::buttons::LOOKUP_KEY.to_owned()
}

fn once() -> usize {
    1
}

/// How the events of what happens at Stripe come to the product, and what Stripe does with who does not pay.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Manner {
    /// How often each event is delivered; at 0 they are lost.
    times: usize,
    /// How long after the event, seconds of the virtual clock.
    pub(super) delay_seconds: i64,
    /// Whether those that are due together come in any order.
    shuffle: bool,
    /// Whether a subscription whose invoice was tried for the last time ends; else it is unpaid.
    pub(super) cancels_unpaid: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { times: 1, delay_seconds: 0, shuffle: false, cancels_unpaid: false }
    }
}

impl Manner {
    pub(super) fn times(&self) -> usize {
        self.times.min(TIMES_LIMIT)
    }
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

/// A webhook that is still to be delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    event: Value,
    /// Second from when on.
    pub(super) due: i64,
    /// Deliveries that failed.
    tries: usize,
    /// The endpoint that it is for, where it is not the product.
    endpoint: Option<String>,
    /// Tells those that are with somebody from those that wait.
    #[serde(skip)]
    is_on_its_way: bool,
}

impl Waiting {
    pub(super) fn new(event: &Value, due: i64) -> Self {
        Self { event: event.clone(), due, tries: 0, endpoint: None, is_on_its_way: false }
    }

    /// The same for another endpoint.
    pub(super) fn to(mut self, endpoint: &Value) -> Self {
        self.endpoint = Some(text(&endpoint["id"]));
        self
    }
}

/// Whether the product's own door hears of a kind of event. Nobody who sets it up asks for those that hold
/// what a browser pays with.
pub(super) fn is_asked_for(kind: &str) -> bool {
    !["payment_intent.", "setup_intent."].iter().any(|start| kind.starts_with(start))
}

/// Whether an endpoint that was made over the API hears of a kind of event: one on this machine that is not
/// the product's own door.
pub(super) fn hears(endpoint: &Value, kind: &str) -> bool {
    let url = endpoint["url"].as_str().unwrap_or_default();
    let is_near = ["http://127.0.0.1:", "http://localhost:"].iter().any(|start| url.starts_with(start));
    let asked = members(&endpoint["enabled_events"]).iter().any(|one| one == "*" || one == kind);
    endpoint["status"] == "enabled" && is_near && asked && !url.ends_with(HOOK)
}

impl StripeState {
    /// Takes a webhook whose time has come.
    fn take(&mut self, now: i64) -> Option<Waiting> {
        let mut due: Vec<usize> = (0..self.outbox.len())
            .filter(|at| self.outbox.get(*at).is_some_and(|one| one.due <= now && !one.is_on_its_way))
            .collect();
        if self.manner.shuffle && shuffle(&mut due).is_err() {
            return None;
        }
        // Stays in the box until it is delivered: the end of the process loses none.
        let one = self.outbox.get_mut(*due.first()?)?;
        one.is_on_its_way = true;
        self.delivering += 1;
        Some(one.clone())
    }

    /// What became of a webhook: it is gone, or comes again later.
    fn done(&mut self, one: &Waiting, is_taken: bool, now: i64) {
        self.delivering = self.delivering.saturating_sub(1);
        let is_it = |other: &Waiting| {
            other.is_on_its_way && other.event["id"] == one.event["id"] && other.endpoint == one.endpoint
        };
        let Some(at) = self.outbox.iter().position(is_it) else { return };
        let mut own = self.outbox.remove(at);
        let pause = RETRY_AFTER.get(own.tries).filter(|_| !is_taken);
        if let Some(pause) = pause {
            (own.due, own.tries, own.is_on_its_way) = (now + pause, own.tries + 1, false);
            self.outbox.push(own);
        } else if !is_taken {
            tracing::warn!(
                event = text(&one.event["id"]),
                "a webhook was refused to the last and is given up"
            );
        }
    }

    /// Whether no webhook is due or on its way.
    pub(crate) fn is_quiet(&self, now: i64) -> bool {
        self.delivering == 0 && self.outbox.iter().all(|one| one.due > now)
    }

    /// How many webhooks wait.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len()
    }
}

/// Delivers webhooks as their time comes, one after the other, until the cloud stops.
pub(crate) async fn run_deliveries(engine: Arc<Engine>, front: Front) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut news = engine.store.subscribe();
    loop {
        news.mark_unchanged();
        let now = engine.clock.now().as_second();
        let due = engine.store.read(|state| state.stripe.next_delivery());
        match due {
            Some(due) if due <= now => {
                let Some(one) = engine.store.change(|state| state.stripe.take(now)) else { continue };
                let is_taken = send(&engine, &front, &client, &one).await;
                engine.store.change(|state| state.stripe.done(&one, is_taken, now));
            }
            Some(due) => {
                let moment = jiff::Timestamp::from_second(due).unwrap_or(jiff::Timestamp::MAX);
                tokio::select! {
                    () = tokio::time::sleep(engine.clock.until(moment)) => {}
                    changed = news.changed() => if changed.is_err() { return },
                }
            }
            None => {
                if news.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn send(engine: &Engine, front: &Front, client: &Client<HttpConnector, Body>, one: &Waiting) -> bool {
    let Some(endpoint) = &one.endpoint else {
        let sent = match webhook_secret(engine) {
            Ok(secret) => post(engine, front, &one.event, &secret).await,
            Err(problem) => Err(problem),
        };
        return match sent {
            Ok(delivery) => (200..300).contains(&delivery.status),
            Err(problem) => {
                tracing::warn!(problem, "a webhook of Stripe could not be delivered");
                false
            }
        };
    };
    let known = engine.store.read(|state| state.stripe.get("webhook_endpoint", endpoint).cloned());
    // Who deleted its endpoint hears nothing more.
    let Some(endpoint) = known.filter(|one| one["deleted"] != true) else { return true };
    let secret = Secret::new(text(&endpoint["_secret"]));
    let Ok(request) = signed(engine, &text(&endpoint["url"]), &one.event, &secret) else { return false };
    match tokio::time::timeout(PATIENCE, client.request(request)).await {
        Ok(Ok(response)) => response.status().is_success(),
        _ => false,
    }
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

/// Delivers an event that somebody made up: of any kind, about any object, in any version. What it does not
/// say is as in an event of ours.
pub(crate) async fn tell(engine: &Engine, front: &Front, said: Value) -> Result<Delivery, String> {
    let now = engine.clock.now().as_second();
    let event = engine.store.change(|state| {
        let mut event = json!({
            "id": state.stripe.id("evt"), "object": "event", "api_version": super::API_VERSION, "created": now,
            "livemode": false, "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        });
        super::values::merge(&mut event, said);
        crate::state::capture(&mut state.stripe.events, event.clone());
        event
    });
    post(engine, front, &event, &webhook_secret(engine)?).await
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

fn signed(
    engine: &Engine,
    uri: &str,
    event: &Value,
    secret: &Secret<String>,
) -> Result<http::Request<Body>, String> {
    let body = event.to_string();
    let signature = stripe_client::sign(body.as_bytes(), secret, engine.clock.now());
    http::Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", signature)
        .body(Body::from(body))
        .map_err(|error| error.to_string())
}

async fn post(
    engine: &Engine,
    front: &Front,
    event: &Value,
    secret: &Secret<String>,
) -> Result<Delivery, String> {
    let mut request = signed(engine, HOOK, event, secret)?;
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("localhost"));
    let response = front.respond(request, SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), ANSWER_LIMIT).await.unwrap_or_default();
    Ok(Delivery {
        event_id: text(&event["id"]),
        kind: text(&event["type"]),
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// Fisher and Yates with the operating system's randomness.
fn shuffle<T>(items: &mut [T]) -> Result<(), getrandom::Error> {
    for last in (1..items.len()).rev() {
        let random = usize::try_from(getrandom::u32()?).unwrap_or_default();
        items.swap(last, random % (last + 1));
    }
    Ok(())
}
