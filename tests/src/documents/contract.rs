//! `docs/openapi.json`: the description of the HTTP API, put together from the routers of the functions.

use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApi as Description, OpenApiBuilder, ServerBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// The name that the routes give to their security.
const ACCESS_TOKEN: &str = "access_token";

/// The routes that other systems call by agreement with them. They are in no contract of ours.
pub fn hooks() -> Vec<(&'static str, Description)> {
    vec![("hook-stripe", hook_stripe::routes().into_openapi())]
}

/// The routers' descriptions with the function that each belongs to.
pub fn groups() -> Vec<(&'static str, Description)> {
    vec![
        ("api-auth", api_auth::routes().into_openapi()),
        ("api-billing", api_billing::routes().into_openapi()),
        ("api-devices", api_devices::routes().into_openapi()),
        ("api-orgs", api_orgs::routes().into_openapi()),
    ]
}

/// The whole description.
pub fn contract() -> Description {
    let info = InfoBuilder::new().title("Gantry").version("1").description(Some(DESCRIPTION)).license(Some(
        LicenseBuilder::new().name("Apache-2.0 OR MIT").identifier(Some("Apache-2.0 OR MIT")).build(),
    ));
    let server = ServerBuilder::new().url("http://localhost:3000").description(Some("`cargo dev`")).build();
    let mut contract = OpenApiBuilder::new().info(info.build()).servers(Some([server])).build();
    for (_, group) in groups() {
        contract.merge(group);
    }
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = contract.components.get_or_insert_default();
    components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::Http(token));
    contract
}

/// The whole description as it is written.
pub(super) fn text() -> String {
    contract().to_pretty_json().expect("a description is JSON") + "\n"
}

const DESCRIPTION: &str = "\
The HTTP API of Gantry. JSON in and out; unknown fields in requests are refused. Whatever is not a success is a problem \
document (RFC 9457), whose `code` is listed in docs/errors.md. Send an `Idempotency-Key` with each POST that creates \
something, and a request can be repeated safely. Each answer has an `X-Correlation-Id`; quote it when you ask for help.";
