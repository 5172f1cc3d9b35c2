//! `docs/errors.md`: every code that a problem document can bear, from what each crate lists in
//! `FAULTS` and from what the template has the gateway and the firewall answer.

use std::collections::{BTreeMap, BTreeSet};

use primitives::{FaultCode, FieldCode};
use serde_json::Value;

use crate::template::Template;

/// The errors that a route may answer with, crate by crate.
pub const REGISTRY: &[(&str, &[&[FaultCode]])] = &[
    ("access", access::FAULTS),
    ("api-scim", api_scim::FAULTS),
    ("api-sso", api_sso::FAULTS),
    ("audit", audit::FAULTS),
    ("billing", billing::FAULTS),
    ("directory", directory::FAULTS),
    ("dns-client", dns_client::FAULTS),
    ("guarded-http", guarded_http::FAULTS),
    ("hook-stripe", hook_stripe::FAULTS),
    ("http-api", http_api::FAULTS),
    ("identity", identity::FAULTS),
    ("jobs", jobs::FAULTS),
    ("lambda-host", lambda_host::FAULTS),
    ("object-client", object_client::FAULTS),
    ("oidc-client", oidc_client::FAULTS),
    ("org-keys", org_keys::FAULTS),
    ("orgs", orgs::FAULTS),
    ("push", push::FAULTS),
    ("push-client", push_client::FAULTS),
    ("scim", scim::FAULTS),
    ("sso", sso::FAULTS),
    ("staff", staff::FAULTS),
    ("stripe-client", stripe_client::FAULTS),
    ("table", table::FAULTS),
    ("usage", usage::FAULTS),
];

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from the sources; do not edit. -->

# Errors

Whatever is not a success is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `instance` (the
correlation id), `code`, and `errors[]` with JSON pointers and codes of their own where the request breaks rules. Programs switch
on `code`; it is never renamed. `Retry-After` says when another attempt makes sense.

| `code` | status | |
|---|---|---|
";

const FIELDS: &str = "
## Codes of fields

`errors[].code` says what is wrong with one part of a request, all that is wrong at once.

| `errors[].code` | |
|---|---|
";

/// What is known of one code.
#[derive(Default)]
struct Code {
    statuses: BTreeSet<u16>,
    meanings: BTreeSet<String>,
}

/// Every code.
pub fn codes() -> Vec<String> {
    registered().into_keys().collect()
}

/// The page.
pub(super) fn page() -> String {
    let rows = registered().into_iter().map(|(code, about)| {
        let statuses: Vec<String> = about.statuses.iter().map(u16::to_string).collect();
        let meanings: Vec<&str> = about.meanings.iter().map(String::as_str).collect();
        format!("| <a id=\"{code}\"></a>`{code}` | {} | {} |\n", statuses.join(", "), meanings.join("<br>"))
    });
    let fields = FieldCode::ALL.map(|(code, meaning)| format!("| `{}` | {meaning} |\n", code.as_str()));
    INTRODUCTION.to_owned() + &rows.collect::<String>() + FIELDS + &fields.concat()
}

fn registered() -> BTreeMap<String, Code> {
    let mut codes: BTreeMap<String, Code> = BTreeMap::new();
    let mut note = |code: &str, status: u16, meaning: Option<String>| {
        let about = codes.entry(code.to_owned()).or_default();
        about.statuses.insert(status);
        about.meanings.extend(meaning);
    };
    for fault in REGISTRY.iter().flat_map(|(_, types)| types.iter().copied().flatten()) {
        let (usual, fixed) = http_api::answer(fault.kind);
        let meaning = fixed.unwrap_or(fault.detail).to_owned();
        note(fault.code, fault.status.unwrap_or(usual.as_u16()), Some(meaning));
    }
    for (body, status) in gateway_answers(&Template::of_repository()) {
        let document: Value = serde_json::from_str(&body).expect("a gateway's answer is a problem document");
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        note(&text("code"), status, (status < 500).then(|| text("detail")));
    }
    codes
}

/// Where the gateway or the firewall names a problem otherwise than we do.
pub fn misnamed(template: &Template) -> Vec<String> {
    let answers = gateway_answers(template).into_iter().filter_map(|(body, _)| {
        let document: Value = serde_json::from_str(&body).ok()?;
        let (code, told) = (document["code"].as_str()?.to_owned(), document["title"].as_str()?.to_owned());
        let title = http_api::title(&code);
        (told != title).then(|| format!("template.yaml: the title of {code} is {title:?}, and not {told:?}."))
    });
    answers.collect()
}

/// The problem documents in the template, as text, each with its status. Of the two for all other
/// cases the commonest stands for all.
fn gateway_answers(template: &Template) -> Vec<(String, u16)> {
    let api = template.resource("Api").expect("the template has an Api");
    let responses = api.property("GatewayResponses").as_object().into_iter().flatten();
    let of_gateway = responses.map(|(name, response)| {
        let usual = if name == "DEFAULT_5XX" { 500 } else { 400 };
        let status = response["StatusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        (response["ResponseTemplates"]["application/json"].clone(), status.unwrap_or(usual))
    });
    let acl = template.resource("WebAcl").expect("the template has a WebAcl");
    let bodies = acl.property("CustomResponseBodies").as_object().into_iter().flatten();
    let of_firewall = bodies.map(|(_, body)| (body["Content"].clone(), 413));
    let text = |(body, status): (Value, u16)| Some((body.as_str()?.to_owned(), status));
    of_gateway.chain(of_firewall).filter_map(text).collect()
}
