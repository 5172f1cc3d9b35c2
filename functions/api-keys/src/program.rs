use access::Tenant;
use http_api::{Answer, IntoResponse, Problem, Problems, Program, Response, State};
use org_keys::api::{ApiKey, shown};
use table::Item;

use crate::Api;

/// The key that the request is made with: whether it works, and what it may do.
#[utoipa::path(
    get, path = "/v1/orgs/current/api-keys/current", tag = "API keys", operation_id = "getCurrentApiKey",
    security(("api_key" = [])),
    responses((status = 200, description = "The key", body = ApiKey, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn current(State(api): State<Api>, program: Program) -> Result<Response, Problem> {
    let tenant: Tenant = program.key.maker.tenant();
    let key = org_keys::key(&api.table, tenant, program.key.key_id).await?;
    let shown = shown(&key, key.version(), api.table.clock().now());
    Ok(Answer::ok(&shown).tagged(key.version()).into_response())
}
