//! The event of a REST API with Lambda proxy integration (payload version 1.0).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::routes::Matched;
use crate::state::random_id;
use crate::template::ACCOUNT;

/// Id of the REST API in events.
const API_ID: &str = "local";

/// What an event is made of.
pub(super) struct Input<'a> {
    pub(super) parts: &'a http::request::Parts,
    pub(super) body: &'a [u8],
    pub(super) source: SocketAddr,
    pub(super) matched: &'a Matched<'a>,
    pub(super) stage: &'a str,
    pub(super) now: Timestamp,
}

/// Makes the event.
pub(super) fn proxy_event(input: &Input<'_>) -> Value {
    let Input { parts, body, source, matched, stage, now } = input;
    let path = parts.uri.path();
    let query = queries(parts.uri.query().unwrap_or_default());
    let headers = header_lists(&parts.headers, *source);
    let domain = headers.get("Host").and_then(|hosts| hosts.last()).cloned().unwrap_or_default();
    let (text, is_base64) = body_text(body, &parts.headers);
    let user_agent = headers.get("User-Agent").and_then(|agents| agents.last());
    json!({
        "resource": matched.route.path,
        "path": path,
        "httpMethod": parts.method.as_str(),
        "headers": last_of(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": or_null(last_of(&query)),
        "multiValueQueryStringParameters": or_null(json!(query)),
        "pathParameters": or_null(json!(matched.parameters)),
        "stageVariables": null,
        "requestContext": {
            "resourceId": "local",
            "resourcePath": matched.route.path,
            "httpMethod": parts.method.as_str(),
            "extendedRequestId": random_id(),
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "path": format!("/{stage}{path}"),
            "accountId": ACCOUNT,
            "protocol": "HTTP/1.1",
            "stage": stage,
            "domainPrefix": domain.split(['.', ':']).next(),
            "requestTimeEpoch": now.as_millisecond(),
            "requestId": random_id(),
            "identity": {
                "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null, "caller": null,
                "sourceIp": source.ip().to_string(),
                "principalOrgId": null, "accessKey": null, "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null, "userArn": null,
                "userAgent": user_agent,
                "user": null,
            },
            "domainName": domain,
            "apiId": API_ID,
        },
        "body": text,
        "isBase64Encoded": is_base64,
    })
}

fn or_null(value: Value) -> Value {
    if value.as_object().is_some_and(Map::is_empty) { Value::Null } else { value }
}

/// The last value of each name, which is what the single-value maps of the event hold.
fn last_of(lists: &BTreeMap<String, Vec<String>>) -> Value {
    Value::Object(lists.iter().map(|(name, values)| (name.clone(), json!(values.last()))).collect())
}

fn queries(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        lists.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    lists
}

/// Header names come with capitals (`Content-Type`), as clients of HTTP/1.1 write them, because
/// functions see them so in AWS.
fn header_lists(headers: &HeaderMap, source: SocketAddr) -> BTreeMap<String, Vec<String>> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        lists.entry(with_capitals(name.as_str())).or_default().push(value);
    }
    // API Gateway appends the caller's address and says how it was called.
    let mut forwarded = lists.remove("X-Forwarded-For").unwrap_or_default();
    forwarded.push(source.ip().to_string());
    lists.insert("X-Forwarded-For".to_owned(), vec![forwarded.join(", ")]);
    lists.insert("X-Forwarded-Proto".to_owned(), vec!["https".to_owned()]);
    lists.insert("X-Forwarded-Port".to_owned(), vec!["443".to_owned()]);
    lists
}

fn with_capitals(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut start = true;
    for character in name.chars() {
        result.push(if start { character.to_ascii_uppercase() } else { character });
        start = character == '-';
    }
    result
}

/// Text stays text; what is no UTF-8 or says that it is encoded goes as base64.
fn body_text(body: &[u8], headers: &HeaderMap) -> (Value, bool) {
    if body.is_empty() {
        return (Value::Null, false);
    }
    let plain = !headers.contains_key(header::CONTENT_ENCODING);
    match std::str::from_utf8(body) {
        Ok(text) if plain => (json!(text), false),
        _ => (json!(base64::prelude::BASE64_STANDARD.encode(body)), true),
    }
}
