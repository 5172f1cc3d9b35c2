use std::{sync::Arc, time::Duration};

use axum::Router;
use http::{HeaderName, HeaderValue, Method, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

use crate::{described::Described, edge::Edge, middleware};

/// What a page may send.
const REQUEST_HEADERS: [&str; 7] = [
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-correlation-id",
];

/// What a page may read.
const ANSWER_HEADERS: [&str; 14] = [
    "allow",
    "content-language",
    "deprecation",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sunset",
    "www-authenticate",
    "x-correlation-id",
    "x-gantry-impersonator",
];

impl Edge {
    /// The routes as the world sees them: with answers for what is not there, headers, CORS and a
    /// log line for each request. Their description says which parameters they take and which types
    /// they answer with; nothing else is let through.
    pub fn wrap(&self, routes: OpenApiRouter) -> Router {
        let (routes, description) = routes.split_for_parts();
        let described = Arc::new(Described::read(&description));
        routes
            .fallback(async || crate::not_found())
            .method_not_allowed_fallback(middleware::method_not_allowed)
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(middleware::panicked))
            .layer(axum::middleware::from_fn_with_state((self.clone(), described), middleware::around))
            .layer(self.cors())
            .layer(axum::middleware::from_fn(middleware::rename_options))
            .layer(axum::middleware::map_response(middleware::secured))
    }

    /// What pages of other origins may do. There are no cookies, so an origin is all that is asked
    /// for. What everybody may read, every page may ask about; the answer itself says so once more.
    fn cors(&self) -> CorsLayer {
        let edge = self.clone();
        let may_ask =
            move |origin: &HeaderValue, request: &Parts| asks_about_public(request) || edge.allows(origin);
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(may_ask))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(REQUEST_HEADERS.map(HeaderName::from_static))
            .expose_headers(ANSWER_HEADERS.map(HeaderName::from_static))
            .max_age(Duration::from_hours(2))
    }
}

/// Whether a page asks before it reads a document that is everybody's ([`crate::Cached`]).
fn asks_about_public(request: &Parts) -> bool {
    let path = request.uri.path();
    request.method == Method::OPTIONS && (path.starts_with("/.well-known/") || path == "/v1/openapi.json")
}
