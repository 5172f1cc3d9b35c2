//! HTTP API for the own account: `/v1/me/**`, without what has a function of its own there.

mod deletion;
mod email_changes;
mod me;
mod mfa;
mod passwords;
mod sessions;
mod trusted_browsers;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use identity::{Policy, SealKey};
use lambda_host::{Error, Function, Host, Rotating};
use primitives::Keys;
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    seals: Arc<Rotating<Keys<SealKey>>>,
    policy: Arc<Policy>,
    /// What authenticator apps call it.
    product: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let api = Api {
        table: http.table(),
        cursors: host.cursor_keys()?,
        seals: Arc::new(host.secret_keys("FACTOR_SECRET_ARN", SealKey::from_secret)?),
        policy: Arc::new(host.settings("IDENTITY_POLICY")?),
        product: host.environment().required("PRODUCT_NAME")?.to_owned(),
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
        .routes(routes!(mfa::show))
        .routes(routes!(mfa::start))
        .routes(routes!(mfa::confirm))
        .routes(routes!(mfa::remove))
        .routes(routes!(mfa::generate_recovery_codes))
        .routes(routes!(passwords::set))
        .routes(routes!(passwords::remove))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_several))
        .routes(routes!(trusted_browsers::list))
        .routes(routes!(trusted_browsers::remove))
}
