//! The edge of every route: one way to read a body, a query, a path and a host; and refusals that everybody
//! can read.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt, future::join_all, stream};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::{answer::Answer, documents::contract};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{authorisation::with_ids, organizations::CURRENT, product::Product};

const SEEN: [&str; 7] = [
    "cache-control",
    "content-security-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-correlation-id",
    "x-frame-options",
];

/// The operations of the contract: method, path, description.
fn operations(contract: &Value) -> Vec<(Method, String, &Value)> {
    let paths = contract["paths"].as_object().unwrap().iter();
    let of_path = |(path, item): (&String, &'_ Value)| {
        let path = with_ids(path);
        let methods: Vec<Method> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase().parse().unwrap()).collect();
        methods.into_iter().map(move |method| (method, path.clone())).collect::<Vec<_>>()
    };
    let all = paths
        .flat_map(|(path, item)| of_path((path, item)).into_iter().zip(item.as_object().unwrap().values()));
    all.map(|((method, path), operation)| (method, path, operation)).collect()
}

/// A value that the schema allows.
fn example(contract: &Value, schema: &Value) -> Value {
    let schema = schema["$ref"].as_str().map_or(schema, |reference| {
        contract
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} leads nowhere"))
    });
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    if let Some(case) = schema["oneOf"].as_array().and_then(|cases| cases.first()) {
        return example(contract, case);
    }
    if let Some(words) = schema["enum"].as_array() {
        return words[0].clone();
    }
    match schema["type"].as_str().or(schema["type"][0].as_str()) {
        Some("boolean") => json!(true),
        _ if schema["format"] == "email" => json!("ada@example.com"),
        _ => json!("example-value"),
    }
}

/// Each order of the values; of more than five, the orders of each five that follow one another, with the
/// others behind them, for nine would have 362,880.
fn orders(values: &[Value]) -> Vec<Vec<Value>> {
    if values.len() > 5 {
        let turned = |by: usize| [&values[by..], &values[..by]].concat();
        let behind = |all: Vec<Value>| {
            orders(&all[..5])
                .into_iter()
                .map(move |first| [&first[..], &all[5..]].concat())
                .collect::<Vec<_>>()
        };
        return (0..values.len()).flat_map(|by| behind(turned(by))).collect();
    }
    let Some((first, rest)) = values.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<Value>| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, first.clone());
            order
        })
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_array_never_stands_for_an_object_nor_an_object_for_a_word() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    // each of them asks for so much in a minute, and no more
    let mut staff = Vec::new();
    for number in 0..14 {
        staff.push(product.staff(&format!("op{number}@example.com"), "operator").await);
    }
    let asked = AtomicUsize::new(0);
    product.settle().await;
    // what staff asks for is counted
    let stored = async || {
        let mut items = crate::stored::items(&product).await;
        items.retain(|item| item["kind"] != "limit");
        items
    };
    let before = stored().await;
    let contract = contract::contract();
    let mut tried = BTreeSet::new();
    for (method, path, operation) in operations(&contract) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(reference) = schema["$ref"].as_str() else { continue };
        let members = &contract.pointer(reference.trim_start_matches('#')).unwrap()["properties"];
        // of what has no members nothing can be put in their place
        let Some(members) = members.as_object().filter(|members| !members.is_empty()) else { continue };
        let members: Vec<(&String, &Value)> = members.iter().collect();
        let values: Vec<Value> = members.iter().map(|(_, schema)| example(&contract, schema)).collect();
        let send = async |body: String| {
            let token = match operation["x-gantry-needs"]["caller"].as_str() {
                Some("half_session") => "ghs_x",
                Some("staff") => &staff[asked.fetch_add(1, Ordering::Relaxed) % staff.len()],
                _ => &token,
            };
            let request = product.request(method.clone(), &path).bearer_auth(token);
            let request = request.header("content-type", "application/json").body(body.clone());
            let answer = product.send(request).await;
            assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid_request"), "{path} {body}");
        };
        let mut wrong: Vec<Value> = orders(&values).into_iter().map(Value::Array).collect();
        let required = |name: &str| {
            let required =
                contract.pointer(reference.trim_start_matches('#')).unwrap()["required"].as_array();
            required.is_some_and(|names| names.iter().any(|other| other == name))
        };
        let needed = members
            .iter()
            .zip(&values)
            .filter(|((name, _), _)| required(name))
            .map(|(_, value)| value.clone());
        wrong.extend(orders(&needed.collect::<Vec<_>>()).into_iter().map(Value::Array));
        let object: serde_json::Map<_, _> =
            members.iter().zip(&values).map(|((name, _), value)| ((*name).clone(), value.clone())).collect();
        for (name, schema) in &members {
            if schema["$ref"].is_string() {
                let mut variant = object.clone();
                variant.insert((*name).clone(), json!({ object[*name].as_str().unwrap(): null }));
                wrong.push(Value::Object(variant));
            }
        }
        // no more at once than a function takes
        stream::iter(wrong.iter().map(|body| send(body.to_string())))
            .buffer_unordered(20)
            .collect::<()>()
            .await;
        // a member that is there twice
        let (name, value) = (members[0].0, &values[0]);
        let twice =
            Value::Object(object).to_string().replacen('{', &format!("{{{}:{value},", json!(name)), 1);
        send(twice).await;
        tried.insert(path);
    }
    assert!(tried.len() >= 6, "{tried:?}");
    let event = json!(["evt_1", "customer.subscription.created", 1_795_392_000, null, false, null]);
    let hook = product.hook(&event).await;
    assert_eq!((hook.status.as_u16(), hook.problem()), (400, "malformed_event"));
    assert_eq!(stored().await, before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_a_route_does_not_take_is_refused() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let contract = contract::contract();
    let mut routes: Vec<(Method, String)> =
        operations(&contract).into_iter().map(|(method, path, _)| (method, path)).collect();
    routes.push((Method::POST, "/hooks/stripe".to_owned()));
    routes.push((Method::HEAD, "/v1/me".to_owned()));
    for (method, path) in routes {
        let request = product.request(method.clone(), &format!("{path}?x=1&tenant=y&x")).bearer_auth(&token);
        let answer = product.send(request.json(&json!({}))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path}: {answer:?}");
        if method != Method::HEAD {
            let pointers = [answer.text("/errors/0/pointer"), answer.text("/errors/1/pointer")];
            assert_eq!(
                (answer.problem(), pointers),
                ("invalid_request", ["?tenant".to_owned(), "?x".to_owned()])
            );
        }
    }
    let long = format!("/v1/me?{}=1", "n".repeat(5_000));
    assert!(
        product.get(&long, &token).await.body.to_string().len() < 1_000,
        "what is wrong is not repeated at any length"
    );
    assert_eq!(product.get("/v1/me?", &token).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_route_makes_of_a_request_s_form_is_in_its_description() {
    let product = Product::start().await;
    let (owner, _) = product.owner("ada@example.com", "acme").await;
    let leaver = product.sign_in("bob@example.com").await.text("/access_token");
    let staff = product.staff("op@example.com", "operator").await;
    let contract = contract::contract();
    for (method, path, operation) in operations(&contract) {
        let token = match operation["x-gantry-needs"]["caller"].as_str() {
            Some("staff") => &staff,
            _ if path == "/v1/auth/sign-out" => &leaver,
            _ => &owner,
        };
        let has_body = operation["requestBody"].is_object();
        let send = async |headers: &[(&str, &str)], body: &str| {
            let request = product.request(method.clone(), &path).bearer_auth(token).body(body.to_owned());
            let request =
                headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let answer = product.send(request).await;
            let code = answer.problem_or_empty().to_owned();
            let named = operation["x-gantry-codes"].as_array().unwrap().iter().any(|one| *one == code);
            assert!(named || answer.status.is_success(), "{method} {path}: {answer:?}");
            (answer.status.as_u16(), code, answer.body["errors"][0]["pointer"].clone())
        };
        let takes = |component: &str| {
            let reference = format!("#/components/parameters/{component}");
            operation["parameters"].as_array().into_iter().flatten().any(|one| one["$ref"] == reference)
        };
        let refused = |status: u16, code: &str| (status, code.to_owned(), Value::Null);
        let (json, body) = (("content-type", "application/json"), if has_body { "{}" } else { "" });
        if method != Method::GET {
            let expected = if takes("IfMatch") {
                refused(400, "malformed_request")
            } else {
                refused(412, "version_mismatch")
            };
            assert_eq!(send(&[json, ("if-match", "7")], body).await, expected, "{method} {path}");
        }
        let compressed = send(&[json, ("content-encoding", "gzip")], body).await;
        assert_eq!(compressed, refused(415, "unsupported_media_type"), "{method} {path}");
        if !has_body {
            for body in ["{}", "null", " ", r#"{"everywhere":true}"#] {
                let answer = send(&[json], body).await;
                assert_eq!(answer, (422, "invalid_request".to_owned(), json!("")), "{method} {path} {body}");
            }
        }
        let (_, code, _) = send(&[json, ("idempotency-key", "a b")], body).await;
        assert_eq!(code == "invalid_idempotency_key", takes("IdempotencyKey"), "{method} {path}");
        if method == Method::DELETE && path == CURRENT {
            product.restore_org(&owner).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_is_one_word() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let body = json!({ "name": "Beta", "slug": "beta" });
    let post = |keys: &[&str]| {
        let request = product.request(Method::POST, "/v1/orgs").bearer_auth(&token).json(&body);
        keys.iter().fold(request, |request, key| request.header("idempotency-key", key.as_bytes()))
    };
    let long = "k".repeat(256);
    for keys in [&["a b"][..], &["a\tb"], &[""], &["ä"], &[long.as_str()], &["a", "b"], &["a", "a"]] {
        let answer = product.send(post(keys)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (400, "invalid_idempotency_key"), "{keys:?}");
    }
    let longest = "!".repeat(255);
    let first = product.send(post(&[&longest])).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert_eq!(product.send(post(&[&longest])).await.headers["idempotent-replayed"], "true");

    // while the first is under way, the others are asked to come back soon
    let answers = join_all((0..8).map(|_| {
        let body = json!({ "name": "Gamma", "slug": "gamma" });
        let request = product.request(Method::POST, "/v1/orgs").bearer_auth(&token).json(&body);
        product.send(request.header("idempotency-key", "gamma"))
    }))
    .await;
    for answer in answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT) {
        assert_eq!(
            (answer.problem(), &answer.headers["retry-after"]),
            ("idempotency_key_in_use", &"1".parse().unwrap())
        );
    }
    assert!(answers.iter().any(|answer| answer.status == StatusCode::CREATED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_types_are_what_they_say_in_any_case() {
    let product = Product::start().await;
    let body = r#"{"email":"ada@example.com"}"#;
    let post = |headers: &[(&str, &str)]| {
        let request = product.request(Method::POST, "/v1/auth/magic-links").body(body);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    for (headers, status) in [
        (&[("content-type", "Application/JSON")][..], 202),
        (&[("content-type", "application/json; charset=UTF-8"), ("content-encoding", "Identity")], 202),
        (&[("content-type", "application/json; charset=iso-8859-1")], 415),
        (&[("content-type", "application/json; charset=utf-8; charset=latin1")], 415),
        (&[("content-type", "application/json; charset=utf-8; charset=utf-8")], 415),
        (&[("content-type", "application/json"), ("content-type", "text/plain")], 415),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], 415),
        (&[("content-type", "application/json"), ("accept", "Application/Json")], 202),
        (&[("content-type", "application/json"), ("accept", "application/json;q=0")], 406),
        (&[("content-type", "application/json"), ("accept", "application/jwk-set+json")], 406),
    ] {
        let answer = product.send(post(headers)).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}: {answer:?}");
    }
    let keys = |name: &str, value: &str| {
        let request =
            product.request(Method::GET, "/.well-known/jwks.json").header("origin", "https://any.example");
        product.send(request.header(name, value))
    };
    let set = keys("accept", "application/jwk-set+json").await;
    assert_eq!(
        (set.status, &set.headers["content-type"]),
        (StatusCode::OK, &"application/jwk-set+json".parse().unwrap())
    );
    assert_eq!(set.headers["access-control-allow-origin"], "*");
    let etag = set.headers["etag"].to_str().unwrap();
    assert_eq!(keys("if-none-match", etag).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(keys("if-none-match", "\"other\"").await.headers["content-type"], "application/json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_page_may_ask_whether_a_public_document_changed_and_nothing_else() {
    let product = Product::start().await;
    for (path, allowed) in [
        ("/.well-known/jwks.json", Some("https://any.example")),
        ("/.well-known/oauth-authorization-server", Some("https://any.example")),
        ("/v1/openapi.json", Some("https://any.example")),
        ("/v1/me", None),
    ] {
        let request = product.request(Method::OPTIONS, path).header("origin", "https://any.example");
        let asks = request
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "if-none-match");
        let answer = product.send(asks).await;
        let origin = answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(origin, allowed, "{path}");
        let headers = answer.headers["access-control-allow-headers"].to_str().unwrap();
        assert!(headers.contains("if-none-match"), "{path}: {headers}");
    }
}

/// Stands for a request without the header.
const NO_HOST: &[u8] = b"none";

/// What the front door answers to these bytes: status and whole answer.
async fn raw(product: &Product, target: &str, host: &[u8], token: &str) -> (u16, String) {
    let address = product.cloud.api_url().trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nauthorization: Bearer {token}\r\nconnection: close\r\n");
    let host = if host == NO_HOST { Vec::new() } else { [b"host: ", host, b"\r\n"].concat() };
    stream.write_all(&[head.as_bytes(), &host, b"\r\n"].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default(), answer)
}

const CROOKED: [&str; 12] = [
    "/v1/auth/../me",
    "/v1/auth/%2e%2e/me",
    "/v1/auth/%2E%2E/me",
    "/v1/auth/x/../../me",
    "/v1/auth/..\\me",
    "/v1/auth/..%5cme",
    "/v1/auth/%2e%2e/%2e%2e/.well-known/jwks.json",
    "/v1/orgs/x/../current",
    "/v1/orgs/./current",
    "//v1/me",
    "/v1//me",
    "/v1/orgs/%2e/current",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_is_read_once_and_a_host_leads_nowhere() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    for target in CROOKED {
        let (status, answer) = raw(&product, target, b"localhost", &token).await;
        assert!(
            matches!(status, 400 | 404) && answer.contains("application/problem+json"),
            "{target}: {answer}"
        );
    }
    for host in
        [&b"x/v1/me?a="[..], b"a b", b"[::1", b"localhost:99999", b"%00", b"\xff", b"user@host", b"", NO_HOST]
    {
        let (status, answer) = raw(&product, "/v1/auth/zzz", host, &token).await;
        assert!(
            matches!(status, 400 | 404) && answer.contains("application/problem+json"),
            "{host:?}: {answer}"
        );
        let (status, answer) = raw(&product, "/v1/me", host, &token).await;
        assert_eq!(status, 400, "{host:?}: {answer}");
    }
    let calls = product.local("/invocations?function=api-account").await;
    assert!(
        calls["items"].as_array().unwrap().iter().all(|call| call["error"].is_null()),
        "no function broke"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_reads_the_events_of_either_gateway_alike() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let host = "x/v1/me?a=";
    let rest = |path: &str, host: &str| {
        json!({
            "httpMethod": "GET", "path": path, "headers": { "Authorization": format!("Bearer {token}"), "Host": host },
            "requestContext": { "stage": "prod", "path": format!("/prod{path}"), "identity": { "sourceIp": "192.0.2.1" } },
            "body": null, "isBase64Encoded": false,
        })
    };
    let http = |path: &str, host: &str| {
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": "",
            "headers": { "authorization": format!("Bearer {token}"), "host": host },
            "requestContext": { "stage": "$default", "http": { "method": "GET", "sourceIp": "192.0.2.1" } },
        })
    };
    for path in CROOKED {
        for function in ["api-account", "api-orgs"] {
            for event in [rest(path, "api.example.com"), http(path, "api.example.com")] {
                let answer = product.cloud.invoke(function, event).await.unwrap();
                assert_eq!(answer["statusCode"], 404, "{function} {path}: {answer}");
            }
        }
    }
    for event in [rest("/v1/auth/zzz", host), http("/v1/auth/zzz", host)] {
        assert_eq!(product.cloud.invoke("api-account", event).await.unwrap()["statusCode"], 400);
    }
    for event in [rest("/v1/me", "api.example.com"), http("/v1/me", "api.example.com")] {
        assert_eq!(product.cloud.invoke("api-account", event).await.unwrap()["statusCode"], 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_a_problem_that_our_page_can_read() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let origin = product.cloud.api_url().to_owned();
    let request = |method: Method, path: &str| product.request(method, path).header("origin", &origin);
    let signed = |method: Method, path: &str| request(method, path).bearer_auth(&token);
    let refusals: Vec<(u16, RequestBuilder)> = vec![
        (401, request(Method::GET, "/v1/me")),
        (401, request(Method::GET, "/v1/me").bearer_auth("x")),
        (404, signed(Method::GET, "/v1/auth/none")),
        (404, signed(Method::DELETE, "/v1/me/devices/%ff")),
        (404, signed(Method::DELETE, "/v1/me/devices/..%2f")),
        (405, signed(Method::PUT, "/v1/me")),
        (406, signed(Method::GET, "/v1/me").header("accept", "text/html")),
        (
            413,
            signed(Method::POST, "/v1/orgs")
                .header("content-type", "application/json")
                .body("a".repeat(300_000)),
        ),
        (415, signed(Method::POST, "/v1/orgs").body("{}")),
        (422, signed(Method::GET, "/v1/me?x=1")),
        // the gateway's own
        (404, request(Method::GET, "/nope")),
        (413, signed(Method::POST, "/v1/orgs").body("a".repeat(10 * 1024 * 1024 + 1))),
    ];
    for (status, refusal) in refusals {
        let answer = product.send(refusal).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        answer.gateway_problem();
        for name in SEEN {
            assert!(answer.headers.contains_key(name), "{name} in {answer:?}");
        }
        assert_eq!(answer.headers["access-control-allow-origin"], origin.as_str(), "{answer:?}");
        let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.contains("retry-after") && exposed.contains("x-correlation-id"), "{answer:?}");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        let varies = answer
            .headers
            .get_all("vary")
            .iter()
            .any(|value| value.to_str().unwrap().eq_ignore_ascii_case("origin"));
        assert!(varies, "{answer:?}");
    }
    let challenge = async |request: RequestBuilder| {
        let answer: Answer = product.send(request).await;
        answer.headers["www-authenticate"].to_str().unwrap().to_owned()
    };
    assert_eq!(challenge(request(Method::GET, "/v1/me")).await, "Bearer");
    assert_eq!(
        challenge(request(Method::GET, "/v1/me").bearer_auth("x")).await,
        "Bearer error=\"invalid_token\""
    );
}
