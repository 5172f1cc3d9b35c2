//! Who may use which route: every route of the contract, by what its handler says that it needs.

use access::{AccessLevel, Permission, Role, Scope};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{
    answer::Answer,
    documents::permissions::{Caller, Route, routes},
};

use crate::{organizations::CURRENT, product::Product};

/// The hook is for a machine of another, which has a description of its own.
pub(crate) fn all() -> Vec<Route> {
    let hook = ("POST".to_owned(), "/hooks/stripe".to_owned());
    let hook = Route {
        method: hook.0,
        path: hook.1,
        caller: Caller::Anybody,
        takes_keys: false,
        fresh: false,
        in_person: false,
        takes_body: true,
    };
    routes().into_iter().chain([hook]).collect()
}

/// Those that somebody can be refused at who is somebody.
fn of_members() -> impl Iterator<Item = (Route, Permission, Vec<AccessLevel>)> {
    all().into_iter().filter_map(|route| match route.caller.clone() {
        Caller::Member(permission, open) => Some((route, permission, open)),
        Caller::Anybody
        | Caller::Session
        | Caller::HalfSession
        | Caller::SessionOrHalf
        | Caller::ApiKey
        | Caller::Staff(_) => None,
    })
}

/// A path of the contract with ids of what is not there.
pub(crate) fn with_ids(path: &str) -> String {
    const KINDS: [(&str, &str); 26] = [
        ("account_id", "cac"),
        ("change_id", "ech"),
        ("connection_id", "sso"),
        ("device_id", "dev"),
        ("domain_id", "dom"),
        ("token_id", "sct"),
        ("group_id", "scg"),
        ("event_id", "evt"),
        ("factor_id", "fac"),
        ("impersonation_id", "imp"),
        ("invite_id", "inv"),
        ("job_id", "job"),
        ("key_id", "key"),
        ("link_id", "lnk"),
        ("member_id", "mbr"),
        ("org_id", "org"),
        ("passkey_id", "pky"),
        ("request_id", "jrq"),
        ("reservation_id", "rsv"),
        ("session_id", "ses"),
        ("user_id", "usr"),
        ("browser_id", "tbr"),
        ("checkout_id", "chk"),
        ("intent_id", "chk"),
        ("invoice_id", "in"),
        ("tax_id", "txi"),
    ];
    let path = path.replace("{provider}", "local").replace("{slug}", "a-slug");
    KINDS.iter().fold(path, |path, (name, prefix)| {
        path.replace(&format!("{{{name}}}"), &format!("{prefix}_01kar8h5g0e0vsx4q1v3f6m2ah"))
    })
}

pub(crate) async fn call(product: &Product, route: &Route, token: Option<&str>) -> Answer {
    let mut path = with_ids(&route.path);
    if path == "/v1/usage" {
        path += "?meter=api_calls";
    }
    let mut request = product.request(route.method.parse::<Method>().unwrap(), &path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if route.takes_body {
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
    for route in all().iter().filter(|route| route.caller != Caller::Anybody) {
        let (Route { method, path, caller, .. }, anonymous) = (route, call(&product, route, None).await);
        assert_eq!(
            (anonymous.status, anonymous.problem()),
            (StatusCode::UNAUTHORIZED, "missing_token"),
            "{method} {path} {caller:?}"
        );
        assert_eq!(anonymous.headers["www-authenticate"], "Bearer");
        for token in [forged.as_str(), unsigned.as_str(), "x", "a.b.c"] {
            let refused = call(&product, route, Some(token)).await;
            assert_eq!(
                (refused.status, refused.problem()),
                (StatusCode::UNAUTHORIZED, "invalid_token"),
                "{method} {path} {token}"
            );
            assert_eq!(refused.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
        }
    }
    for route in all().iter().filter(|route| route.caller == Caller::Anybody) {
        let answer = call(&product, route, None).await;
        assert_ne!(answer.problem_or_empty(), "missing_token", "{route:?}");
    }
}

/// What an open screen or a stolen token must not suffice for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_proof_is_asked_for_after_ten_minutes_and_by_no_other_route() {
    let product = Product::start().await;
    let (token, _) = product.owner("ada@example.com", "acme").await;
    product.advance(SignedDuration::from_secs(601)).await;
    let mut asked = 0;
    let is_asked =
        |route: &&Route| !matches!(route.caller, Caller::Anybody | Caller::Staff(_)) && route.fresh;
    for route in all().iter().filter(is_asked) {
        let answer = call(&product, route, Some(&token)).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNAUTHORIZED, "step_up_required"),
            "{route:?}"
        );
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"aal1\", max_age=600"
        );
        asked += 1;
    }
    assert!(asked >= 1);
    let reads = |route: &&Route| {
        let is_ours = !matches!(route.caller, Caller::HalfSession | Caller::ApiKey | Caller::Staff(_));
        !route.fresh && route.method == "GET" && is_ours
    };
    for route in all().iter().filter(reads) {
        let answer = call(&product, route, Some(&token)).await;
        // what has this id is not there, unless somebody made it
        let is_absent = route.path.contains('{') && answer.problem_or_empty() == "not_found";
        assert!(answer.status.is_success() || is_absent, "{route:?}: {answer:?}");
    }
    let fresh = product.sign_in("ada@example.com").await.text("/access_token");
    product.advance(SignedDuration::from_secs(590)).await;
    for route in all().iter().filter(|route| route.fresh) {
        let answer = call(&product, route, Some(&fresh)).await;
        assert_ne!(answer.problem_or_empty(), "step_up_required", "{route:?}");
    }
}

/// What a login gives that lacks something opens the routes that add it, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_session_is_no_session() {
    let product = Product::start().await;
    let (session, ..) = product.with_app().await;
    let half = product.half().await;
    for route in all() {
        let answer = call(&product, &route, Some(&half)).await;
        let refused = answer.problem_or_empty() == "invalid_token";
        let is_for_sessions =
            !matches!(route.caller, Caller::Anybody | Caller::HalfSession | Caller::SessionOrHalf);
        assert_eq!(refused, is_for_sessions, "{route:?}: {answer:?}");
    }
    for route in all().iter().filter(|route| route.caller == Caller::HalfSession) {
        let answer = call(&product, route, Some(&session)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{route:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_without_an_organization_can_only_create_or_choose_one() {
    let product = Product::start().await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    for route in all().iter().filter(|route| route.path != "/v1/auth/sign-out") {
        let answer = call(&product, route, Some(&token)).await;
        let refused = answer.problem_or_empty() == "no_organization";
        assert_eq!(refused, matches!(route.caller, Caller::Member(..)), "{route:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_hold_now_and_not_when_the_token_was_made() {
    let product = Product::start().await;
    let (token, org_id) = product.owner("ada@example.com", "acme").await;
    let user_id = product.get("/v1/me", &token).await.text("/id");
    for role in Role::ALL {
        set_role(&product, &org_id, &user_id, Some(&role.to_string())).await;
        for level in AccessLevel::ALL {
            set_level(&product, &org_id, level).await;
            for (route, permission, open) in of_members() {
                let answer = call(&product, &route, Some(&token)).await;
                let case = format!("{role} at {level}: {route:?}: {answer:?}");
                if route.method == "DELETE" && answer.status.is_success() && route.path == CURRENT {
                    product.restore_org(&token).await;
                }
                let expected = if !role.holds(permission) {
                    Some((StatusCode::FORBIDDEN, "forbidden", json!(permission.name()), Value::Null))
                } else if !open.contains(&level) {
                    let needed = if open.len() == 2 { "full" } else { "reading" };
                    let level = json!(level.to_string());
                    Some((StatusCode::PAYMENT_REQUIRED, "access_restricted", json!(needed), level))
                } else {
                    None
                };
                match expected {
                    Some((status, code, needed, access)) => {
                        assert_eq!((answer.status, answer.problem()), (status, code), "{case}");
                        let told = (answer.body["needed"].clone(), answer.body["access"].clone());
                        assert_eq!(told, (needed, access), "{case}");
                    }
                    None => assert!(
                        !["forbidden", "access_restricted"].contains(&answer.problem_or_empty()),
                        "{case}"
                    ),
                }
            }
        }
    }
    set_level(&product, &org_id, AccessLevel::Full).await;
    set_role(&product, &org_id, &user_id, None).await;
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
    let device = product.post_as("/v1/me/devices", &ada, &device).await.text("/id");
    let foreign = product
        .send(product.request(Method::DELETE, &format!("/v1/me/devices/{device}")).bearer_auth(&bob))
        .await;
    let unknown = product.request(Method::DELETE, "/v1/me/devices/dev_01kar8h5g0e0vsx4q1v3f6m2ah");
    let unknown = product.send(unknown.bearer_auth(&bob)).await;
    let malformed = product.send(product.request(Method::DELETE, "/v1/me/devices/1").bearer_auth(&bob)).await;
    assert_eq!((foreign.status, &foreign.body), (StatusCode::NO_CONTENT, &json!("")));
    assert_eq!((unknown.status, &unknown.body), (foreign.status, &foreign.body));
    assert_eq!((malformed.status, malformed.problem()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(product.get("/v1/me/devices", &ada).await.body["items"].as_array().unwrap().len(), 1);

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

impl Product {
    /// A key of the organization's with these scopes.
    pub(crate) async fn key(&self, token: &str, scopes: &[&str]) -> String {
        let new = json!({ "name": "a program", "scopes": scopes });
        self.post_as("/v1/orgs/current/api-keys", token, &new).await.text("/secret")
    }
}

/// Every route × every scope: a key opens what is open to keys and to this scope, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_opens_what_its_scope_says_and_nothing_that_people_do() {
    let product = Product::start().await;
    let (token, org_id) = product.owner("ada@example.com", "acme").await;
    let mut opened = Vec::new();
    for scope in Scope::ALL {
        let key = product.key(&token, &[scope.permission().name()]).await;
        for route in all().iter().filter(|route| !matches!(route.caller, Caller::Anybody | Caller::ApiKey)) {
            let answer = call(&product, route, Some(&key)).await;
            let case = format!("{route:?} {scope:?}: {answer:?}");
            match (&route.caller, route.takes_keys) {
                (Caller::Member(permission, _), true) if *permission == scope.permission() => {
                    assert!(!matches!(answer.status.as_u16(), 401..=403), "{case}");
                    opened.push(scope);
                }
                (Caller::HalfSession | Caller::SessionOrHalf, _) => {
                    assert!(matches!(answer.status.as_u16(), 401 | 403), "{case}");
                }
                (Caller::Staff(_), _) => assert!(matches!(answer.status.as_u16(), 403 | 404), "{case}"),
                _ => {
                    assert_eq!(
                        (answer.status.as_u16(), answer.problem()),
                        (403, "insufficient_scope"),
                        "{case}"
                    );
                }
            }
        }
    }
    assert!(Scope::ALL.iter().all(|scope| opened.contains(scope)), "a scope that opens nothing: {opened:?}");
    let all_scopes = Scope::ALL.map(|scope| scope.permission().name());
    let key = product.key(&token, &all_scopes).await;
    for level in AccessLevel::ALL {
        set_level(&product, &org_id, level).await;
        for (route, permission, open) in of_members().filter(|(route, ..)| route.takes_keys) {
            let refused = call(&product, &route, Some(&key)).await.problem_or_empty() == "access_restricted";
            assert_eq!(refused, !open.contains(&level), "{route:?} {permission:?} {level}");
        }
    }
}

/// Changes a role behind the API's back, as a change of membership will.
pub(crate) async fn set_role(product: &Product, org_id: &str, user_id: &str, role: Option<&str>) {
    let membership = (format!("USER#{user_id}"), format!("MEMBERSHIP#{org_id}"));
    set(product, membership, "role", role.map(|role| AttributeValue::S(role.to_owned()))).await;
}

/// Changes how much an organization may use, as billing does.
pub(crate) async fn set_level(product: &Product, org_id: &str, level: AccessLevel) {
    let level = ("level".to_owned(), AttributeValue::S(level.to_string()));
    let steps = ("then".to_owned(), AttributeValue::L(Vec::new()));
    let gate = (format!("GATE#{org_id}"), "GATE".to_owned());
    set(product, gate, "access", Some(AttributeValue::M([level, steps].into()))).await;
}

/// Sets an attribute of an item, or deletes the item.
pub(crate) async fn set(product: &Product, key: (String, String), name: &str, value: Option<AttributeValue>) {
    let host = product.host("api-orgs");
    let environment = host.environment();
    let config = aws_sdk_dynamodb::config::Builder::from(host.sdk_config())
        .endpoint_url(environment.required("AWS_ENDPOINT_URL_DYNAMODB").unwrap())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let table = environment.required("TABLE_NAME").unwrap();
    let (pk, sk) = (AttributeValue::S(key.0), AttributeValue::S(key.1));
    match value {
        Some(value) => {
            let update = client.update_item().table_name(table).key("pk", pk).key("sk", sk);
            let update =
                update.update_expression("SET #name = :value").expression_attribute_names("#name", name);
            update.expression_attribute_values(":value", value).send().await.unwrap();
        }
        None => {
            client.delete_item().table_name(table).key("pk", pk).key("sk", sk).send().await.unwrap();
        }
    }
}
