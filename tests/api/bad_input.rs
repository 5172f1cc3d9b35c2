//! Bad input gets the right problem document and changes nothing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bodies() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let before = product.local("/table").await;
    let post = |kind: &'static str, body: String| {
        let request = product.request(Method::POST, "/v1/orgs").bearer_auth(&token);
        product.send(request.header("content-type", kind).body(body))
    };
    let json = "application/json";
    let deep = "[".repeat(100_000);
    let cases = [
        (json, "{", 400, "malformed_json"),
        (json, "", 400, "malformed_json"),
        (json, r#"{"name":"Beta","slug":"beta"} {}"#, 400, "malformed_json"),
        (json, deep.as_str(), 422, "invalid_request"),
        (json, "[]", 422, "invalid_request"),
        (json, r#"{"name":1,"slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"Beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"Beta","slug":"beta","role":"owner"}"#, 422, "invalid_request"),
        (json, r#"{"name":" ","slug":"Beta!"}"#, 422, "invalid_request"),
        (json, r#"{"name":"Be\u0000ta","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"\u200b\u200b\u200b","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"\ufeff","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"\udb40\udc41\udb40\udc42","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"\u202eateB","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"\u2066Beta","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"http://evil.example/login click","slug":"beta"}"#, 422, "invalid_request"),
        (json, r#"{"name":"Beta","slug":"admin"}"#, 409, "slug_reserved"),
        ("text/plain", r#"{"name":"Beta","slug":"beta"}"#, 415, "unsupported_media_type"),
    ];
    for (kind, body, status, code) in cases {
        let answer = post(kind, body.to_owned()).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((answer.status.as_u16(), answer.problem()), (status, code), "{shown}: {answer:?}");
    }
    let both = post(json, r#"{"name":" ","slug":"Beta!"}"#.to_owned()).await;
    let pointers: Vec<_> =
        both.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/name", "/slug"]);
    assert_eq!(both.text("/title"), "Invalid request");
    let errors = async |body: &str| -> Vec<String> {
        let answer = post(json, body.to_owned()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem()),
            (422, "invalid_request"),
            "{body}: {answer:?}"
        );
        let errors = answer.body["errors"].as_array().unwrap().iter();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        errors.map(|error| text(error, "pointer") + " " + &text(error, "code")).collect()
    };
    assert_eq!(
        errors(r#"{"name":1,"slgu":"beta"}"#).await,
        ["/slgu unknown_field", "/slug required", "/name wrong_type"]
    );
    assert_eq!(
        errors(r#"{"name":"Beta","name":"Gamma","slug":"Beta!"}"#).await,
        ["/name duplicate_field", "/slug invalid_format"]
    );
    assert_eq!(errors(r#"{"name":"Beta","slug":1e999}"#).await, ["/slug out_of_range"]);

    let large = format!(r#"{{"name":"{}","slug":"beta"}}"#, "a".repeat(300_000));
    assert_eq!(post(json, large).await.problem(), "body_too_large");
    let huge = post(json, "a".repeat(7 * 1024 * 1024)).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE, "{:?}", huge.status);
    assert_eq!(product.local("/table").await, before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_queries_methods_and_headers() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let members = "/v1/orgs/current/members";
    for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "page=2", "cursor=AAAA", "cursor="] {
        let answer = product.get(&format!("{members}?{query}"), &token).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {answer:?}");
        assert!(["invalid_request", "invalid_cursor"].contains(&answer.problem()), "{query}: {answer:?}");
    }
    for query in ["limit=-1", "limit=0", "limit=101", "limit=99999999999999999999"] {
        let error = product.get(&format!("{members}?{query}"), &token).await.body["errors"][0].clone();
        let told =
            json!({ "pointer": "?limit", "code": "out_of_range", "detail": "use a number from 1 to 100" });
        assert_eq!(error, told, "{query}");
    }
    let platform = json!({ "platform": { "apns": null }, "token": "ada-phone-token-0001" });
    let platform = product.post_as("/v1/me/devices", &token, &platform).await;
    assert_eq!(
        (platform.problem(), platform.text("/errors/0/pointer")),
        ("invalid_request", "/platform".into())
    );
    let language = json!({ "platform": "fcm", "token": "ada-phone-token-0001", "locale": "DE-at" });
    let language = product.post_as("/v1/me/devices", &token, &language).await;
    assert_eq!((language.status, language.text("/locale")), (StatusCode::CREATED, "de-AT".into()));
    let word = json!({ "platform": "fcm", "token": "ada-phone-token-0001", "locale": "german language" });
    let word = product.post_as("/v1/me/devices", &token, &word).await;
    assert_eq!((word.problem(), word.text("/errors/0/pointer")), ("invalid_request", "/locale".into()));
    let method = product.send(product.request(Method::PUT, "/v1/orgs/current").bearer_auth(&token)).await;
    assert_eq!((method.status.as_u16(), method.problem()), (405, "method_not_allowed"));
    assert!(method.headers.contains_key("allow"), "{method:?}");
    let accept =
        product.request(Method::GET, "/v1/orgs/current").bearer_auth(&token).header("accept", "text/html");
    assert_eq!(product.send(accept).await.problem(), "not_acceptable");
    for path in ["/v1/orgs/current/none", "/v1/auth/none", "/v1/billing/none", "/v1/me/devices/none/none"] {
        let answer = product.get(path, &token).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not_found"), "{path}");
    }
    let odd = product
        .request(Method::GET, "/v1/orgs/current")
        .bearer_auth(&token)
        .header("x-correlation-id", "a b\"c");
    let odd = product.send(odd).await;
    assert!(odd.headers["x-correlation-id"].to_str().unwrap().starts_with("req_"));
    let fine = product
        .request(Method::GET, "/v1/orgs/current")
        .bearer_auth(&token)
        .header("x-correlation-id", "my-request-1");
    let fine = product.send(fine).await;
    assert_eq!(fine.headers["x-correlation-id"], "my-request-1");
    for header in
        ["strict-transport-security", "content-security-policy", "x-content-type-options", "cache-control"]
    {
        assert!(fine.headers.contains_key(header), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cursors_stay_with_their_tenant_and_cors_with_its_origins() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let page = product.get("/v1/orgs/current/members?limit=1", &ada).await;
    if let Some(cursor) = page.body["next_cursor"].as_str() {
        let foreign = product.get(&format!("/v1/orgs/current/members?limit=1&cursor={cursor}"), &bob).await;
        assert_eq!(foreign.problem(), "invalid_cursor");
    }
    let preflight = |origin: &str| {
        let request = product.request(Method::OPTIONS, "/v1/orgs").header("origin", origin);
        product.send(request.header("access-control-request-method", "POST"))
    };
    let own = preflight(product.cloud.api_url()).await;
    assert_eq!(own.headers["access-control-allow-origin"], product.cloud.api_url());
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        assert!(!preflight(origin).await.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsigned_hooks_change_nothing() {
    let product = Product::start().await;
    let (_, org_id) = product.owner("ada@example.com", "acme").await;
    let before = product.local("/table").await;
    let event = json!({
        "id": "evt_1", "object": "event", "type": "customer.subscription.created", "created": 1_795_392_000, "livemode": false,
        "data": { "object": { "id": "sub_1", "object": "subscription", "status": "active", "metadata": { "org_id": org_id } } },
    });
    for signature in [None, Some("t=1,v1=00"), Some("v1="), Some("t=1795392000,v1=deadbeef"), Some("💥")] {
        let mut request = product.request(Method::POST, "/hooks/stripe").json(&event);
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature.as_bytes());
        }
        let answer = product.send(request).await;
        assert!(answer.status.is_client_error(), "{signature:?}: {answer:?}");
        answer.problem();
    }
    assert_eq!(product.local("/table").await, before);
}
