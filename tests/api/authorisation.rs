//! Who may use which route. A route that is not in this table fails the build.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::product::Product;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing: whoever asks.
    Nothing,
    /// A session, in an organization or not.
    Session,
    /// A session in an organization, of any role.
    Member,
    /// A session in an organization, as owner or admin.
    Admin,
}

const ROUTES: &[(&str, &str, Needs)] = &[
    ("POST", "/v1/auth/magic-links", Needs::Nothing),
    ("POST", "/v1/auth/magic-links/verify", Needs::Nothing),
    ("POST", "/v1/auth/refresh", Needs::Nothing),
    ("POST", "/v1/auth/sign-out", Needs::Session),
    ("POST", "/v1/auth/switch-org", Needs::Session),
    ("GET", "/v1/me", Needs::Session),
    ("GET", "/.well-known/jwks.json", Needs::Nothing),
    ("GET", "/.well-known/oauth-authorization-server", Needs::Nothing),
    ("GET", "/v1/openapi.json", Needs::Nothing),
    ("POST", "/v1/orgs", Needs::Session),
    ("GET", "/v1/orgs/current", Needs::Member),
    ("GET", "/v1/orgs/current/members", Needs::Member),
    ("POST", "/v1/devices", Needs::Member),
    ("GET", "/v1/devices", Needs::Member),
    ("DELETE", "/v1/devices/{device_id}", Needs::Member),
    ("GET", "/v1/billing/subscription", Needs::Admin),
    ("POST", "/hooks/stripe", Needs::Nothing),
];

#[test]
fn every_route_is_in_the_table() {
    let description: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let described: BTreeSet<_> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| ["get", "post", "put", "patch", "delete"].contains(&key.as_str()));
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    // hooks are for machines of others, which have descriptions of their own
    let tested: BTreeSet<_> = ROUTES
        .iter()
        .filter(|(_, path, _)| !path.starts_with("/hooks/"))
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(
        described, tested,
        "add the route to ROUTES in tests/api/authorisation.rs, with what it needs"
    );
}

async fn call(product: &Product, method: &str, path: &str, token: Option<&str>) -> Answer {
    let path = path.replace("{device_id}", "dev_01kar8h5g0e0vsx4q1v3f6m2ah");
    let mut request = product.request(method.parse::<Method>().unwrap(), &path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if method == "POST" {
        request = request.json(&json!({}));
    }
    product.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_without_a_token_that_stands() {
    let product = Product::start().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[2] = parts[2].chars().rev().collect();
    let forged = parts.join(".");
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    for (method, path, needs) in ROUTES.iter().filter(|(_, _, needs)| *needs != Needs::Nothing) {
        let anonymous = call(&product, method, path, None).await;
        assert_eq!(
            (anonymous.status, anonymous.problem()),
            (StatusCode::UNAUTHORIZED, "missing_token"),
            "{method} {path} {needs:?}"
        );
        assert_eq!(anonymous.headers["www-authenticate"], "Bearer");
        for token in [forged.as_str(), unsigned.as_str(), "x", "a.b.c"] {
            let refused = call(&product, method, path, Some(token)).await;
            assert_eq!(
                (refused.status, refused.problem()),
                (StatusCode::UNAUTHORIZED, "invalid_token"),
                "{method} {path} {token}"
            );
            assert_eq!(refused.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
        }
    }
    for (method, path, _) in ROUTES.iter().filter(|(_, _, needs)| *needs == Needs::Nothing) {
        let answer = call(&product, method, path, None).await;
        assert_ne!(answer.problem_or_empty(), "missing_token", "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_without_an_organization_can_only_create_or_choose_one() {
    let product = Product::start().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    for (method, path, needs) in ROUTES.iter().filter(|(_, path, _)| *path != "/v1/auth/sign-out") {
        let answer = call(&product, method, path, Some(&token)).await;
        let refused = answer.problem_or_empty() == "no_organization";
        assert_eq!(refused, matches!(needs, Needs::Member | Needs::Admin), "{method} {path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_hold_now_and_not_when_the_token_was_made() {
    let product = Product::start().await;
    let (token, org_id) = product.owner("ada@example.com", "acme").await;
    let member_id = product.get("/v1/me", &token).await.text("/organizations/0/member_id");
    for (role, admin) in [("viewer", false), ("member", false), ("admin", true), ("owner", true)] {
        set_role(&product, &org_id, &member_id, Some(role)).await;
        for (method, path, needs) in ROUTES.iter().filter(|(_, path, _)| *path != "/v1/auth/sign-out") {
            let answer = call(&product, method, path, Some(&token)).await;
            let refused = answer.problem_or_empty() == "forbidden";
            assert_eq!(refused, *needs == Needs::Admin && !admin, "{role} {method} {path}: {answer:?}");
        }
    }
    set_role(&product, &org_id, &member_id, None).await;
    assert_eq!(
        product.get("/v1/orgs/current", &token).await.problem(),
        "no_organization",
        "removed: from the next request on"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_tenant_is_not_there() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (bob, beta) = product.owner("bob@example.com", "beta").await;
    let device = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    let device = product.post_as("/v1/devices", &ada, &device).await.text("/id");
    let foreign = product
        .send(product.request(Method::DELETE, &format!("/v1/devices/{device}")).bearer_auth(&bob))
        .await;
    let unknown = call(&product, "DELETE", "/v1/devices/{device_id}", Some(&bob)).await;
    let malformed = product.send(product.request(Method::DELETE, "/v1/devices/1").bearer_auth(&bob)).await;
    assert_eq!((foreign.status, &foreign.body), (StatusCode::NO_CONTENT, &json!("")));
    assert_eq!((unknown.status, &unknown.body), (foreign.status, &foreign.body));
    assert_eq!((malformed.status, malformed.problem()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(product.get("/v1/devices", &ada).await.body["items"].as_array().unwrap().len(), 1);

    for org in [&acme, "org_01kar8h5g0e0vsx4q1v3f6m2ah"] {
        let answer = product.post_as("/v1/auth/switch-org", &bob, &json!({ "org_id": org })).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::NOT_FOUND, "not_found"));
    }
    let members = product.get("/v1/orgs/current/members", &bob).await;
    assert_eq!(
        (members.body["items"].as_array().unwrap().len(), members.text("/items/0/email")),
        (1, "bob@example.com".to_owned())
    );
    assert_eq!(product.get("/v1/orgs/current", &bob).await.text("/id"), beta);
}

/// Changes a role behind the API's back, as a change of membership will.
async fn set_role(product: &Product, org_id: &str, member_id: &str, role: Option<&str>) {
    let table = product.host("api-orgs");
    let environment = table.environment();
    let config = aws_sdk_dynamodb::config::Builder::from(table.sdk_config())
        .endpoint_url(environment.required("AWS_ENDPOINT_URL_DYNAMODB").unwrap())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let name = environment.required("TABLE_NAME").unwrap();
    let (pk, sk) = (format!("ORG#{org_id}"), format!("MEMBER#{member_id}"));
    let (pk, sk) = (AttributeValue::S(pk), AttributeValue::S(sk));
    match role {
        Some(role) => {
            let update = client.update_item().table_name(name).key("pk", pk).key("sk", sk);
            let update =
                update.update_expression("SET #role = :role").expression_attribute_names("#role", "role");
            update
                .expression_attribute_values(":role", AttributeValue::S(role.to_owned()))
                .send()
                .await
                .unwrap();
        }
        None => {
            client.delete_item().table_name(name).key("pk", pk).key("sk", sk).send().await.unwrap();
        }
    }
}
