//! The form of all routes: versions and their tags, keys of requests, methods of a path.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_for_the_methods_of_a_path_is_told_them() {
    let product = Product::start().await;
    for (path, methods) in [
        ("/v1/orgs/current", "DELETE,GET,HEAD,OPTIONS,PATCH"),
        ("/v1/orgs", "OPTIONS,POST"),
        ("/v1/me/devices/dev_01kar8h5g0e0vsx4q1v3f6m2ah", "DELETE,OPTIONS"),
    ] {
        let origin = product.cloud.api_url().to_owned();
        let request = product.request(Method::OPTIONS, path).header("origin", &origin);
        let answer = product.send(request).await;
        assert_eq!((answer.status, &answer.body), (StatusCode::NO_CONTENT, &json!("")), "{answer:?}");
        assert_eq!(answer.headers["allow"], methods, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], origin.as_str());
        assert!(answer.headers.contains_key("x-correlation-id"));
    }
    for (method, path) in
        [(Method::PUT, "/v1/orgs/current"), (Method::GET, "/v1/orgs"), (Method::HEAD, "/v1/orgs")]
    {
        let asked = product.send(product.request(Method::OPTIONS, path)).await;
        let refused = product.send(product.request(method, path)).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers["allow"], asked.headers["allow"], "{path}");
    }
    let nowhere = product.send(product.request(Method::OPTIONS, "/v1/orgs/current/none")).await;
    assert_eq!((nowhere.status, nowhere.problem()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_has_seen_is_what_he_gets_or_changes() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    let current = |name: &str, value: &str| {
        let request = product.request(Method::GET, "/v1/orgs/current").bearer_auth(&token);
        product.send(request.header(name, value))
    };
    let org = product.get("/v1/orgs/current", &token).await;
    assert_eq!((&org.body["version"], &org.headers["etag"]), (&json!(1), &"\"1\"".parse().unwrap()));
    assert_eq!(org.headers["cache-control"], "private, no-cache");
    let known = current("if-none-match", "\"1\"").await;
    assert_eq!((known.status, &known.body), (StatusCode::NOT_MODIFIED, &json!("")));
    assert_eq!(current("if-none-match", "\"2\"").await.status, StatusCode::OK);

    let policies = product.get("/v1/orgs/current/policies", &token).await;
    assert_eq!(
        (&policies.body["version"], &policies.headers["etag"]),
        (&json!(0), &"\"0\"".parse().unwrap())
    );
    let set = |expected: &str, mode: &str| {
        let request = product.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&token);
        let request = request.header("if-match", expected);
        product.send(request.json(&json!({ "mfa": { "mode": mode, "grace_ends_at": null } })))
    };
    let at_once = futures::future::join_all((0..10).map(|_| set("\"0\"", "off"))).await;
    assert_eq!(at_once.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{at_once:?}");
    let old = set("\"0\"", "optional").await;
    assert_eq!((old.status, old.problem()), (StatusCode::PRECONDITION_FAILED, "version_mismatch"));
    assert_eq!(old.headers["etag"], "\"1\"");
    assert_eq!(set("\"1\"", "optional").await.body["version"], 2);
    let lost = set("", "off").await;
    assert_eq!((lost.status, lost.problem()), (StatusCode::PRECONDITION_FAILED, "version_mismatch"));
    // what nothing admits is said before the state, and twice the same are two
    for (name, named) in [
        ("break_glass_member_ids", vec!["mbr_01kar8h5g0e0vsx4q1v3f6m2ah"; 6]),
        ("allowed_email_domains", vec!["example.com"; 21]),
    ] {
        let request = product.request(Method::PATCH, "/v1/orgs/current/policies").bearer_auth(&token);
        let wrong = product.send(request.header("if-match", "\"0\"").json(&json!({ name: named }))).await;
        assert_eq!((wrong.status.as_u16(), wrong.text("/errors/0/pointer")), (422, format!("/{name}")));
    }
    let moment = "use a moment as RFC 3339 writes it, such as 2026-11-23T10:15:00Z";
    for (mfa, pointer, detail) in [
        (json!({ "mode": "sometimes" }), "/mfa/mode", "expected one of `off`, `optional`, `required`"),
        (json!({ "mode": "off", "grace_ends_at": "in a while" }), "/mfa/grace_ends_at", moment),
    ] {
        let wrong = product.require(&token, mfa).await;
        let said = ["pointer", "detail"].map(|part| wrong.text(&format!("/errors/0/{part}")));
        assert_eq!(said, [pointer, detail], "{wrong:?}");
    }

    let body = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    let device = product.post_as("/v1/me/devices", &token, &body).await;
    let path = device.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(
        (path, &device.headers["etag"]),
        (format!("/v1/me/devices/{}", device.text("/id")), &"\"1\"".parse().unwrap())
    );
    let again = product.post_as("/v1/me/devices", &token, &body).await;
    assert_eq!((again.status, &again.headers["etag"]), (StatusCode::OK, &"\"2\"".parse().unwrap()));
    let listed = product.get("/v1/me/devices", &token).await;
    assert_eq!(listed.body["items"][0], again.body, "a list shows what one shows");
    let remove = |expected: &str| {
        let path = format!("/v1/me/devices/{}", device.text("/id"));
        let request = product.request(Method::DELETE, &path).bearer_auth(&token);
        product.send(request.header("if-match", expected))
    };
    let old = remove("\"1\"").await;
    assert_eq!((old.status, old.problem()), (StatusCode::PRECONDITION_FAILED, "version_mismatch"));
    assert_eq!(old.headers["etag"], "\"2\"");
    let malformed = remove("2").await;
    assert_eq!((malformed.status, malformed.problem()), (StatusCode::BAD_REQUEST, "malformed_request"));
    for _ in 0..2 {
        assert_eq!(remove("\"2\"").await.status, StatusCode::NO_CONTENT, "also when the answer was lost");
    }
    let out = product.request(Method::POST, "/v1/auth/sign-out").bearer_auth(&token);
    let out = product.send(out.header("if-match", "\"1\"")).await;
    assert_eq!((out.status, out.problem()), (StatusCode::PRECONDITION_FAILED, "version_mismatch"));
    assert_eq!(product.get("/v1/me", &token).await.status, StatusCode::OK, "nothing was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_body_says_nothing_of_one() {
    let product = Product::start().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let request = |method: Method, path: &str| product.request(method, path).bearer_auth(&token);
    for path in ["/v1/me", "/v1/openapi.json", "/v1/orgs/current", "/v1/me/none"] {
        let whole = product.send(request(Method::GET, path)).await;
        let head = product.send(request(Method::HEAD, path)).await;
        assert_eq!((head.status, &head.body), (whole.status, &json!("")), "{path}");
        for name in ["content-length", "content-type"] {
            assert_eq!(head.headers[name], whole.headers[name], "{name} of {path}");
        }
    }
    let keys = product.send(request(Method::GET, "/.well-known/jwks.json")).await;
    let known = request(Method::GET, "/.well-known/jwks.json").header("if-none-match", &keys.headers["etag"]);
    let asked = request(Method::OPTIONS, "/v1/me");
    let out = request(Method::POST, "/v1/auth/sign-out");
    for (request, status) in [(known, 304), (asked, 204), (out, 204)] {
        let answer = product.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        for name in ["content-length", "content-type"] {
            assert!(!answer.headers.contains_key(name), "{name}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_a_persons_in_one_organization() {
    let product = Product::start().await;
    let nowhere = product.sign_in("ada@example.com").await.text("/access_token");
    let body = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    let register = |token: &str| {
        let request = product.request(Method::POST, "/v1/me/devices").bearer_auth(token);
        product.send(request.header("idempotency-key", "key").json(&body))
    };
    let first = register(&nowhere).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let replayed = register(&nowhere).await;
    for name in ["location", "etag"] {
        assert_eq!(replayed.headers[name], first.headers[name], "the stored answer is the whole");
    }
    assert_eq!(
        (&replayed.body, &replayed.headers["idempotent-replayed"]),
        (&first.body, &"true".parse().unwrap())
    );
    let org = product.post_as("/v1/orgs", &nowhere, &json!({ "name": "Acme", "slug": "acme" })).await;
    let place = json!({ "org_id": org.text("/id") });
    let inside =
        product.post_as("/v1/auth/switch-org", &nowhere, &place).await.tokens().text("/access_token");
    let there = register(&inside).await;
    assert_eq!(there.status, StatusCode::OK, "another key of the same name: {there:?}");
    assert!(!there.headers.contains_key("idempotent-replayed"));
}
