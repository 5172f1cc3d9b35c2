//! The JSON API of the local page, below `/_local/api`: what was captured, what waits, and the
//! buttons.

mod actions;
mod captures;
mod demo;
mod dns;
mod queues;
mod scim;
mod secrets;

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router, middleware};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::front::Front;
use crate::same_site;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct Local {
    pub(crate) engine: Arc<Engine>,
    pub(crate) front: Front,
    pub(crate) urls: Urls,
}

/// Where the endpoints listen.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) api: String,
    pub(crate) aws: String,
    pub(crate) dynamodb: String,
    pub(crate) stripe: String,
    pub(crate) dns: String,
}

impl FromRef<Local> for Arc<Engine> {
    fn from_ref(local: &Local) -> Self {
        Arc::clone(&local.engine)
    }
}

/// An error of this API: a status and a sentence.
pub(crate) struct Problem(StatusCode, String);

impl Problem {
    fn not_found(what: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("there is no {what}"))
    }

    fn bad_request(problem: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, problem.into())
    }

    fn internal(error: &impl ToString) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// A request's JSON, read as strictly as the product reads its own; what is none is an error of
/// this API.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Json::<Box<RawValue>>::from_request(request, state).await;
        let Json(text) = read.map_err(|error: JsonRejection| Problem(error.status(), error.body_text()))?;
        let body = primitives::json::from_str(text.get());
        body.map(Self).map_err(|error| Problem(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    }
}

/// A request's query; what cannot be read is an error of this API.
struct Query<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        let refused = |error: QueryRejection| Problem(error.status(), error.body_text());
        read.map(|axum::extract::Query(query)| Self(query)).map_err(refused)
    }
}

/// The answer of most handlers.
type Answer = Result<Json<Value>, Problem>;

/// The router, to be mounted at `/_local/api`.
pub(crate) fn router(local: Local) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/mails", get(captures::mails))
        .route("/mails/{id}", get(captures::mail))
        .route("/mails/{id}/html", get(captures::mail_html))
        .route("/messages", get(captures::messages))
        .route("/pushes", get(captures::pushes))
        .route("/push-endpoints", get(captures::push_endpoints))
        .route("/push-endpoints/disable", post(captures::disable_push_endpoint))
        .route("/notifications", get(captures::notifications))
        .route("/events", get(captures::events))
        .route("/invocations", get(captures::invocations))
        .route("/table", get(captures::table))
        .route("/queues", get(queues::list))
        .route("/queues/{name}/messages", get(queues::messages).delete(queues::purge))
        .route("/queues/{name}/redrive", post(queues::redrive))
        .route("/dead-letters", get(queues::dead_letters))
        .route("/clock", get(actions::clock).post(actions::advance))
        .route("/schedules", get(actions::schedules))
        .route("/schedules/{name}/run", post(actions::run_schedule))
        .route("/secrets", get(secrets::list))
        .route("/secrets/{name}/rotate", post(secrets::rotate))
        .route("/dns", get(dns::list))
        .route("/dns/{name}", put(dns::put).delete(dns::delete))
        .route("/stripe", get(actions::stripe))
        .route("/stripe/manner", put(actions::stripe_manner))
        .route("/stripe/faults", put(actions::stripe_faults))
        .route("/stripe/events", post(actions::stripe_event))
        .route("/stripe/{action}", post(actions::stripe_action))
        .route("/demo", get(demo::show).post(demo::build))
        .route("/scim/{action}", post(scim::act))
        .route("/reset", post(actions::reset))
        .route("/drain", post(actions::drain))
        .fallback(async || Problem::not_found("such route of the local API"))
        .method_not_allowed_fallback(async || {
            Problem(StatusCode::METHOD_NOT_ALLOWED, "this route has no such method".to_owned())
        })
        .layer(middleware::from_fn(same_site::local_api))
        .with_state(local)
}

async fn status(Shared(local): Shared<Local>) -> Json<Value> {
    let engine = &local.engine;
    let statistics = engine.functions.statistics();
    let functions: Vec<Value> = engine
        .template
        .functions
        .keys()
        .map(|name| {
            let own = statistics.get(name).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "a count of calls")]
            let average = if own.invocations == 0 { 0.0 } else { own.total_ms / own.invocations as f64 };
            json!({
                "name": name, "kind": kind(engine, name), "invocations": own.invocations, "errors": own.errors,
                "failed_records": own.failed_records,
                "average_ms": (average * 100.0).round() / 100.0,
            })
        })
        .collect();
    Json(json!({
        "name": engine.name,
        "started_at": engine.started_at,
        "clock": clock_json(engine),
        "functions": functions,
        "counts": counts(engine),
        "urls": {
            "api": local.urls.api, "aws": local.urls.aws, "dynamodb": local.urls.dynamodb, "stripe": local.urls.stripe,
            "dns": local.urls.dns,
        },
        "busy": !engine.is_idle(),
    }))
}

/// How much there is of everything that was captured or waits, so that a reader knows when to look
/// again.
fn counts(engine: &Engine) -> Value {
    let now = engine.clock.now();
    engine.store.read(|state| {
        let waiting = |name: &String| {
            state.queues.get(name).map_or(0, |own| {
                let counts = own.counts(now);
                counts.visible + counts.in_flight + counts.delayed
            })
        };
        let (dead, alive): (Vec<_>, Vec<_>) =
            engine.template.queues.values().partition(|queue| queues::is_dead_letter_queue(engine, queue));
        json!({
            "mails": state.mails.len(), "messages": state.messages.len(), "pushes": state.pushes.len(),
            "events": state.events.len(), "stripe_events": state.stripe.events.len(),
            "waiting": alive.iter().map(|queue| waiting(&queue.name)).sum::<usize>(),
            "dead_letters": dead.iter().map(|queue| waiting(&queue.name)).sum::<usize>(),
        })
    })
}

/// What calls a function, from the template.
fn kind(engine: &Engine, function: &str) -> &'static str {
    let template = &engine.template;
    if template.routes.iter().any(|route| route.function == function) {
        "http"
    } else if template.queue_sources.iter().any(|source| source.function == function) {
        "queue"
    } else if template.stream_sources.iter().any(|source| source.function == function) {
        "stream"
    } else if template.schedules.iter().any(|schedule| schedule.function == function) {
        "schedule"
    } else {
        "none"
    }
}

fn clock_json(engine: &Engine) -> Value {
    json!({ "now": engine.clock.now(), "offset_seconds": engine.clock.offset_milliseconds() / 1_000 })
}
