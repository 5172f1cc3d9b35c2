//! HTTP API for the devices that push notifications reach: `/v1/me/devices/**`.

mod devices;

use std::sync::Arc;

use http_api::{OpenApiRouter, routes};
use http_host::HttpHost;
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
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let http = HttpHost::start(host).await?;
    let table = http.table();
    let arn = |variable: &str| host.environment().required(variable).map(str::to_owned);
    let api = Api {
        cursors: host.cursor_keys()?,
        applications: Applications {
            apns: arn("PUSH_PLATFORM_APPLICATION_APNS")?,
            fcm: arn("PUSH_PLATFORM_APPLICATION_FCM")?,
        },
        devices: Devices::new(table.clone(), PushClient::new(host.push_endpoints())),
        table,
    };
    http.api(routes().with_state(api))
}

/// The routes.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(devices::register))
        .routes(routes!(devices::list))
        .routes(routes!(devices::remove))
}
