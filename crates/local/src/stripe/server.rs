//! Stripe's HTTP API: keys, idempotency, versions. What it does not know is refused as Stripe refuses it, so
//! that its libraries can say why.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::response::Response;
use base64::Engine as _;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::refusal::Refusal;
use super::{API_VERSION, StripeState, call, pages, routes, secret, versions};
use crate::engine::Engine;
use crate::state::random_id;

/// For so long an answer is kept by its `Idempotency-Key`, seconds.
const KEPT_FOR: i64 = 24 * 3_600;
/// Longest key.
const LONGEST_KEY: usize = 255;

/// The first answer to a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    at: i64,
    /// Method, path and parameters.
    request: Value,
    request_id: String,
    status: u16,
    body: Value,
}

/// An answer that is made to go wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Only calls whose path begins so, such as `/v1/customers`.
    #[serde(default)]
    path: String,
    /// Only calls of this method.
    #[serde(default)]
    method: String,
    /// What is answered instead, and nothing is done; without it the call is done.
    #[serde(default)]
    status: Option<u16>,
    /// The call is done, and its answer lost: 500 is what comes.
    #[serde(default)]
    loses_answer: bool,
    /// For so long the answer is kept back, milliseconds. Whoever comes with the same key meanwhile gets 409.
    #[serde(default)]
    delay_milliseconds: u64,
    /// How many calls it is for.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// What the endpoint works with.
#[derive(Clone)]
struct Server {
    engine: Arc<Engine>,
    url: String,
    /// Keys whose first call is being answered.
    running: Arc<Mutex<HashSet<String>>>,
}

/// A key is in use as long as this lives.
struct Claim {
    key: String,
    running: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// The router of the endpoint, at `url`. All of it is one handler, which reads the body, wanted or not: what
/// is left of one would be taken for the next request.
pub(crate) fn router(engine: Arc<Engine>, url: &str) -> Router {
    let server = Server { engine: Arc::clone(&engine), url: url.to_owned(), running: Arc::default() };
    pages::router(engine, url).fallback_service(Router::new().fallback(handle).with_state(server))
}

async fn handle(
    Shared(server): Shared<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request_id = format!("req_local{}", random_id().replace('-', ""));
    let answer = server.answer(&method, &uri, &headers, &body, &request_id).await;
    let version = requested_version(&headers);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut response = Response::builder()
        .status(answer.status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("request-id", &request_id)
        .header("stripe-version", version);
    if let Some(key) = text("idempotency-key") {
        response = response.header("idempotency-key", key);
        if let Some(original) = &answer.original {
            response = response.header("idempotent-replayed", "true").header("original-request", original);
        }
    }
    // All parts are made here of valid characters.
    response.body(Body::from(answer.body.to_string())).unwrap_or_default()
}

fn requested_version(headers: &HeaderMap) -> String {
    headers.get("stripe-version").and_then(|value| value.to_str().ok()).unwrap_or(API_VERSION).to_owned()
}

/// What goes back.
struct Reply {
    status: StatusCode,
    body: Value,
    /// Id of the call that was answered so first, where this one repeats it.
    original: Option<String>,
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status, body: json!({ "error": refusal.error }), original: None }
    }
}

impl Server {
    async fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        request_id: &str,
    ) -> Reply {
        if let Some(refusal) = refuse_strangers(&self.engine, headers) {
            return refusal.into();
        }
        let Some((handler, parameters, ids)) = routes::find(method, uri.path()) else {
            return unrecognized(method, uri).into();
        };
        let params = match call::read(method, uri.query().unwrap_or_default(), body) {
            Ok(params) => params,
            Err(refusal) => return refusal.into(),
        };
        // Only calls that change something are told apart by keys.
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let key = key.filter(|key| *method == Method::POST && !key.is_empty()).map(str::to_owned);
        let claim = match key.as_deref().map(|key| self.claim(key)).transpose() {
            Ok(claim) => claim,
            Err(refusal) => return refusal.into(),
        };
        let now = self.engine.clock.now().as_second();
        let request = json!([method.as_str(), uri.path(), params]);
        if let Some(key) = &key
            && let Some(reply) = self.engine.store.read(|state| state.stripe.kept(key, &request, now))
        {
            return reply;
        }
        let fault = self.engine.store.change(|state| state.stripe.next_fault(method, uri.path()));
        if let Some(status) = fault.as_ref().and_then(|fault| fault.status) {
            return injected(status).into();
        }
        let call = Call { now, ids, params, url: self.url.clone() };
        if let Err(refusal) = routes::check(&call, parameters, method) {
            return refusal.into();
        }
        let version = requested_version(headers);
        let reply = self.engine.store.change(|state| {
            let kept = key.as_ref().map(|key| (key.as_str(), request));
            state.stripe.work_off(handler, &call, kept, request_id, &version)
        });
        // Nobody may learn of what the fake would have forgotten.
        self.engine.store.settle().await;
        if let Some(fault) = fault {
            tokio::time::sleep(Duration::from_millis(fault.delay_milliseconds)).await;
            if fault.loses_answer {
                return injected(500).into();
            }
        }
        drop(claim);
        reply
    }

    /// One call at a time for each key.
    fn claim(&self, key: &str) -> Result<Claim, Refusal> {
        if key.len() > LONGEST_KEY {
            return Err(Refusal::invalid("Idempotency keys have at most 255 characters."));
        }
        if !self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned()) {
            let message = "There is currently another in-progress request using this Idempotency Key (that probably means you \
                           submitted twice, and the other request is still going through). Please try again later.";
            return Err(Refusal::new(StatusCode::CONFLICT, "idempotency_error", message)
                .code("idempotency_key_in_use"));
        }
        Ok(Claim { key: key.to_owned(), running: Arc::clone(&self.running) })
    }
}

impl StripeState {
    /// Works off a call and keeps its answer where it has a key. What was refused for its parameters is not
    /// kept: nothing was done.
    fn work_off(
        &mut self,
        handler: routes::Handler,
        call: &Call,
        kept: Option<(&str, Value)>,
        request_id: &str,
        version: &str,
    ) -> Reply {
        // What is due before comes before.
        self.tick(call.now);
        self.cause = (Some(request_id.to_owned()), kept.as_ref().map(|(key, _)| (*key).to_owned()));
        let answer = handler(self, call);
        self.send_fresh(call.now);
        self.cause = (None, None);
        let answer = answer.and_then(|answer| {
            let mut shown = versions::render(self, &answer, version);
            self.expand(&mut shown, call.get("expand"), version)?;
            Ok(shown)
        });
        let (reply, is_kept) = match answer {
            Ok(body) => (Reply { status: StatusCode::OK, body, original: None }, true),
            Err(mut refusal) => {
                refusal.error["request_log_url"] = json!(format!("{}/logs/{request_id}", call.url));
                refusal.error = versions::render(self, &refusal.error, version);
                let is_kept = !refusal.is_of_parameters();
                (refusal.into(), is_kept)
            }
        };
        if let Some((key, request)) = kept.filter(|_| is_kept) {
            let (status, body) = (reply.status.as_u16(), reply.body.clone());
            let kept = Kept { at: call.now, request, request_id: request_id.to_owned(), status, body };
            self.answers.insert(key.to_owned(), kept);
        }
        reply
    }

    /// The first answer to a key again, for the same request; another request may not have the key.
    fn kept(&self, key: &str, request: &Value, now: i64) -> Option<Reply> {
        let kept = self.answers.get(key).filter(|kept| kept.at > now - KEPT_FOR)?;
        if kept.request != *request {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            );
            return Some(Refusal::new(StatusCode::BAD_REQUEST, "idempotency_error", &message).into());
        }
        let status = StatusCode::from_u16(kept.status).unwrap_or_default();
        Some(Reply { status, body: kept.body.clone(), original: Some(kept.request_id.clone()) })
    }

    pub(super) fn forget_answers(&mut self, now: i64) {
        self.answers.retain(|_, kept| kept.at > now - KEPT_FOR);
    }

    fn next_fault(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let fits = |fault: &Fault| {
            path.starts_with(&fault.path) && (fault.method.is_empty() || fault.method == method.as_str())
        };
        let at = self.faults.iter().position(fits)?;
        let fault = self.faults.get_mut(at)?;
        fault.times = fault.times.saturating_sub(1);
        let found = fault.clone();
        if fault.times == 0 {
            self.faults.remove(at);
        }
        Some(found)
    }
}

/// An error as Stripe has it on a bad day.
fn injected(status: u16) -> Refusal {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status {
        429 => Refusal::new(code, "invalid_request_error", "Request rate limit exceeded.").code("rate_limit"),
        _ => Refusal::new(code, "api_error", "An unknown error occurred"),
    }
}

/// Refuses whoever does not come with the key of the local secret, as Stripe does: as a bearer, or
/// as the name of basic authentication.
fn refuse_strangers(engine: &Engine, headers: &HeaderMap) -> Option<Refusal> {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.to_owned());
        }
        let decoded = base64::prelude::BASE64_STANDARD.decode(rest).ok()?;
        Some(String::from_utf8(decoded).ok()?.split(':').next()?.to_owned())
    });
    let refuse =
        |message: &str| Some(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message));
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return refuse("You did not provide an API key. Send it in the Authorization header.");
    };
    match secret(engine) {
        Ok(secret) if secret["api_key"] == key => None,
        _ => refuse("Invalid API Key provided. The local one is in the secret that STRIPE_SECRET_ARN names."),
    }
}

fn unrecognized(method: &Method, uri: &Uri) -> Refusal {
    let message =
        format!("Unrecognized request URL ({method}: {}); the local Stripe has no such route.", uri.path());
    Refusal::new(StatusCode::NOT_FOUND, "invalid_request_error", &message).code("url_invalid")
}

/// A call from a page, which nobody has to sign.
pub(super) fn page_call(url: &str, now: i64) -> Call {
    Call { now, ids: Vec::new(), params: Map::new(), url: url.to_owned() }
}
