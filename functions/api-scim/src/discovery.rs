use http_api::{Answer, IntoResponse, PathParameter, Problem, Problems, Response, State, not_found};
use scim::discovery::{resource_types, schemas, service_provider_config};
use serde_json::Value;

use crate::{Api, answers::whole, caller::Directory};

/// What the service can do.
#[utoipa::path(
    get, path = "/scim/v2/ServiceProviderConfig", tag = "SCIM", operation_id = "scimGetConfig",
    security(("scim_token" = [])),
    responses((status = 200, description = "The configuration", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["invalid_scim_token", "organization_suspended", "rate_limited"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 1})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn config(State(api): State<Api>, _: Directory) -> Response {
    Answer::ok(&service_provider_config(&api.base)).into_response()
}

/// The kinds of resources.
#[utoipa::path(
    get, path = "/scim/v2/ResourceTypes", tag = "SCIM", operation_id = "scimListResourceTypes",
    security(("scim_token" = [])),
    responses((status = 200, description = "All of them", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 1})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn list_types(State(api): State<Api>, _: Directory) -> Response {
    whole(&resource_types(&api.base))
}

fn with_id(all: Vec<Value>, id: &str) -> Result<Response, Problem> {
    let found = all.into_iter().find(|one| one["id"] == id).ok_or_else(not_found)?;
    Ok(Answer::ok(&found).into_response())
}

/// A kind of resource.
#[utoipa::path(
    get, path = "/scim/v2/ResourceTypes/{name}", tag = "SCIM", operation_id = "scimGetResourceType",
    security(("scim_token" = [])), params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The kind", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 1})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn show_type(
    State(api): State<Api>,
    _: Directory,
    PathParameter(name): PathParameter<String>,
) -> Result<Response, Problem> {
    with_id(resource_types(&api.base), &name)
}

/// The schemas.
#[utoipa::path(
    get, path = "/scim/v2/Schemas", tag = "SCIM", operation_id = "scimListSchemas",
    security(("scim_token" = [])),
    responses((status = 200, description = "All of them", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 1})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 8000})),
    ),
)]
pub(crate) async fn list_schemas(State(api): State<Api>, _: Directory) -> Response {
    whole(&schemas(&api.base))
}

/// A schema.
#[utoipa::path(
    get, path = "/scim/v2/Schemas/{uri}", tag = "SCIM", operation_id = "scimGetSchema",
    security(("scim_token" = [])), params(("uri" = String, Path, description = "Its URI")),
    responses((status = 200, description = "The schema", content_type = "application/scim+json", body = Value), Problems),
    extensions(
        ("x-gantry-codes" = json!(["not_found"])),
        ("x-gantry-limits" = json!(["scim"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 1})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 6000})),
    ),
)]
pub(crate) async fn show_schema(
    State(api): State<Api>,
    _: Directory,
    PathParameter(uri): PathParameter<String>,
) -> Result<Response, Problem> {
    with_id(schemas(&api.base), &uri)
}
