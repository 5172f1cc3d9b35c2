//! Tells people's devices about an event, and removes the devices that are gone.

use lambda_host::{Error, Function, Host};
use push::{Courier, Delivery};
use push_client::PushClient;

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let courier = Courier::new(host.table().await?, PushClient::new(host.push_sends()));
    Ok(host.queue(move |delivery: Delivery| {
        let courier = courier.clone();
        async move { courier.deliver(&delivery).await }
    }))
}
