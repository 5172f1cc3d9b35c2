//! HTTP API for organizations and their members: `/v1/orgs/**`.

mod organizations;
mod policies;

use std::sync::Arc;

use billing::Rules;
use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use table::Table;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    billing: Arc<Rules>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api { table: http.table(), billing: Arc::new(host.settings("BILLING_RULES")?) };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(organizations::create))
        .routes(routes!(organizations::current))
        .routes(routes!(policies::show))
        .routes(routes!(policies::update))
}
