//! HTTP API for subscription, trial, plans and what they give: `/v1/billing/**`, `/v1/entitlements`.

mod plans;
mod subscription;

use billing::Rules;
use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use lambda_host::{Error, Function, Host};
use table::Table;

/// What the routes share.
#[derive(Clone, Debug)]
pub struct Api {
    table: Table,
    rules: Rules,
}

impl Api {
    /// The API over this table.
    pub fn new(table: Table, rules: Rules) -> Self {
        Self { table, rules }
    }
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api::new(http.table(), host.settings("BILLING_RULES")?);
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(subscription::show))
        .routes(routes!(plans::list))
        .routes(routes!(plans::entitlements))
}
