//! What holds for all routes, written into the contract once: problems and their codes, headers, pages,
//! parameters.
//!
//! A handler says what is its own, with `extensions(("x-gantry-codes" = json!([…])))` for its problems and
//! `x-gantry-limits` for its rate limits. What follows from the rest of its description is added here.

use std::collections::BTreeSet;

use primitives::FieldCode;
use serde_json::{Map, Value, json};

use super::answers;
use crate::{budgets::USAGE, documents::problem_codes};

/// Codes that any route may answer with, the gateway's and the firewall's among them.
const ANY: &[&str] = &[
    "forbidden",
    "mfa_required",
    "sso_required",
    "internal",
    "invalid_request",
    "malformed_request",
    "not_acceptable",
    "rate_limited",
    "request_refused",
    "unavailable",
    "unsupported_media_type",
];
const WITH_TOKEN: &[&str] = &[
    "account_suspended",
    // our staff, in the name of somebody
    "impersonation_refused",
    // an API key where only people go
    "insufficient_scope",
    "missing_token",
    "invalid_token",
    "token_expired",
    "session_ended",
];
/// Those of routes that programs call, too.
const WITH_API_KEY: &[&str] = &["address_not_allowed", "invalid_api_key", "organization_suspended"];
/// Those of routes of our staff, of which whoever is none finds nothing.
const OF_STAFF: &[&str] = &["address_not_allowed", "not_found"];
const WITH_BODY: &[&str] = &["body_too_large", "incomplete_body", "malformed_json"];
const WITH_KEY: &[&str] = &["idempotency_key_in_use", "idempotency_key_reused", "invalid_idempotency_key"];

/// Parameters that many routes have, by their name in requests and in the components.
const PARAMETERS: [(&str, &str); 5] = [
    ("Idempotency-Key", "IdempotencyKey"),
    ("If-Match", "IfMatch"),
    ("If-None-Match", "IfNoneMatch"),
    ("limit", "Limit"),
    ("cursor", "Cursor"),
];

pub(super) fn apply(contract: &mut Value) {
    for (method, operation) in operations(contract) {
        complete(method, operation);
    }
    let components = &mut contract["components"];
    components["parameters"] = parameters();
    components["headers"] = headers();
    components["responses"] = json!({ "Problem": problem() });
    let schemas = components["schemas"].as_object_mut().expect("the contract has schemas");
    pages(schemas);
    schemas.insert("ProblemCode".to_owned(), problem_code());
    schemas.insert("FieldCode".to_owned(), field_code());
    schemas["Problem"]["properties"]["code"] = json!({
        "description": "Names the problem for machines; never renamed. A code may come that is younger than this description: \
            then the status says what to do.",
        "anyOf": [{ "$ref": "#/components/schemas/ProblemCode" }, { "type": "string" }],
    });
    schemas["FieldError"]["properties"]["code"] = json!({
        "description": "What is wrong with it, for machines; never renamed. A code may come that is younger than this description.",
        "anyOf": [{ "$ref": "#/components/schemas/FieldCode" }, { "type": "string" }],
    });
    // What the gateway refuses by itself may lack them.
    schemas["Problem"]["required"] = json!(["type", "title", "detail", "code"]);
    for (schema, rule) in RULES {
        let rule: Value = serde_json::from_str(rule).expect("a rule is JSON");
        let schema = schemas[*schema].as_object_mut().expect("a rule is about a schema");
        schema.extend(rule.as_object().cloned().unwrap_or_default());
    }
    renamed_pages(contract);
    merged(contract);
    answers::apply(contract);
}

/// Rules over several members, which no type can state.
const RULES: &[(&str, &str)] = &[
    (
        "RegisterDevice",
        r#"{"anyOf": [
        {"title": "Apple's", "properties": {"platform": {"const": "apns"}, "token": {"pattern": "^([0-9A-Fa-f]{2}){16,200}$"}}},
        {"title": "Firebase's", "properties": {"platform": {"const": "fcm"}}}
    ]}"#,
    ),
    (
        "VerifyMagicLink",
        r#"{"anyOf": [
        {"title": "By link", "required": ["token"], "properties": {"token": {"type": "string"}, "email": {"type": "null"}, "code": {"type": "null"}}},
        {"title": "By code", "required": ["email", "code"], "properties": {"token": {"type": "null"}, "email": {"type": "string"}, "code": {"type": "string"}}}
    ]}"#,
    ),
    (
        "StartSso",
        r#"{"anyOf": [
        {"title": "By address", "required": ["email"], "properties": {"email": {"type": "string"}, "org_slug": {"type": "null"}}},
        {"title": "By organization", "required": ["org_slug"], "properties": {"email": {"type": "null"}, "org_slug": {"type": "string"}}}
    ]}"#,
    ),
    ("VerifyMfa", SECOND_FACTOR),
    ("VerifyStepUp", STEP_UP),
];

/// A second factor is a code, or what a browser made of a passkey.
const SECOND_FACTOR: &str = r#"{"anyOf": [
    {"title": "Of the app, or by SMS", "required": ["code"], "properties": {"method": {"enum": ["totp", "sms"]}, "code": {"type": "string", "pattern": "^(?:[ \\t\\n\\r\\u00a0\\u200b\\u202f\\u3000\\u2010-\\u2015\\u2212-]*[0-9\\uff10-\\uff19]){6}[ \\t\\n\\r\\u00a0\\u200b\\u202f\\u3000\\u2010-\\u2015\\u2212-]*$"}, "ceremony_token": {"type": "null"}, "credential": {"type": "null"}}},
    {"title": "Written down", "required": ["code"], "properties": {"method": {"const": "recovery_code"}, "code": {"type": "string", "pattern": "^(?:[ -]*[0-9A-TV-Za-tv-z]){16}[ -]*$"}, "ceremony_token": {"type": "null"}, "credential": {"type": "null"}}},
    {"title": "A passkey", "required": ["ceremony_token", "credential"], "properties": {"method": {"const": "passkey"}, "code": {"type": "null"}, "ceremony_token": {"type": "string"}, "credential": {"type": "object"}}}
]}"#;

/// The same, or what signs people in.
const STEP_UP: &str = r#"{"anyOf": [
    {"title": "Of the app, or by SMS", "required": ["code"], "properties": {"method": {"enum": ["totp", "sms"]}, "code": {"type": "string", "pattern": "^(?:[ \\t\\n\\r\\u00a0\\u200b\\u202f\\u3000\\u2010-\\u2015\\u2212-]*[0-9\\uff10-\\uff19]){6}[ \\t\\n\\r\\u00a0\\u200b\\u202f\\u3000\\u2010-\\u2015\\u2212-]*$"}, "ceremony_token": {"type": "null"}, "credential": {"type": "null"}, "password": {"type": "null"}}},
    {"title": "Written down", "required": ["code"], "properties": {"method": {"const": "recovery_code"}, "code": {"type": "string", "pattern": "^(?:[ -]*[0-9A-TV-Za-tv-z]){16}[ -]*$"}, "ceremony_token": {"type": "null"}, "credential": {"type": "null"}, "password": {"type": "null"}}},
    {"title": "A passkey", "required": ["ceremony_token", "credential"], "properties": {"method": {"const": "passkey"}, "code": {"type": "null"}, "ceremony_token": {"type": "string"}, "credential": {"type": "object"}, "password": {"type": "null"}}},
    {"title": "A password", "required": ["password"], "properties": {"method": {"const": "password"}, "code": {"type": "null"}, "ceremony_token": {"type": "null"}, "credential": {"type": "null"}, "password": {"type": "string"}}},
    {"title": "The code of a mail", "required": ["code"], "properties": {"method": {"const": "mail"}, "code": {"type": "string", "pattern": "^(?:[ \\t\\n\\r\\u00a0\\u200b\\u202f\\u3000\\u2010-\\u2015\\u2212-]*[0-9\\uff10-\\uff19]){6}[ \\t\\n\\r\\u00a0\\u200b\\u202f\\u3000\\u2010-\\u2015\\u2212-]*$"}, "ceremony_token": {"type": "null"}, "credential": {"type": "null"}, "password": {"type": "null"}}}
]}"#;

fn operations(contract: &mut Value) -> impl Iterator<Item = (&str, &mut Value)> {
    let paths = contract["paths"].as_object_mut().expect("the contract has paths");
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::iter_mut);
    let operations = operations.filter(|(_, operation)| operation.is_object());
    operations.map(|(method, operation)| (method.as_str(), operation))
}

fn complete(method: &str, operation: &mut Value) {
    let codes: Vec<String> = codes(method, operation).into_iter().collect();
    operation["x-gantry-codes"] = json!(codes);
    if let Some(members) = operation.as_object_mut() {
        members.remove(USAGE);
    }
    if operation["security"].is_null() {
        operation["security"] = json!([]);
    }
    let has_key = takes(operation, "Idempotency-Key");
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some((_, name)) = PARAMETERS.iter().find(|(name, _)| parameter["name"] == *name) {
            *parameter = json!({ "$ref": format!("#/components/parameters/{name}") });
        }
    }
    let limited = operation["x-gantry-limits"].is_array();
    let responses = operation["responses"].as_object_mut().expect("an operation has answers");
    let cached = responses.contains_key("304");
    let placed = responses.values().any(|response| response["headers"]["Location"].is_object());
    let tagged = responses.values().any(|response| response["headers"]["ETag"].is_object());
    for (status, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['2', '3'])) {
        let mut names = vec!["X-Correlation-Id"];
        names.extend(has_key.then_some("Idempotent-Replayed"));
        names.extend(limited.then_some(["RateLimit", "RateLimit-Policy"]).into_iter().flatten());
        names.extend((cached || tagged).then_some("ETag"));
        names.extend((placed && status == "201").then_some("Location"));
        response["headers"] = header_references(&names);
        let contents = response.get_mut("content").and_then(Value::as_object_mut);
        for content in contents.into_iter().flat_map(Map::values_mut) {
            if content["schema"].is_null() {
                content["schema"] = json!({ "type": "object" });
            }
        }
    }
}

/// The codes of the problems that an operation may answer with.
pub fn codes(method: &str, operation: &Value) -> BTreeSet<String> {
    let own = operation["x-gantry-codes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut codes: BTreeSet<&str> = own.chain(ANY.iter().copied()).collect();
    if operation["security"].as_array().is_some_and(|ways| !ways.is_empty()) {
        codes.extend(WITH_TOKEN);
    }
    if operation["requestBody"].is_object() {
        codes.extend(WITH_BODY);
    }
    if takes(operation, "Idempotency-Key") {
        codes.extend(WITH_KEY);
    }
    // Where nothing is looked at that `If-Match` could be about, that it is sent is a mismatch.
    if method != "get" {
        codes.insert("version_mismatch");
        if operation["security"].as_array().is_some_and(|ways| !ways.is_empty()) {
            codes.insert("account_deletion_pending");
        }
    }
    if takes(operation, "cursor") {
        codes.insert("invalid_cursor");
    }
    match operation[http_api::NEEDS]["caller"].as_str() {
        Some("staff") => codes.extend(OF_STAFF),
        Some("member") => codes.extend(["organization_suspended"]),
        _ if signs_in(operation) => codes.extend(["account_suspended"]),
        _ => {}
    }
    let needs = &operation[http_api::NEEDS];
    if needs["api_key"] == true || needs["caller"] == "api_key" {
        codes.extend(WITH_API_KEY);
    }
    if operation[http_api::NEEDS]["proof_within_seconds"].is_number() {
        codes.insert("step_up_required");
    }
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    if parameters.any(|parameter| parameter["in"] == "path") {
        codes.insert("not_found");
    }
    codes.into_iter().map(str::to_owned).collect()
}

/// Whether a session may come of it.
fn signs_in(operation: &Value) -> bool {
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
    schema == "#/components/schemas/SignIn"
}

fn takes(operation: &Value, name: &str) -> bool {
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.any(|parameter| parameter["name"] == name)
}

fn header_references(names: &[&str]) -> Value {
    let reference = |name: &&str| {
        let component = name.replace('-', "");
        ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{component}") }))
    };
    Value::Object(names.iter().map(reference).collect())
}

/// The one answer that all problems share.
fn problem() -> Value {
    let headers = [
        "X-Correlation-Id",
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
        "WWW-Authenticate",
        "Allow",
        "ETag",
    ];
    json!({
        "description": "A problem document (RFC 9457); `code` says which problem, and the operation's `x-gantry-codes` which there are.",
        "headers": header_references(&headers),
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn problem_code() -> Value {
    json!({
        "type": "string",
        "description": "Every code there is at the moment.",
        "enum": problem_codes::codes(),
    })
}

fn field_code() -> Value {
    json!({
        "type": "string",
        "description": "Every code of a field there is at the moment.",
        "enum": FieldCode::ALL.map(|(code, _)| code.as_str()),
    })
}

fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes the request safe to repeat for 24 hours: new for each thing you want done.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
            "example": "5f0c3f0e-7f0b-4c43-9a2c-1d2b7b9f4c11",
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false,
            "description": "The `ETag` that the resource must still have: else 412 `version_mismatch`, with the one that it has.",
            "schema": { "type": "string", "pattern": "^[ ,]*(\\*|(W/)?\"[!#-~]*\"( *,[ ,]*(W/)?\"[!#-~]*\")*)?[ ,]*$" },
        },
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The `ETag` of what the client has: 304 if that is still so.",
            "schema": { "type": "string" },
        },
        "Limit": {
            "name": "limit", "in": "query", "required": false, "description": "How many items the page may have.",
            "schema": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 25 },
        },
        "Cursor": {
            "name": "cursor", "in": "query", "required": false,
            "description": "The `next_cursor` of the page before, as it came; anything else is 422 `invalid_cursor`.",
            "schema": { "type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$", "format": "gantry-cursor" },
        },
    })
}

fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "XCorrelationId": {
            "description": "Names the request in logs, events and audit; quote it when you ask for help.",
            "required": true,
            "schema": { "type": "string", "minLength": 8, "maxLength": 64 },
        },
        "IdempotentReplayed": {
            "description": "The answer is the stored one of the first request with this Idempotency-Key.",
            "schema": { "type": "string", "const": "true" },
        },
        "RateLimit": text("What is left of each limit that counted: `\"name\";r=4;t=60`, four more, one of them in 60 seconds."),
        "RateLimitPolicy": text("The limits that counted: `\"name\";q=5;w=60`, five in 60 seconds."),
        "RetryAfter": {
            "description": "When another attempt makes sense, in seconds.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WWWAuthenticate": text("With 401: `Bearer`, `error=\"invalid_token\"` where a token was sent that does not work (any more), and `error=\"insufficient_user_authentication\", acr_values=\"aal1\", max_age=600` with `step_up_required` (RFC 9470): the person is to show once more who they are, so that it is as certain as that. With 403 `mfa_required` too: `acr_values=\"aal2\"`, a second factor."),
        "Allow": text("With 405: the methods of this path."),
        "ETag": text("Names this state of the document: of a resource its `version`, in quotation marks."),
        "Location": text("The path of what was made."),
    })
}

/// Items of a page by reference. Named `DevicePage`, not `Page_Device`: names of types are names of the API.
fn pages(schemas: &mut Map<String, Value>) {
    let names: Vec<String> = schemas.keys().filter(|name| name.starts_with(PAGE)).cloned().collect();
    for name in names {
        let mut page = schemas.remove(&name).unwrap_or_default();
        let item = name.trim_start_matches(PAGE);
        page["properties"]["items"]["items"] = json!({ "$ref": format!("#/components/schemas/{item}") });
        schemas.insert(format!("{item}Page"), page);
    }
}

const PAGE: &str = "Page_";

/// A type that has no name in the contract stands in its field together with the field's description: in one
/// schema, and not in two of which the second would be an object.
fn merged(value: &mut Value) {
    if let Some([inline, told]) = value.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
        && told["type"] == "object"
        && told.get("properties").is_none()
    {
        let mut whole = inline.as_object().cloned().unwrap_or_default();
        let told = told.as_object().into_iter().flatten().filter(|(name, _)| *name != "type");
        whole.extend(told.map(|(name, value)| (name.clone(), value.clone())));
        *value = Value::Object(whole);
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(merged),
        Value::Array(items) => items.iter_mut().for_each(merged),
        _ => {}
    }
}

fn renamed_pages(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let item = member.as_str().and_then(|text| text.strip_prefix("#/components/schemas/Page_"));
                match item.filter(|_| name == "$ref") {
                    Some(item) => *member = json!(format!("#/components/schemas/{item}Page")),
                    None => renamed_pages(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(renamed_pages),
        _ => {}
    }
}
