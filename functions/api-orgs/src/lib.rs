//! HTTP API for organizations and their members: `/v1/orgs/**`.

mod deletion;
mod organizations;
mod policies;
mod slugs;

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
    rules: orgs::Rules,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api {
        table: http.table(),
        billing: Arc::new(host.settings("BILLING_RULES")?),
        rules: host.settings("ORGANIZATION_RULES")?,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(organizations::create))
        .routes(routes!(organizations::current))
        .routes(routes!(organizations::update))
        .routes(routes!(deletion::delete))
        .routes(routes!(deletion::restore))
        .routes(routes!(slugs::check))
        .routes(routes!(policies::show))
        .routes(routes!(policies::update))
}
