//! HTTP API for exports: `/v1/exports`.

use http_api::{Answer, Caller, OpenApiRouter, Problems, ToSchema, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use serde::Serialize;

/// What `GET /v1/exports` answers.
#[derive(Serialize, ToSchema)]
struct Overview {
    /// The person who asks.
    user_id: String,
}

/// The routes and their description.
pub fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(overview))
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    HttpHost::start(host).await?.api(routes())
}

/// Tells who asks.
#[utoipa::path(
    get, path = "/v1/exports", tag = "exports", operation_id = "showExports",
    security(("access_token" = [])),
    responses((status = 200, description = "Who asks", body = Overview), Problems),
    extensions(
        ("x-gantry-budget" = json!({"calls": 1, "read_units": 1, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 100})),
    ),
)]
async fn overview(caller: Caller) -> Answer {
    Answer::ok(&Overview { user_id: caller.principal.user_id.to_string() })
}
