//! The form that all routes of the API share: names, members that are always there, open and closed words,
//! times. A client's generated code is made of it, so what is released stays.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use system_tests::{
    documents::{contract, contract::answers, permissions, problem_codes},
    template::Template,
};

use crate::{assert_none, assert_noticed};

/// What an operation is called for: the verb that its id begins with.
const VERBS: &[&str] = &[
    "get",
    "list",
    "create",
    "update",
    "replace",
    "put",
    "remove",
    "delete",
    "end",
    "erase",
    "extend",
    "cancel",
    "query",
    "record",
    "settle",
    "release",
    "check",
    "confirm",
    "send",
    "rotate",
    "undo",
    "resume",
    "restore",
    "register",
    "request",
    "verify",
    "refresh",
    "switch",
    "sign",
    "receive",
    "set",
    "reset",
    "start",
    "complete",
    "generate",
    "add",
    "redeem",
    "introspect",
    "link",
    "suspend",
    "unsuspend",
    "lift",
    "accept",
    "decline",
    "approve",
    "leave",
    "preview",
    "rebind",
    "resend",
    "revoke",
    "transfer",
    "discover",
    "test",
];

/// The one thing of the product that is called a request: somebody's to become a member.
const REQUEST_OF_A_PERSON: &str = "JoinRequest";

/// What the operations of our staff begin with, before the verb.
const OF_STAFF: &str = "admin";

/// Names that are written down elsewhere: in RFC 7517, RFC 8414 and `OpenID` Connect.
const OF_OTHERS: &[&str] = &["auth_time"];

/// What a deployment's configuration names, and nothing of ours has as its id.
const BY_CONFIGURATION: &str = "{provider}";

/// What an organization chose as its name in URLs.
const BY_ORGANIZATIONS: &str = "{slug}";

/// What browsers write, as Web Authentication says: its names are not ours, and it grows.
const OF_BROWSERS: &[&str] = &["AuthenticationCredential", "RegistrationCredential"];

fn is_snake_case(name: &str) -> bool {
    let letters =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.split('_').all(letters)
}

fn is_camel_case(name: &str, upper: bool) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| if upper { b.is_ascii_uppercase() } else { b.is_ascii_lowercase() });
    first && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// What is wrong with the paths and the ids of operations.
fn operations(contract: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, methods) in contract["paths"].as_object().into_iter().flatten() {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let plain = |part: &&str| {
            let kebab = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            let parameter = part.strip_prefix('{').and_then(|part| part.strip_suffix("_id}"));
            let is_given = [BY_CONFIGURATION, BY_ORGANIZATIONS].contains(part);
            (kebab && !part.is_empty()) || is_given || parameter.is_some_and(is_snake_case)
        };
        if path.starts_with("/v1/") && path != "/v1/openapi.json" && !parts.iter().all(plain) {
            problems.push(format!(
                "{path}: write paths in lower case with hyphens, and parameters as {{noun_id}}."
            ));
        }
        if parts.iter().filter(|part| part.starts_with('{')).count() > 3 {
            problems.push(format!("{path}: put at most three ids into a path."));
        }
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let verb = verb(path, id);
            if !is_camel_case(id, false) || !verb.is_some_and(|verb| VERBS.contains(&verb.as_str())) {
                problems.push(format!(
                    "{method} {path}: call the operation by a verb and a noun, unlike {id:?}; a new verb goes into VERBS \
                     of tests/architecture/api_form.rs."
                ));
            }
            problems.extend(created(contract, method, path, operation));
        }
    }
    problems
}

/// The verb of an operation's name; nothing where it does not say that it is staff's, or says so wrongly.
fn verb(path: &str, id: &str) -> Option<String> {
    let first = |id: &str| id.split(|c: char| c.is_ascii_uppercase()).next().unwrap_or_default().to_owned();
    if !path.starts_with("/v1/admin/") {
        return Some(first(id));
    }
    let id = id.strip_prefix(OF_STAFF)?;
    let (capital, rest) = id.split_at_checked(1)?;
    Some(first(&format!("{}{rest}", capital.to_ascii_lowercase())))
}

/// What is made in a collection whose things have paths says where it is.
fn created(contract: &Value, method: &str, path: &str, operation: &Value) -> Option<String> {
    let made = &operation["responses"]["201"];
    let below = format!("{path}/{{");
    let has_place =
        contract["paths"].as_object().is_some_and(|all| all.keys().any(|one| one.starts_with(&below)));
    (made.is_object() && has_place && !made["headers"]["Location"].is_object()).then(|| {
        format!("{method} {path}: say headers((\"Location\")) at 201, and answer with `Answer::at`.")
    })
}

/// What is wrong with the schemas of bodies.
fn schemas(contract: &Value) -> Vec<String> {
    let (asked, told) = (answers::of_requests(contract), answers::of_answers(contract));
    let words = answers::enums(contract);
    let mut problems = Vec::new();
    let all = contract["components"]["schemas"].as_object().into_iter().flatten();
    for (name, schema) in all {
        let endings = ["Answer", "Response", "Request", "Dto", "Body"];
        let is_noun = name.ends_with(REQUEST_OF_A_PERSON);
        if !is_camel_case(name, true) || !is_noun && endings.iter().any(|ending| name.ends_with(ending)) {
            problems.push(format!("the schema {name}: call it by a noun in CamelCase, without {endings:?}."));
        }
        let properties = schema["properties"].as_object();
        if properties.is_some() && asked.contains(name) && told.contains(name) {
            problems.push(format!(
                "the schema {name}: make one for requests and one for answers; they change apart."
            ));
        }
        let is_ours = !OF_BROWSERS.contains(&name.as_str());
        if is_ours && asked.contains(name) && properties.is_some() && schema["additionalProperties"] != false
        {
            problems
                .push(format!("the schema {name}: say #[serde(deny_unknown_fields)]; requests are closed."));
        }
        let answered = told.contains(name) && !answers::PARTIAL.contains(&name.as_str());
        for (property, of) in properties.into_iter().flatten() {
            let at = format!("{name}.{property}");
            if is_ours && !is_snake_case(property) {
                problems.push(format!("{at}: write names of members in snake_case."));
            }
            if property.starts_with("is_") {
                problems.push(format!("{at}: call it by an adjective, without `is_`."));
            }
            if answered {
                problems.extend(answered_member(&at, property, of, schema, &words));
            }
        }
        problems.extend(unions(name, schema));
    }
    problems
}

fn answered_member(
    at: &str,
    property: &str,
    of: &Value,
    schema: &Value,
    words: &BTreeSet<String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let required =
        schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == property));
    if !required {
        problems.push(format!("{at}: in an answer every member is there; nothing is null."));
    }
    let text = of.to_string();
    if property.ends_with("_at") && !text.contains("#/components/schemas/Time\"") {
        problems.push(format!("{at}: make it a primitives::Time, which always has three decimals."));
    }
    let of_us = !OF_OTHERS.contains(&property);
    // an event has one time, and is named by it as on the bus
    let of_an_event = at == "AuditEvent.time";
    if text.contains("#/components/schemas/Time\"")
        && of_us
        && !of_an_event
        && !["_at", "_start", "_end", "until", "as_of"].iter().any(|end| property.ends_with(end))
    {
        problems.push(format!("{at}: call a time `…_at`."));
    }
    let named = |word: &String| text.contains(&format!("#/components/schemas/{word}\""));
    if words.iter().any(named) && !text.contains(r#"{"type":"string"}"#) {
        problems.push(format!(
            "{at}: a word in an answer is open; `answers::apply` lets a text stand beside it."
        ));
    }
    problems
}

/// `oneOf` is for null alone: generators stumble over a choice of objects.
fn unions(name: &str, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(cases) = value["oneOf"].as_array() {
        let nulls = cases.iter().filter(|case| case["type"] == "null").count();
        if cases.len() != 2 || nulls != 1 {
            problems.push(format!(
                "the schema {name}: make one object with a `status` or `kind` of the cases, not oneOf."
            ));
        }
    }
    let below =
        value.as_object().into_iter().flat_map(Map::values).chain(value.as_array().into_iter().flatten());
    problems.extend(below.flat_map(|part| unions(name, part)));
    problems
}

/// What is below `/v1/me` is the caller's own.
fn own(routes: &[permissions::Route]) -> Vec<String> {
    let of_me = routes.iter().filter(|route| route.path == "/v1/me" || route.path.starts_with("/v1/me/"));
    let of_person = [permissions::Caller::Session, permissions::Caller::SessionOrHalf];
    let asking = of_me.filter(|route| !of_person.contains(&route.caller));
    asking
        .map(|route| {
            format!(
                "{} {}: take a Caller; what is the caller's own needs no permission.",
                route.method, route.path
            )
        })
        .collect()
}

#[test]
fn the_api_has_one_form() {
    let contract = contract::contract();
    assert_none(&[operations(&contract), schemas(&contract), own(&permissions::routes())].concat());
}

#[test]
fn gateway_and_firewall_name_problems_as_the_api_does() {
    assert_none(&problem_codes::misnamed(&Template::of_repository()));
}

#[test]
fn another_form_is_noticed() {
    let mut contract = contract::contract();
    contract["paths"]["/v1/Reports/{id}"] = json!({ "post": {
        "operationId": "DoReport",
        "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ReportRequest" } } } },
        "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Report" } } } } },
    } });
    contract["paths"]["/v1/reports"] =
        json!({ "post": { "operationId": "createReport", "responses": { "201": {} } } });
    contract["paths"]["/v1/reports/{report_id}"] = json!({});
    contract["paths"]["/v1/admin/reports"] =
        json!({ "get": { "operationId": "listReports", "responses": {} } });
    contract["components"]["schemas"]["Report"] = json!({
        "properties": {
            "isDone": { "type": "boolean" }, "is_late": { "type": "boolean" }, "made_at": { "type": "string" },
            "due": { "$ref": "#/components/schemas/Time" }, "role": { "$ref": "#/components/schemas/Role" },
            "shape": { "oneOf": [{ "type": "object" }, { "type": "object" }] },
        },
        "required": ["is_late"],
    });
    contract["components"]["schemas"]["ReportRequest"] =
        json!({ "properties": { "name": { "type": "string" } } });
    let problems = [operations(&contract), schemas(&contract)].concat();
    for noticed in [
        "/v1/Reports/{id}: write paths in lower case",
        "post /v1/Reports/{id}: call the operation by a verb and a noun",
        "get /v1/admin/reports: call the operation by a verb and a noun",
        "post /v1/reports: say headers((\"Location\")) at 201",
        "the schema ReportRequest: call it by a noun",
        "the schema ReportRequest: say #[serde(deny_unknown_fields)]",
        "Report.isDone: write names of members in snake_case",
        "Report.is_late: call it by an adjective",
        "Report.made_at: in an answer every member is there",
        "Report.made_at: make it a primitives::Time",
        "Report.due: call a time `…_at`",
        "Report.role: a word in an answer is open",
        "the schema Report: make one object with a `status` or `kind`",
    ] {
        assert_noticed(&problems, noticed);
    }
    let route = permissions::Route {
        method: "GET".to_owned(),
        path: "/v1/me/notes".to_owned(),
        caller: permissions::Caller::Anybody,
        takes_keys: false,
        fresh: false,
        in_person: false,
        takes_body: false,
    };
    assert_noticed(&own(&[route]), "GET /v1/me/notes: take a Caller");
}
