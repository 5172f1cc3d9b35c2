//! Stripe's HTTP API, as far as the functions use it. Everything else is refused as Stripe
//! refuses it, so that its libraries can say why.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::{StripeState, secret};
use crate::engine::Engine;
use crate::state::random_id;

/// The router of the endpoint. Each handler reads the body, wanted or not: what is left of one
/// would be taken for the next request.
pub(crate) fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/v1/customers/{id}", get(read_customer).delete(delete_customer))
        .route("/v1/{kind}/{id}", get(read))
        .method_not_allowed_fallback(unknown)
        .fallback(unknown)
        .with_state(engine)
}

async fn read(
    Shared(engine): Shared<Arc<Engine>>,
    Path((kind, id)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    _body: Bytes,
) -> Response {
    if let Some(refusal) = refuse_strangers(&engine, &headers) {
        return refusal;
    }
    // `search` is a route of its own at Stripe, and no id.
    let found = engine.store.read(|state| {
        table(&state.stripe, &kind).filter(|_| id != "search").map(|table| table.get(&id).cloned())
    });
    match found {
        None => unrecognized(&method, &uri),
        Some(Some(object)) => response(StatusCode::OK, &object),
        Some(None) => {
            let kind = kind.trim_end_matches('s');
            let message = format!("No such {kind}: '{id}'");
            error(StatusCode::NOT_FOUND, Some("resource_missing"), &message, Some("id"))
        }
    }
}

async fn read_customer(
    shared: Shared<Arc<Engine>>,
    Path(id): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    read(shared, Path(("customers".to_owned(), id)), method, uri, headers, body).await
}

/// Forgets a customer. Its subscriptions stay as they are here, until somebody cancels them: so what Stripe
/// tells late of a customer that is gone can be tried.
async fn delete_customer(
    Shared(engine): Shared<Arc<Engine>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    _body: Bytes,
) -> Response {
    if let Some(refusal) = refuse_strangers(&engine, &headers) {
        return refusal;
    }
    if engine.store.change(|state| state.stripe.customers.remove(&id)).is_some() {
        return response(StatusCode::OK, &json!({ "id": id, "object": "customer", "deleted": true }));
    }
    let message = format!("No such customer: '{id}'");
    error(StatusCode::NOT_FOUND, Some("resource_missing"), &message, Some("id"))
}

fn table<'a>(stripe: &'a StripeState, kind: &str) -> Option<&'a std::collections::BTreeMap<String, Value>> {
    match kind {
        "customers" => Some(&stripe.customers),
        "subscriptions" => Some(&stripe.subscriptions),
        "invoices" => Some(&stripe.invoices),
        _ => None,
    }
}

async fn unknown(
    Shared(engine): Shared<Arc<Engine>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    _body: Bytes,
) -> Response {
    refuse_strangers(&engine, &headers).unwrap_or_else(|| unrecognized(&method, &uri))
}

/// Refuses whoever does not come with the key of the local secret, as Stripe does: as a bearer, or
/// as the name of basic authentication.
fn refuse_strangers(engine: &Engine, headers: &HeaderMap) -> Option<Response> {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.to_owned());
        }
        let decoded = base64::prelude::BASE64_STANDARD.decode(rest).ok()?;
        Some(String::from_utf8(decoded).ok()?.split(':').next()?.to_owned())
    });
    let refuse = |message: &str| Some(error(StatusCode::UNAUTHORIZED, None, message, None));
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return refuse("You did not provide an API key. Send it in the Authorization header.");
    };
    match secret(engine) {
        Ok(secret) if secret["api_key"] == key => None,
        _ => refuse("Invalid API Key provided. The local one is in the secret that STRIPE_SECRET_ARN names."),
    }
}

fn unrecognized(method: &Method, uri: &Uri) -> Response {
    let message =
        format!("Unrecognized request URL ({method}: {}); the local Stripe has no such route.", uri.path());
    error(StatusCode::NOT_FOUND, Some("url_invalid"), &message, None)
}

fn error(status: StatusCode, code: Option<&str>, message: &str, parameter: Option<&str>) -> Response {
    let mut error = json!({ "type": "invalid_request_error", "message": message });
    for (name, value) in [("code", code), ("param", parameter)] {
        if let Some(value) = value {
            error[name] = json!(value);
        }
    }
    response(status, &json!({ "error": error }))
}

fn response(status: StatusCode, body: &Value) -> Response {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("request-id", format!("req_local{}", random_id().replace('-', "")))
        .body(Body::from(body.to_string()));
    // All parts are made here of valid characters.
    response.unwrap_or_default()
}
