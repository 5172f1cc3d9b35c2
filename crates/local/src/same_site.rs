//! Keeps foreign web pages out, which a browser on this machine would let reach what listens on it.

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

/// Refuses requests that a foreign web page makes a browser send: other origins, and other host
/// names that lead to this machine.
pub(crate) async fn local_api(request: Request, next: Next) -> Response {
    refuse_foreign("the local API answers pages of its own address only", request, next).await
}

/// The same for the endpoints that stand for outside systems, which no page has any business with.
pub(crate) async fn services(request: Request, next: Next) -> Response {
    refuse_foreign("the local services answer programs, not web pages", request, next).await
}

async fn refuse_foreign(sentence: &str, request: Request, next: Next) -> Response {
    if is_same_site(request.headers()) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, Json(json!({ "error": sentence }))).into_response()
}

fn is_same_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own_origin = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && text(header::ORIGIN).is_none_or(own_origin)
}
