//! HTTP API for the keys by which programs act for an organization: `/v1/orgs/current/api-keys/**`.

mod api_keys;
mod program;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host, Stage};
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    /// What the text of a key says of where it is good.
    environment: &'static str,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let environment = match host.environment().stage()? {
        Stage::Production => "live",
        stage => stage.name(),
    };
    let api = Api { table: http.table(), cursors: host.cursor_keys()?, environment };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(api_keys::list))
        .routes(routes!(api_keys::create))
        .routes(routes!(program::current))
        .routes(routes!(api_keys::show))
        .routes(routes!(api_keys::update))
        .routes(routes!(api_keys::rotate))
        .routes(routes!(api_keys::revoke))
}
