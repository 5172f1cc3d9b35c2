//! The events of API Gateway: of REST APIs
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>)
//! and of HTTP APIs
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_api::{Malformed, Peer, axum::body::Body};
use lambda_http::{
    aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest},
    request::LambdaRequest,
};
use lambda_runtime::Error;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

/// What cannot stand in a path as it is. HTTP APIs give the path decoded, and so may the gateway's
/// console.
const IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What cannot stand in a query as it is.
const IN_QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');

/// The version of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.0, of a REST API.
    Rest,
    /// 2.0, of an HTTP API.
    Http,
}

impl Version {
    pub(crate) fn of(event: &Value) -> Self {
        if event["version"] == "2.0" { Self::Http } else { Self::Rest }
    }
}

/// The request that an event tells of. What it holds that no request can is noted in it, and
/// refused by the edge.
///
/// # Errors
/// When the event is none of API Gateway's.
pub(crate) fn request(event: &Value, version: Version) -> Result<Request<Body>, Error> {
    let (method, path, address) = match version {
        Version::Rest => ("/httpMethod", "/path", "/requestContext/identity/sourceIp"),
        Version::Http => ("/requestContext/http/method", "/rawPath", "/requestContext/http/sourceIp"),
    };
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let (Some(method), Some(path)) = (text(method), text(path)) else {
        return Err("this is no event of API Gateway: it has no method or no path".into());
    };
    let mut request = Request::new(Body::empty());
    if let Err(detail) = fill(&mut request, event, version, method, path) {
        request.extensions_mut().insert(Malformed(detail.to_owned()));
    }
    if let Some(address) = text(address).and_then(|address| address.parse::<IpAddr>().ok()) {
        request.extensions_mut().insert(Peer(address));
    }
    Ok(request)
}

fn fill(
    request: &mut Request<Body>,
    event: &Value,
    version: Version,
    method: &str,
    path: &str,
) -> Result<(), &'static str> {
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| "the method is none")?;
    *request.uri_mut() =
        target(path, &query(event, version)).ok_or("the path or the query cannot be read")?;
    for (name, value) in headers(event, version) {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header has an impossible name")?;
        let value = HeaderValue::from_str(value).map_err(|_| "a header has an impossible value")?;
        request.headers_mut().append(name, value);
    }
    *request.body_mut() = body(event).ok_or("the body is not what it is said to be")?;
    Ok(())
}

/// Path and query as they came: no segment is resolved, none is decoded.
fn target(path: &str, query: &str) -> Option<Uri> {
    let mut target = utf8_percent_encode(path, IN_PATH).to_string();
    if !target.starts_with('/') {
        return None;
    }
    if !query.is_empty() {
        target.push('?');
        target.extend(utf8_percent_encode(query, IN_QUERY));
    }
    Uri::builder().path_and_query(target).build().ok()
}

/// The query as text. REST APIs give it taken apart and decoded.
fn query(event: &Value, version: Version) -> String {
    if version == Version::Http {
        return event["rawQueryString"].as_str().unwrap_or_default().to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs(&event["multiValueQueryStringParameters"], &event["queryStringParameters"]) {
        query.append_pair(name, value);
    }
    query.finish()
}

fn headers(event: &Value, version: Version) -> Vec<(&str, &str)> {
    let mut headers = pairs(&event["multiValueHeaders"], &event["headers"]);
    if version == Version::Http {
        let cookies = event["cookies"].as_array().into_iter().flatten().filter_map(Value::as_str);
        headers.extend(cookies.map(|cookie| (header::COOKIE.as_str(), cookie)));
    }
    headers
}

/// Names and values of a map of lists or, where there is none, of a map of single values.
fn pairs<'a>(lists: &'a Value, singles: &'a Value) -> Vec<(&'a str, &'a str)> {
    let of_list = |(name, values): (&'a String, &'a Value)| {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        values.map(move |value| (name.as_str(), value)).collect::<Vec<_>>()
    };
    if let Some(lists) = lists.as_object() {
        return lists.iter().flat_map(of_list).collect();
    }
    let singles = singles.as_object().into_iter().flatten();
    singles.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

fn body(event: &Value) -> Option<Body> {
    let text = event["body"].as_str().unwrap_or_default();
    if event["isBase64Encoded"] == true {
        return STANDARD.decode(text).ok().map(Body::from);
    }
    Some(Body::from(text.to_owned()))
}

/// An event that says which gateway asks, and nothing else: what `lambda_http` needs to give the
/// answer its form.
pub(crate) fn shell(version: Version) -> LambdaRequest {
    match version {
        Version::Rest => LambdaRequest::ApiGatewayV1(ApiGatewayProxyRequest::default()),
        Version::Http => LambdaRequest::ApiGatewayV2(ApiGatewayV2httpRequest::default()),
    }
}

#[cfg(test)]
mod tests;
