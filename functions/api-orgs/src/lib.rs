//! HTTP API for organizations and their members: `/v1/orgs/**`.

mod members;
mod organizations;

use std::sync::Arc;

use billing::Rules;
use http_api::{OpenApiRouter, routes};
use lambda_host::{Error, Function, Host};
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    billing: Arc<Rules>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let api = Api {
        table: host.table().await?,
        cursors: host.cursor_keys()?,
        billing: Arc::new(host.settings("BILLING_RULES")?),
    };
    host.api(routes().with_state(api)).await
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(organizations::create))
        .routes(routes!(organizations::current))
        .routes(routes!(members::list))
}
