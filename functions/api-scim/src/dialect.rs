//! SCIM's own words around everything that the edge says: its media type, and its errors (RFC 7644,
//! sections 3.8 and 3.12).

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http_api::{
    StatusCode,
    http::{HeaderValue, header},
};
use primitives::{Time, json};
use scim::{Failure, Reason, note_failure};
use serde_json::{Map, Value};
use table::Table;

use crate::caller::Whose;

const SCIM: HeaderValue = HeaderValue::from_static("application/scim+json");
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The routes with the dialect around them.
pub(crate) fn around(edge: Router, table: Table) -> Router {
    edge.layer(from_fn(move |request, next| spoken(table.clone(), request, next)))
}

async fn spoken(table: Table, mut request: Request, next: Next) -> Response {
    // the edge knows its own types; both of SCIM's are answered in the one that SCIM prefers
    let accepts = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("application/scim+json"))
    };
    if request.headers().get_all(header::ACCEPT).iter().any(accepts) {
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    }
    let whose = Whose::default();
    request.extensions_mut().insert(whose.clone());
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = translated(next.run(request).await).await;
    let status = response.status();
    if let (Some((tenant, cause)), Some(Told(detail))) = (whose.0.get(), response.extensions().get())
        && is_worth_noting(status)
    {
        let cut = |text: &str| text.chars().take(200).collect();
        let failed_at = Time::from(table.clock().now());
        let failure =
            Failure { failed_at, request: cut(&asked), status: status.as_u16(), detail: cut(detail) };
        if let Err(error) = note_failure(&table, cause, *tenant, &failure).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a refusal is not noted");
        }
    }
    response
}

/// What people mend who look after the directory. That something is not there is what identity providers
/// ask.
fn is_worth_noting(status: StatusCode) -> bool {
    let usual = [
        StatusCode::UNAUTHORIZED,
        StatusCode::NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_client_error() && !usual.contains(&status)
}

/// What the client was told.
#[derive(Clone, Debug)]
struct Told(String);

async fn translated(mut response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind == Some("application/json") {
        response.headers_mut().insert(header::CONTENT_TYPE, SCIM);
        return response;
    }
    if kind != Some("application/problem+json") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let problem = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let problem: Map<String, Value> = json::from_slice(&problem).unwrap_or_default();
    parts.status = match parts.status {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        // who pays is nothing that an identity provider can mend
        StatusCode::PAYMENT_REQUIRED => StatusCode::FORBIDDEN,
        status => status,
    };
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let errors = problem.get("errors").and_then(Value::as_array).into_iter().flatten();
    let more = errors.filter_map(|error| error["detail"].as_str()).collect::<Vec<_>>().join("; ");
    let detail =
        if more.is_empty() { text("detail").to_owned() } else { format!("{}: {more}", text("detail")) };
    let mut error =
        serde_json::json!({ "schemas": [ERROR], "status": parts.status.as_str(), "detail": detail });
    let says_why = [StatusCode::BAD_REQUEST, StatusCode::CONFLICT].contains(&parts.status);
    if let Some(reason) = Reason::of(text("code")).filter(|_| says_why) {
        error["scimType"] = reason.as_str().into();
    }
    parts.headers.insert(header::CONTENT_TYPE, SCIM);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.extensions.insert(Told(detail));
    Response::from_parts(parts, Body::from(error.to_string()))
}
