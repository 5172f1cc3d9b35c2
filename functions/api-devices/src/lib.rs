//! HTTP API for the devices and browsers of the own account: where the person is signed in, which browsers
//! show no second factor, how another device signs in, and which devices push notifications reach.

mod device_links;
mod devices;
mod sessions;
mod trusted_browsers;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
use identity::Policy;
use lambda_host::{Error, Function, Host};
use push::{Applications, Devices};
use push_client::PushClient;
use table::{CursorKeys, Table};

/// What the routes share.
#[derive(Clone)]
pub struct Api {
    table: Table,
    cursors: Arc<dyn CursorKeys>,
    applications: Applications,
    devices: Devices,
    policy: Arc<Policy>,
    /// Where the app is.
    app_url: String,
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let table = http.table();
    let environment = host.environment();
    let arn = |variable: &str| environment.required(variable).map(str::to_owned);
    let api = Api {
        cursors: host.cursor_keys()?,
        applications: Applications {
            apns: arn("PUSH_PLATFORM_APPLICATION_APNS")?,
            fcm: arn("PUSH_PLATFORM_APPLICATION_FCM")?,
        },
        devices: Devices::new(table.clone(), PushClient::new(host.push_endpoints())),
        policy: Arc::new(host.settings("IDENTITY_POLICY")?),
        app_url: environment.url("APP_URL")?,
        table,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_several))
        .routes(routes!(trusted_browsers::list))
        .routes(routes!(trusted_browsers::remove))
        .routes(routes!(device_links::create))
        .routes(routes!(devices::register))
        .routes(routes!(devices::list))
        .routes(routes!(devices::remove))
}
