//! HTTP API for the own account: `/v1/me/**`, without what has a function of its own there.

mod deletion;
mod email_changes;
mod me;
mod sessions;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use identity::Policy;
use lambda_host::{Error, Function, Host};
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    policy: Arc<Policy>,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api {
        table: http.table(),
        cursors: host.cursor_keys()?,
        policy: Arc::new(host.settings("IDENTITY_POLICY")?),
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(me::show))
        .routes(routes!(me::update))
        .routes(routes!(deletion::delete))
        .routes(routes!(deletion::restore))
        .routes(routes!(me::memberships))
        .routes(routes!(email_changes::request))
        .routes(routes!(email_changes::cancel))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_several))
}
