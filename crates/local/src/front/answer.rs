//! A function's answer → HTTP, and what API Gateway answers by itself.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::state::random_id;
use crate::template::GatewayResponses;

/// Why the gateway answers instead of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such route; API Gateway says it with this name.
    MissingAuthenticationToken,
    RequestTooLarge,
    /// A request that names no host (RFC 9112, section 3.2) comes to no API.
    NoHost,
    Throttled,
    IntegrationTimeout,
    /// The function failed, or its answer is no HTTP response.
    BadAnswer,
}

impl Refusal {
    /// Name among the gateway responses of a template, status and message without one.
    fn standard(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::MissingAuthenticationToken => {
                ("MISSING_AUTHENTICATION_TOKEN", StatusCode::FORBIDDEN, "Missing Authentication Token")
            }
            Self::RequestTooLarge => ("REQUEST_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long"),
            Self::NoHost => ("DEFAULT_4XX", StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Throttled => ("THROTTLED", StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
            Self::IntegrationTimeout => {
                ("INTEGRATION_TIMEOUT", StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out")
            }
            Self::BadAnswer => ("DEFAULT_5XX", StatusCode::BAD_GATEWAY, "Internal server error"),
        }
    }

    /// The answer to a request with these headers.
    pub(super) fn response(self, responses: &GatewayResponses, request: &HeaderMap) -> Response {
        let (name, status, message) = self.standard();
        let fallback = if status.is_client_error() { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let request_id = random_id();
        let own = responses.get(name);
        let given = own.or_else(|| responses.get(fallback));
        let status = own.and_then(|own| own.status).unwrap_or(status);
        let mut response = Response::builder().status(status).header("x-amzn-requestid", &request_id);
        for (name, source) in given.into_iter().flat_map(|given| &given.headers) {
            if let Some(value) = mapped(source, request, &request_id) {
                response = response.header(name, value);
            }
        }
        let says_what_it_is =
            response.headers_ref().is_some_and(|headers| headers.contains_key(header::CONTENT_TYPE));
        if !says_what_it_is {
            response = response.header(header::CONTENT_TYPE, "application/json");
        }
        let body = if let Some(template) = given.and_then(|given| given.body.as_ref()) {
            template
                .replace("$context.requestId", &request_id)
                .replace("$context.error.messageString", &json!(message).to_string())
                .replace("$context.error.message", message)
        } else {
            json!({ "message": message }).to_string()
        };
        response.body(Body::from(body)).unwrap_or_default()
    }
}

/// What a mapping expression stands for
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html>).
fn mapped(source: &str, request: &HeaderMap, request_id: &str) -> Option<HeaderValue> {
    if let Some(literal) = source.strip_prefix('\'').and_then(|source| source.strip_suffix('\'')) {
        return HeaderValue::from_str(literal).ok();
    }
    if source == "context.requestId" {
        return HeaderValue::from_str(request_id).ok();
    }
    request.get(source.strip_prefix("method.request.header.")?).cloned()
}

/// Reads an answer of the proxy integration to a request with this method; `None` if it has another
/// shape.
pub(super) fn response(answer: &Value, method: &Method) -> Option<Response> {
    let status = match &answer["statusCode"] {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    let mut response = Response::new(body(answer)?);
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let mut append = |name: &str, value: &Value| -> Option<()> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        response.headers_mut().append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(text).ok()?);
        Some(())
    };
    let multiple = answer["multiValueHeaders"].as_object();
    for (name, values) in multiple.into_iter().flatten() {
        for value in values.as_array()? {
            append(name, value)?;
        }
    }
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        // A name in both maps counts once, with the values of the list.
        if multiple.is_none_or(|lists| !lists.keys().any(|key| key.eq_ignore_ascii_case(name))) {
            append(name, value)?;
        }
    }
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        // of unknown length: the length of no body is 0, which would be said (RFC 9110, section
        // 8.6)
        *response.body_mut() = Body::from_stream(futures::stream::empty::<Result<Vec<u8>, Infallible>>());
        response.headers_mut().remove(header::CONTENT_LENGTH);
        return Some(response);
    }
    // the answer to a HEAD has the length of the body that is left out
    if method != Method::HEAD {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
        .headers_mut()
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    Some(response)
}

fn body(answer: &Value) -> Option<Body> {
    let text = match &answer["body"] {
        Value::Null => return Some(Body::empty()),
        Value::String(text) => text,
        _ => return None,
    };
    if answer["isBase64Encoded"] == json!(true) {
        return base64::prelude::BASE64_STANDARD.decode(text).ok().map(Body::from);
    }
    Some(Body::from(text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_another_shape_are_refused() {
        for wrong in [
            json!(null),
            json!("hello"),
            json!({}),
            json!({"statusCode": "x"}),
            json!({"statusCode": 200, "body": {}}),
        ] {
            assert!(response(&wrong, &Method::GET).is_none(), "{wrong}");
        }
        let answer = json!({
            "statusCode": 201, "headers": {"a": "1", "content-type": "text/plain"},
            "multiValueHeaders": {"Set-Cookie": ["x=1", "y=2"]}, "body": "aGk=", "isBase64Encoded": true,
        });
        let response = response(&answer, &Method::GET).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(response.headers()["content-type"], "text/plain");
    }

    #[test]
    fn what_has_no_body_says_nothing_of_one() {
        let answer = |status: u16| {
            let headers = json!({ "content-length": "7" });
            json!({ "statusCode": status, "headers": headers, "body": "" })
        };
        for status in [204, 304] {
            let response = response(&answer(status), &Method::GET).unwrap();
            assert!(response.headers().is_empty(), "{status}: {response:?}");
        }
        assert_eq!(response(&answer(200), &Method::HEAD).unwrap().headers()["content-length"], "7");
        assert!(!response(&answer(200), &Method::GET).unwrap().headers().contains_key("content-length"));
    }

    #[test]
    fn refusals_follow_the_template() {
        let request =
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("https://app.example.com"))]);
        let standard = Refusal::MissingAuthenticationToken.response(&GatewayResponses::new(), &request);
        assert_eq!(standard.status(), 403);
        let own = crate::template::GatewayResponse {
            status: Some(StatusCode::NOT_FOUND),
            headers: vec![
                ("Content-Type".into(), "'application/problem+json'".into()),
                ("Access-Control-Allow-Origin".into(), "method.request.header.Origin".into()),
                ("X-Correlation-Id".into(), "context.requestId".into()),
                ("X-Nothing".into(), "method.request.header.X-Nothing".into()),
            ],
            body: Some("{}".into()),
        };
        let responses = GatewayResponses::from([("MISSING_AUTHENTICATION_TOKEN".to_owned(), own)]);
        let changed = Refusal::MissingAuthenticationToken.response(&responses, &request);
        assert_eq!(changed.status(), 404);
        assert_eq!(changed.headers()["content-type"], "application/problem+json");
        assert_eq!(changed.headers()["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(changed.headers()["x-correlation-id"], changed.headers()["x-amzn-requestid"]);
        assert!(!changed.headers().contains_key("x-nothing"));
    }
}
