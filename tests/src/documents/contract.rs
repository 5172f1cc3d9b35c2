//! `docs/openapi.json`: the description of the HTTP API, put together from the routers of the functions.

pub mod answers;
mod conventions;

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::{
    PartialSchema,
    openapi::{
        InfoBuilder, LicenseBuilder, OpenApi as Description, OpenApiBuilder, ServerBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

use crate::template::Template;

pub use conventions::codes;

/// The name that the routes give to their security.
const ACCESS_TOKEN: &str = "access_token";
/// The same for programs.
const API_KEY: &str = "api_key";
/// The same for what adds to a login that lacks something.
const HALF_SESSION: &str = "half_session";

/// The routes that other systems call by agreement with them. They are in no contract of ours.
pub fn hooks() -> Vec<(&'static str, Description)> {
    vec![
        ("api-scim", api_scim::routes().into_openapi()),
        ("hook-stripe", hook_stripe::routes().into_openapi()),
    ]
}

/// The routers' descriptions with the function that each belongs to.
pub fn groups() -> Vec<(&'static str, Description)> {
    vec![
        ("api-account", api_account::routes().into_openapi()),
        ("api-admin", api_admin::routes().into_openapi()),
        ("api-audit", api_audit::routes().into_openapi()),
        ("api-auth", api_auth::routes().into_openapi()),
        ("api-billing", api_billing::routes().into_openapi()),
        ("api-devices", api_devices::routes().into_openapi()),
        ("api-exports", api_exports::routes().into_openapi()),
        ("api-keys", api_keys::routes().into_openapi()),
        ("api-members", api_members::routes().into_openapi()),
        ("api-orgs", api_orgs::routes().into_openapi()),
        ("api-passwords", api_passwords::routes().into_openapi()),
        ("api-sso", api_sso::routes().into_openapi()),
        ("api-usage", api_usage::routes().into_openapi()),
    ]
}

/// The whole description.
///
/// # Panics
/// Where a description is no JSON.
pub fn contract() -> Value {
    let template = Template::of_repository();
    let product = template.default_of("ProductName").expect("the product has a name");
    let info = InfoBuilder::new().title(product).version("1").description(Some(DESCRIPTION)).license(Some(
        LicenseBuilder::new().name("Apache-2.0 OR MIT").identifier(Some("Apache-2.0 OR MIT")).build(),
    ));
    let server = ServerBuilder::new().url("/").description(Some("Where this description is served")).build();
    let tags = TAGS.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build());
    let description = OpenApiBuilder::new().info(info.build()).servers(Some([server])).tags(Some(tags));
    let mut contract = description.build();
    for (_, group) in groups() {
        contract.merge(group);
    }
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = contract.components.get_or_insert_default();
    components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::Http(token));
    let half = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme(API_KEY, SecurityScheme::Http(key));
    components.add_security_scheme(HALF_SESSION, SecurityScheme::Http(half));
    components.schemas.insert("Problem".to_owned(), http_api::ProblemDocument::schema());
    components.schemas.insert("FieldError".to_owned(), http_api::FieldError::schema());
    let mut contract = serde_json::to_value(contract).expect("a description is JSON");
    conventions::apply(&mut contract);
    sorted(&contract)
}

/// The whole description as it is written: in the order in which people read it.
pub(super) fn text() -> String {
    let contract = contract();
    let parts = PARTS.map(|part| format!("  {}: {}", Value::from(part), indented(&sorted(&contract[part]))));
    format!("{{\n{}\n}}\n", parts.join(",\n"))
}

const PARTS: [&str; 6] = ["openapi", "info", "servers", "tags", "paths", "components"];

fn indented(part: &Value) -> String {
    serde_json::to_string_pretty(part).expect("a description is JSON").replace('\n', "\n  ")
}

/// By name, whichever features `serde_json` is built with.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, value)| (name, sorted(value))).collect();
            members.into_iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

const TAGS: &[(&str, &str)] = &[
    ("Signing in", "By a mail with a link and a code, or by a password; and what is asked for beside."),
    ("Sessions", "What a signed-in person has: tokens, and the organization at hand."),
    ("Account", "The signed-in person: who they are, where they belong, and their sessions."),
    ("Organizations", "The organization that the session is in."),
    ("Members", "Who belongs to the organization, and who is invited."),
    ("API keys", "The keys by which programs act for the organization."),
    ("Domains", "The domains that are the organization's, and who may join by them."),
    ("Single sign-on", "The organization's own identity providers, by which its people sign in."),
    ("SCIM", "How an identity provider keeps the directory of the organization."),
    ("Billing", "Trial, subscription, and what they give access to."),
    ("Devices", "Where push notifications go."),
    ("Staff", "Our own people, who look after accounts and organizations of others."),
    ("Well-known", "Public documents: keys, and this description."),
    ("Audit log", "What happened in an organization, and who did it."),
    ("Exports", "Files with all that an organization has, and the jobs that make them."),
    ("Usage", "What is counted, reporting it, quotas, and what is set aside of them."),
];

const DESCRIPTION: &str = "\
The HTTP API of Gantry. JSON in and out; unknown members and query parameters in requests are refused. Whatever is not a success is a problem \
document (RFC 9457); `x-gantry-codes` names the codes of a route. Send an `Idempotency-Key` with each POST that creates \
something, and a request can be repeated safely. Each answer has an `X-Correlation-Id`; quote it when you ask for help.";
