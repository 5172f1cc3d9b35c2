use std::{any::Any, net::IpAddr, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tracing::Instrument;

use crate::{
    caller::{Client, Peer},
    edge::Edge,
    limits::Limiter,
    problem::Problem,
};

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// Everything around a handler.
pub(crate) async fn around(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let client = client(&edge, &request);
    let correlation_id = client.correlation_id.clone();
    let limiter = Limiter::new(edge.table().clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let acceptable = accepts_json(request.headers());
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(edge);
    request.extensions_mut().insert(limiter.clone());

    let span = tracing::info_span!("request", correlation_id, %method, route);
    let answer = async {
        let response =
            if acceptable { in_time(next.run(request)).await } else { not_acceptable().into_response() };
        log(&response, began);
        response
    };
    let mut response = with_instance(answer.instrument(span).await, &correlation_id);
    let headers = response.headers_mut();
    limiter.write_headers(headers);
    if let Ok(value) = HeaderValue::from_str(&correlation_id) {
        headers.insert(CORRELATION_ID, value);
    }
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Answers while there is time to. A request that the runtime cuts off would get an answer that is not ours, and take its sandbox with it.
async fn in_time(response: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(table::time_left(), response).await.unwrap_or_else(|_| {
        let detail = "it could not be done in time; try again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1).into_response()
    })
}

/// <https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers>
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains; preload"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

fn client(edge: &Edge, request: &Request) -> Client {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let forwarded_for: Vec<_> =
        request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let ip: Option<IpAddr> = edge.client_address(peer, &forwarded_for.join(","));
    let correlation_id = header(CORRELATION_ID)
        .filter(|id| well_formed(id))
        .map_or_else(|| edge.ids().next::<primitives::kind::Request>().to_string(), str::to_owned);
    let user_agent = header(header::USER_AGENT).map(|agent| agent.chars().take(256).collect());
    Client { correlation_id, ip, user_agent }
}

fn well_formed(id: &str) -> bool {
    (8..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accepted
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            matches!(range, "*/*" | "application/*" | "application/json" | "application/problem+json")
        })
}

fn not_acceptable() -> Problem {
    Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", "answers are JSON: accept `application/json`")
}

pub(crate) async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("this route does not answer {method}"),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the layer gives it by value")]
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("unknown"), "a handler panicked");
    let detail = "this is our fault; it was noted under the correlation id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}

/// The problem document with the request's correlation id in it.
fn with_instance(mut response: Response, correlation_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let (parts, _) = response.into_parts();
    let mut response = problem.instance(correlation_id).into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn log(response: &Response, began: Instant) {
    let status = response.status().as_u16();
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let problem = response.extensions().get::<Problem>();
    let code = problem.map(Problem::code);
    if let Some(cause) = problem.and_then(Problem::cause) {
        tracing::error!(status, milliseconds, code, cause, "request failed");
    } else {
        tracing::info!(status, milliseconds, code, "request");
    }
}
