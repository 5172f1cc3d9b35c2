//! Stripe's HTTP API, as far as the functions read from it.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};

use super::StripeState;
use crate::engine::Engine;

/// The router of the endpoint.
pub(crate) fn router(engine: Arc<Engine>) -> Router {
    Router::new().route("/v1/{kind}/{id}", get(read)).fallback(unknown).with_state(engine)
}

async fn read(Shared(engine): Shared<Arc<Engine>>, Path((kind, id)): Path<(String, String)>) -> Response {
    let found = engine.store.read(|state| table(&state.stripe, &kind).map(|table| table.get(&id).cloned()));
    match found {
        None => unknown().await,
        Some(Some(object)) => Json(object).into_response(),
        Some(None) => {
            let kind = kind.trim_end_matches('s');
            error("resource_missing", &format!("No such {kind}: '{id}'"), Some("id"), StatusCode::NOT_FOUND)
        }
    }
}

fn table<'a>(stripe: &'a StripeState, kind: &str) -> Option<&'a std::collections::BTreeMap<String, Value>> {
    match kind {
        "customers" => Some(&stripe.customers),
        "subscriptions" => Some(&stripe.subscriptions),
        "invoices" => Some(&stripe.invoices),
        _ => None,
    }
}

async fn unknown() -> Response {
    error(
        "url_invalid",
        "Unrecognized request URL; the local Stripe has no such route.",
        None,
        StatusCode::NOT_FOUND,
    )
}

fn error(code: &str, message: &str, parameter: Option<&str>, status: StatusCode) -> Response {
    let body = json!({ "error": {
        "type": "invalid_request_error", "code": code, "message": message, "param": parameter,
    } });
    (status, Json(body)).into_response()
}
