//! What API Gateway answers by itself, and what it hands on.

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_no_function_has_is_a_problem_document_too() {
    let product = Product::start().await;
    let answer = product.get("/v1/nothing-of-ours", "token").await;
    assert_eq!((answer.status, answer.gateway_problem()), (StatusCode::NOT_FOUND, "not_found"));
    let below = product.get("/v1/billing/nothing-of-ours", "token").await;
    assert_eq!((below.status, below.problem()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_are_refused_before_the_function() {
    let product = Product::start().await;
    let host = product.stack.output("ApiUrl").trim_start_matches("https://");
    let api = host.split('.').next().unwrap();
    // The stage's limit is for everybody, so this route gets one of its own.
    let limit = |name: &str| {
        let path = format!("/~1v1~1openapi.json/GET/throttling/{name}");
        json!({ "op": "replace", "path": path, "value": "1" })
    };
    let body = json!({ "patchOperations": [limit("rateLimit"), limit("burstLimit")] });
    let path = format!("/restapis/{api}/stages/staging");
    let changed = product.call("apigateway", "PATCH", &path, &body).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");

    let answers = join_all((0..5).map(|_| product.get("/v1/openapi.json", "token"))).await;
    let (refused, served): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
    assert!(!refused.is_empty() && !served.is_empty(), "{} of 5 refused", refused.len());
    assert!(served.iter().all(|answer| answer.status == StatusCode::OK), "{served:?}");
    for answer in refused {
        assert_eq!(
            (answer.gateway_problem(), &answer.headers["retry-after"]),
            ("rate_limited", &"1".parse().unwrap())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_may_call_from_our_origin_alone() {
    let product = Product::start().await;
    let preflight = async |origin: &str| {
        let request = product.request(Method::OPTIONS, "/v1/me").header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        product.send(request.header("access-control-request-headers", "authorization")).await
    };
    let ours = preflight("https://app.staging.example.com").await;
    assert!(ours.status.is_success(), "{ours:?}");
    assert_eq!(ours.headers["access-control-allow-origin"], "https://app.staging.example.com");
    assert!(ours.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    let other = preflight("https://app.staging.example.com.evil.example").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_tenant_is_answered_like_what_does_not_exist() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@tenant.example", "one-tenant").await;
    let (bob, _) = product.owner("bob@other-tenant.example", "other-tenant").await;
    let device = product.device(&ada, &"d".repeat(64)).await;
    let delete = async |id: &str| {
        product.send(product.request(Method::DELETE, &format!("/v1/me/devices/{id}")).bearer_auth(&bob)).await
    };
    let (foreign, unknown) = (delete(&device).await, delete("dev_01kar8h5g0e0vsx4q1v3f6m2ah").await);
    assert_eq!(foreign.status, StatusCode::NO_CONTENT, "{foreign:?}");
    assert_eq!((foreign.status, &foreign.body), (unknown.status, &unknown.body));
    let switched = product.post_as("/v1/auth/switch-org", &bob, &json!({ "org_id": acme })).await;
    assert_eq!((switched.status, switched.problem()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(product.get("/v1/me/devices", &ada).await.body["items"].as_array().unwrap().len(), 1);
}
