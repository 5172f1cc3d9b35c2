//! HTTP API for the audit log of an organization: `/v1/audit/**`.

mod audit_anchors;
mod audit_events;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api { table: http.table(), cursors: host.cursor_keys()? };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(audit_events::list))
        .routes(routes!(audit_events::show))
        .routes(routes!(audit_anchors::list))
}
