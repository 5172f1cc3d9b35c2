//! HTTP API for the own account: `/v1/me/**`, without what has a function of its own there.

mod me;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use table::Table;

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api { table: http.table() };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(me::show))
}
