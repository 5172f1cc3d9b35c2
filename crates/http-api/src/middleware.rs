use std::{any::Any, net::IpAddr, sync::Arc, time::Instant};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority};
use primitives::FieldCode;
use tracing::Instrument;

use crate::{
    caller::{Client, InTheName, Malformed, Peer},
    described::{Described, Route},
    edge::Edge,
    limits::Limiter,
    problem::{FieldError, Problem},
    refusal::Refusal,
};

/// Where CloudFront writes the country of the client's address.
const VIEWER_COUNTRY: HeaderName = HeaderName::from_static("cloudfront-viewer-country");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// Says who of our staff acted in the person's name: what a frontend shows a banner by.
const IMPERSONATOR: HeaderName = HeaderName::from_static("x-gantry-impersonator");

/// Everything around a handler.
pub(crate) async fn around(
    State((edge, described)): State<(Edge, Arc<Described>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let client = client(&edge, &request);
    let correlation_id = client.correlation_id.clone();
    let limiter = Limiter::new(edge.table().clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let refusal = refusal(&request, described.route(&route, &method));
    let allow = allow(&described, &route);
    let methods = methods(allow.as_ref(), &method);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(edge);
    request.extensions_mut().insert(limiter.clone());
    let in_the_name = InTheName::default();
    request.extensions_mut().insert(in_the_name.clone());

    let span = tracing::info_span!("request", correlation_id, %method, route);
    let answer = async {
        let response = match (methods, refusal) {
            (Some(methods), _) => methods,
            (None, Some(problem)) => problem.into_response(),
            (None, None) => in_time(next.run(request)).await,
        };
        log(&response, began);
        response
    };
    let mut response = with_instance(answer.instrument(span).await, &correlation_id);
    let refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let headers = response.headers_mut();
    if let Some(allow) = allow.filter(|_| refused) {
        headers.insert(header::ALLOW, allow);
    }
    limiter.write_headers(headers);
    if let Some(by) = in_the_name.by().and_then(|by| HeaderValue::from_str(&by.to_string()).ok()) {
        headers.insert(IMPERSONATOR, by);
    }
    if let Ok(value) = HeaderValue::from_str(&correlation_id) {
        headers.insert(CORRELATION_ID, value);
    }
    response
}

/// What an `OPTIONS` is called that no browser sent before another request: the layer of CORS takes
/// every `OPTIONS` for one of theirs.
const OPTIONS_ALONE: &[u8] = b"OPTIONS-ALONE";

/// Gives such a request another name, outside of that layer.
pub(crate) async fn rename_options(mut request: Request, next: Next) -> Response {
    let of_browser = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if request.method() == Method::OPTIONS
        && !of_browser
        && let Ok(alone) = Method::from_bytes(OPTIONS_ALONE)
    {
        *request.method_mut() = alone;
    }
    next.run(request).await
}

/// The methods of a path; nothing where there is no such path.
fn allow(described: &Described, route: &str) -> Option<HeaderValue> {
    let methods = described.methods(route);
    HeaderValue::from_str(&methods.join(",")).ok().filter(|_| !methods.is_empty())
}

/// The answer to whoever asks which methods a path has, and for nothing else.
fn methods(allow: Option<&HeaderValue>, method: &Method) -> Option<Response> {
    let asks = method.as_str().as_bytes() == OPTIONS_ALONE;
    let allow = allow.filter(|_| asks)?.clone();
    Some((StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response())
}

/// What every answer says to browsers, those to a preflight and those without a handler too.
pub(crate) async fn secured(mut response: Response) -> Response {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Why the request gets no further.
fn refusal(request: &Request, route: Option<&Route>) -> Option<Problem> {
    if let Some(Malformed(detail)) = request.extensions().get() {
        return Some(malformed(detail));
    }
    if !names_a_host(request.headers()) {
        return Some(malformed("the `Host` header names no host"));
    }
    if !accepts(request.headers(), route) {
        return Some(Refusal::NotAcceptable.into());
    }
    let (route, changes) = (route?, !matches!(*request.method(), Method::GET | Method::HEAD));
    let unknown = route.unknown_parameters(request.uri().query().unwrap_or_default());
    if !unknown.is_empty() {
        return Some(Problem::invalid(unknown));
    }
    if !is_plain(request.headers()) {
        return Some(Refusal::ContentEncoding.into());
    }
    if !route.takes_body() && !request.body().is_end_stream() {
        let detail = "this route takes no body; send none";
        return Some(Problem::invalid(vec![FieldError::new("", FieldCode::UnknownField, detail)]));
    }
    let expects = changes && request.headers().contains_key(header::IF_MATCH);
    (expects && !route.takes_if_match()).then(|| Refusal::NothingTagged.into())
}

/// What is compressed would be taken for text that is broken.
fn is_plain(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn malformed(detail: &str) -> Problem {
    Refusal::Malformed(detail.to_owned()).into()
}

/// RFC 9112, section 3.2. Nothing is decided by the host, but whatever stands before us may have
/// read another one.
fn names_a_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else { return true };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let is_host = authority.is_some_and(|host| {
        let port = host.as_str().strip_prefix(host.host()).unwrap_or_default();
        let is_port =
            port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        !host.host().is_empty() && !host.as_str().contains(['@', '%']) && is_port
    });
    is_host && hosts.next().is_none()
}

/// Answers while there is time to. A request that the runtime cuts off would get an answer that is
/// not ours, and take its sandbox with it.
async fn in_time(response: impl Future<Output = Response>) -> Response {
    let in_time = tokio::time::timeout(table::time_left(), response).await;
    in_time.unwrap_or_else(|_| Problem::from(Refusal::OutOfTime).into_response())
}

/// <https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers>
pub const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
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
    let country = edge.client_country(header(VIEWER_COUNTRY));
    Client { correlation_id, ip, country, user_agent }
}

fn well_formed(id: &str) -> bool {
    (8..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether one of the types that the route answers with, or a problem document, is accepted.
fn accepts(headers: &HeaderMap, route: Option<&Route>) -> bool {
    let says_nothing = headers.get_all(header::ACCEPT).iter().all(HeaderValue::is_empty);
    says_nothing
        || accepted(headers).any(|range| {
            matches!(&*range, "*/*" | "application/*" | "application/json" | "application/problem+json")
                || route.is_some_and(|route| route.answers_with(&range))
        })
}

/// The media types and ranges that the client takes, in lower case.
pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let range = parts.next().filter(|range| !range.is_empty())?;
        let refused = parts.any(|parameter| {
            parameter.strip_prefix("q=").is_some_and(|quality| quality.parse() == Ok(0.0_f32))
        });
        (!refused).then_some(range)
    })
}

pub(crate) async fn method_not_allowed(method: Method) -> Problem {
    Refusal::Method(method).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer gives it by value")]
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::from(Refusal::Panicked(text.unwrap_or("unknown").to_owned())).into_response()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    #[test]
    fn a_host_is_one_name_and_at_most_a_port() {
        for hosts in [
            &[][..],
            &["api.example.com"],
            &["localhost:3000"],
            &["[::1]:443"],
            &["[2001:db8::1]"],
            &["192.0.2.1"],
            &["a_b.internal"],
        ] {
            assert!(names_a_host(&headers(&header::HOST, hosts)), "{hosts:?}");
        }
        for hosts in [
            &[""][..],
            &["a b"],
            &["[::1"],
            &["localhost:99999"],
            &["localhost:x"],
            &[":80"],
            &["%00"],
            &["\u{ff}"],
            &["user@host"],
            &["x/v1/me?a="],
            &["a", "a"],
        ] {
            assert!(!names_a_host(&headers(&header::HOST, hosts)), "{hosts:?}");
        }
    }

    #[test]
    fn media_types_have_no_case() {
        for taken in [
            &[][..],
            &[""],
            &["Application/JSON"],
            &["text/html, */*;q=0.1"],
            &["text/html", "APPLICATION/*"],
        ] {
            assert!(accepts(&headers(&header::ACCEPT, taken), None), "{taken:?}");
        }
        for other in
            [&["text/html"][..], &["application/json;q=0"], &["application/jwk-set+json"], &["*/*; Q=0.0"]]
        {
            assert!(!accepts(&headers(&header::ACCEPT, other), None), "{other:?}");
        }
    }
}
