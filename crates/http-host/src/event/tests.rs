use std::convert::Infallible;

use http_api::axum::body::to_bytes;
use lambda_http::{Adapter, Service, service_fn};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;

use super::*;

fn rest(path: &str) -> Value {
    json!({
        "httpMethod": "POST", "path": path, "headers": null, "multiValueHeaders": null, "queryStringParameters": null,
        "multiValueQueryStringParameters": null, "requestContext": { "stage": "prod", "identity": { "sourceIp": "192.0.2.1" } },
        "body": null, "isBase64Encoded": false,
    })
}

fn http(path: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {},
        "requestContext": { "stage": "$default", "http": { "method": "POST", "sourceIp": "192.0.2.1" } },
    })
}

fn read(event: &Value) -> Request<Body> {
    request(event, Version::of(event)).unwrap()
}

fn malformed(event: &Value) -> bool {
    read(event).extensions().get::<Malformed>().is_some()
}

#[test]
fn a_path_stays_what_it_was() {
    for path in [
        "/v1/me",
        "/v1/auth/../me",
        "/v1/auth/%2e%2e/me",
        "/v1/auth/%2E%2E/me",
        "/v1/auth/..\\me",
        "//v1/me",
        "/v1//me",
        "/v1/me/",
        "/v1/./me",
        "/v1/me/devices/%ff",
        "/v1/a%2Fb",
        "/v1/%zz%",
        "/v1/a;b=c",
        "/v1/a:b@c",
        "/",
    ] {
        for event in [rest(path), http(path)] {
            assert_eq!(read(&event).uri().to_string(), path);
        }
    }
    for (decoded, path) in [
        ("/v1/a b", "/v1/a%20b"),
        ("/v1/Año", "/v1/A%C3%B1o"),
        ("/v1/{\"a\"|b}", "/v1/%7B%22a%22%7Cb%7D"),
        ("/v1/x?admin=true#f", "/v1/x%3Fadmin=true%23f"),
        ("/v1/a\u{0}b\r\n", "/v1/a%00b%0D%0A"),
    ] {
        for event in [rest(decoded), http(decoded)] {
            assert_eq!(read(&event).uri().to_string(), path);
        }
    }
}

#[test]
fn no_header_leads_anywhere_and_none_ends_the_function() {
    for host in ["x/v1/me?a=", "a b", "[::1", "localhost:99999", "%00", "\u{ff}", "", "user@host"] {
        let mut event = rest("/v1/auth/zzz");
        event["headers"] = json!({ "Host": host, "X-Forwarded-Proto": "javascript" });
        let request = read(&event);
        assert_eq!(request.uri().to_string(), "/v1/auth/zzz");
        assert_eq!(request.headers()["host"].as_bytes(), host.as_bytes());
    }
    for (name, value) in [("a b", "x"), ("", "x"), ("x", "a\r\nb: c"), ("x", "\u{0}")] {
        let mut event = http("/v1/me");
        event["headers"] = json!({ name: value });
        assert!(malformed(&event), "{name:?}: {value:?}");
    }
}

#[test]
fn queries_and_headers_come_in_either_form() {
    let mut event = rest("/v1/me/devices");
    event["multiValueQueryStringParameters"] = json!({ "a": ["1", "2"], "b &": ["="] });
    event["queryStringParameters"] = json!({ "a": "2", "b &": "=" });
    event["multiValueHeaders"] = json!({ "Accept": ["x", "y"] });
    event["headers"] = json!({ "accept": "y" });
    let request = read(&event);
    assert_eq!(request.uri().query(), Some("a=1&a=2&b+%26=%3D"));
    assert_eq!(request.headers().get_all("accept").iter().collect::<Vec<_>>(), ["x", "y"]);

    event["multiValueQueryStringParameters"] = Value::Null;
    event["multiValueHeaders"] = Value::Null;
    let request = read(&event);
    assert_eq!(
        (request.uri().query(), &request.headers()["accept"]),
        (Some("a=2&b+%26=%3D"), &HeaderValue::from_static("y"))
    );

    let mut event = http("/v1/me/devices");
    event["rawQueryString"] = json!("a=1&b=%zz&c={\"Ü\"}");
    event["cookies"] = json!(["x=1"]);
    let request = read(&event);
    assert_eq!(request.uri().query(), Some("a=1&b=%zz&c=%7B%22%C3%9C%22%7D"));
    assert_eq!(request.headers()["cookie"], "x=1");
    assert_eq!(request.extensions().get::<Peer>().unwrap().0.to_string(), "192.0.2.1");
}

#[tokio::test]
async fn bodies_are_taken_out_of_base64() {
    let mut event = rest("/v1/orgs");
    event["body"] = json!("/wA=");
    event["isBase64Encoded"] = json!(true);
    let body = to_bytes(read(&event).into_body(), 10).await.unwrap();
    assert_eq!(&*body, [0xff, 0x00]);
    event["body"] = json!("&&&");
    assert!(malformed(&event));
}

#[test]
fn other_events_are_refused() {
    for event in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "Records": [] }),
        json!({ "httpMethod": "GET", "path": ["/"] }),
    ] {
        assert!(request(&event, Version::of(&event)).is_err(), "{event}");
    }
    let mut event = rest("v1/me");
    assert!(malformed(&event));
    event["path"] = json!("/v1/me");
    event["httpMethod"] = json!("GE T");
    assert!(malformed(&event));
}

#[tokio::test]
async fn answers_have_the_form_of_their_gateway() {
    async fn answer_in(version: Version, body: &'static [u8]) -> Value {
        let service = service_fn(move |_: lambda_http::Request| {
            let answer = http::Response::builder()
                .status(201)
                .header("content-type", "application/json")
                .header("vary", "a")
                .header("vary", "b")
                .header("set-cookie", "c=1");
            std::future::ready(Ok::<_, Infallible>(answer.body(Body::from(body)).unwrap()))
        });
        let event = LambdaEvent::new(shell(version), Context::default());
        let answer = Adapter::from(service).call(event).await;
        serde_json::to_value(answer.unwrap()).unwrap()
    }
    let rest = answer_in(Version::Rest, b"{}").await;
    assert_eq!((&rest["statusCode"], &rest["body"]), (&json!(201), &json!("{}")));
    assert_eq!(rest["multiValueHeaders"]["vary"], json!(["a", "b"]));
    let http = answer_in(Version::Http, b"{}").await;
    assert_eq!((&http["statusCode"], &http["isBase64Encoded"]), (&json!(201), &json!(false)));
    assert_eq!(
        (&http["cookies"], &http["headers"]["content-type"]),
        (&json!(["c=1"]), &json!("application/json"))
    );
}
