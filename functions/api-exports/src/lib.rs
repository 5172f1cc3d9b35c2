//! HTTP API for work that takes longer than a request: `/v1/jobs/**`, and the exports of an organization, of
//! its audit log and of one person.

mod exports;
mod shown;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use object_client::Objects;
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    objects: Objects,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let objects = Objects::new(host.objects(), host.environment().required("EXPORT_BUCKET")?);
    let api = Api { table: http.table(), cursors: host.cursor_keys()?, objects };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(exports::of_organization))
        .routes(routes!(exports::of_audit_log))
        .routes(routes!(exports::of_person))
        .routes(routes!(shown::list))
        .routes(routes!(shown::show))
        .routes(routes!(shown::cancel))
}
