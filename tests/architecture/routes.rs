//! Routes: each belongs to one function, and a group takes its root and all below it.

use std::collections::BTreeMap;

use serde_json::Value;

use system_tests::{
    documents::contract,
    template::{Template, target},
};

use crate::{assert_none, assert_noticed, broken};

/// Path of each route and the function that answers it.
pub(crate) fn routes(template: &Template) -> Vec<(String, String)> {
    let mut routes = Vec::new();
    for function in template.functions() {
        for (_, _, properties) in function.events().filter(|(_, kind, _)| *kind == "Api") {
            routes.push((
                properties["Path"].as_str().unwrap_or_default().to_owned(),
                function.name().to_owned(),
            ));
        }
    }
    routes
}

/// The function that the API hands a path to: an exact route before a group, a longer group before
/// a shorter.
pub(crate) fn function_for<'a>(routes: &'a [(String, String)], path: &str) -> Option<&'a str> {
    let exact = routes.iter().find(|(route, _)| route == path);
    let group = || {
        routes
            .iter()
            .filter(|(route, _)| {
                route
                    .strip_suffix("{proxy+}")
                    .is_some_and(|root| path.len() > root.len() && path.starts_with(root))
            })
            .max_by_key(|(route, _)| route.len())
    };
    exact.or_else(group).map(|(_, function)| function.as_str())
}

fn shape(template: &Template) -> Vec<String> {
    let mut problems = Vec::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for function in template.functions() {
        let name = function.name();
        for (event, _, properties) in function.events().filter(|(_, kind, _)| *kind == "Api") {
            let path = properties["Path"].as_str().unwrap_or_default();
            if let Some(other) = owners.insert(path.to_owned(), name.to_owned()) {
                problems.push(format!("{path} belongs to {other} and to {name}; a route has one function."));
            }
            if properties["Method"] != "ANY" {
                problems.push(format!(
                    "{name}: say Method: ANY for {event}; the router answers 405 with a problem."
                ));
            }
            if target(&properties["RestApiId"]) != Some("Api") {
                problems.push(format!(
                    "{name}: say RestApiId: !Ref Api for {event}, or it gets an API without a firewall."
                ));
            }
            let known =
                ["/v1/", "/scim/v2/", "/hooks/", "/.well-known/"].iter().any(|root| path.starts_with(root));
            if !known || path.trim_end_matches("{proxy+}").contains('{') {
                problems.push(format!(
                    "{name}: {path} is no route of ours; use /v1/, /scim/v2/, /hooks/ or /.well-known/, and a parameter only as {{proxy+}}."
                ));
            }
        }
    }
    problems
}

fn expected(template: &Template, expected: &[(String, &str)]) -> Vec<String> {
    let routes = routes(template);
    let mut problems: Vec<String> = expected
        .iter()
        .filter(|(path, function)| function_for(&routes, path) != Some(function))
        .map(|(path, function)| {
            format!(
                "{path} must reach {function}, but reaches {:?}. Mend its Events in template.yaml.",
                function_for(&routes, path)
            )
        })
        .collect();
    for (route, function) in &routes {
        let covered = expected.iter().any(|(path, _)| {
            path == route || route.strip_suffix("{proxy+}").is_some_and(|root| path.starts_with(root))
        });
        if !covered {
            problems.push(format!("{route} ({function}) is a route that no router serves; remove it."));
        }
    }
    problems
}

/// Every path that a router serves, with the router's function.
fn served() -> Vec<(String, &'static str)> {
    let groups = contract::groups().into_iter().chain(contract::hooks());
    groups
        .flat_map(|(function, group)| group.paths.paths.into_keys().map(move |path| (path, function)))
        .collect()
}

/// What the description says of each operation: its id, that it may fail, and who may call it.
fn operations(description: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut ids = BTreeMap::new();
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let name = format!("{} {path}", method.to_uppercase());
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            if let Some(other) = ids.insert(id.clone(), name.clone()) {
                problems.push(format!(
                    "{name} and {other} both have the operation_id {id:?}; clients need one for each."
                ));
            }
            if operation["responses"]["4XX"].is_null() || operation["responses"]["5XX"].is_null() {
                problems.push(format!("{name}: add `Problems` to its responses."));
            }
            let is_public = operation["security"].as_array().is_none_or(Vec::is_empty);
            if is_public != PUBLIC.contains(&name.as_str()) {
                problems.push(format!("{name}: take a Caller or Member and say security((\"access_token\" = [])), or add it to PUBLIC here."));
            }
        }
    }
    problems
}

/// What somebody without a session may call.
const PUBLIC: &[&str] = &[
    "GET /.well-known/jwks.json",
    "GET /.well-known/oauth-authorization-server",
    "GET /v1/billing/plans",
    "GET /v1/openapi.json",
    "POST /v1/auth/device-links/verify",
    "POST /v1/auth/discover",
    "POST /v1/auth/email-changes/confirm",
    "POST /v1/auth/email-changes/undo",
    "POST /v1/auth/magic-links",
    "POST /v1/auth/magic-links/verify",
    "POST /v1/auth/oauth/{provider}/authorizations",
    "POST /v1/auth/oauth/{provider}/verify",
    "POST /v1/auth/passkeys/options",
    "POST /v1/auth/passkeys/verify",
    "POST /v1/auth/password/registrations",
    "POST /v1/auth/password/resets",
    "POST /v1/auth/password/resets/verify",
    "POST /v1/auth/password/verify",
    "POST /v1/auth/refresh",
    "POST /v1/auth/sso/authorizations",
    "POST /v1/auth/sso/verify",
    "POST /v1/invites/decline",
    "POST /v1/invites/preview",
];

#[test]
fn every_operation_is_described_and_guarded() {
    assert_none(&operations(&contract::contract()));
}

#[test]
fn an_open_or_nameless_operation_is_noticed() {
    let description = serde_json::json!({"paths": {
        "/v1/reports": {"get": {"operationId": "x", "responses": {"200": {}}}, "post": {"operationId": "x", "responses": {"4XX": {}, "5XX": {}}}},
    }});
    let problems = operations(&description);
    assert_noticed(&problems, "both have the operation_id \"x\"");
    assert_noticed(&problems, "GET /v1/reports: add `Problems`");
    assert_noticed(&problems, "GET /v1/reports: take a Caller");
}

#[test]
fn routes_are_well_formed() {
    assert_none(&shape(&Template::of_repository()));
}

#[test]
fn every_path_reaches_its_function() {
    assert_none(&expected(&Template::of_repository(), &served()));
}

#[test]
fn a_removed_route_is_noticed() {
    let template = broken(|document| {
        let events =
            document["Resources"]["ApiMembersFunction"]["Properties"]["Events"].as_object_mut().unwrap();
        events.remove("CurrentBelow");
    });
    assert_noticed(
        &expected(&template, &served()),
        "/v1/orgs/current/members must reach api-members, but reaches None",
    );
}

#[test]
fn a_route_that_nobody_serves_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["ApiOrgsFunction"]["Properties"]["Events"]["Orgs"]["Properties"]["Path"] =
            "/v1/teams".into();
    });
    assert_noticed(&expected(&template, &served()), "/v1/teams (api-orgs) is a route that no router");
}

#[test]
fn a_route_of_two_functions_is_noticed() {
    let template = broken(|document| {
        document["Resources"]["ApiOrgsFunction"]["Properties"]["Events"]["Orgs"]["Properties"]["Path"] =
            "/v1/me".into();
    });
    assert_noticed(&shape(&template), "/v1/me belongs to api-account and to api-orgs");
}

#[test]
fn a_route_past_the_firewall_is_noticed() {
    let template = broken(|document| {
        let properties = &mut document["Resources"]["ApiOrgsFunction"]["Properties"];
        properties["Events"]["Orgs"]["Properties"]["RestApiId"] = Value::Null;
    });
    assert_noticed(&shape(&template), "gets an API without a firewall");
}
