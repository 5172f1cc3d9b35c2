//! Tells people's devices about an event, and removes the devices that are gone or whose sessions
//! have ended.

use identity_core::live_sessions;
use lambda_host::{Error, Function, Host};
use push::{Courier, Delivery, Sessions};
use push_client::PushClient;

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(identity_core::keys::User::key(host.ids().next())).await?;
    let known = table.clone();
    let sessions = Sessions::new(move |asked| {
        let table = known.clone();
        async move { live_sessions(&table, &asked).await }
    });
    let courier = Courier::new(table, PushClient::new(host.push_sends()), sessions);
    Ok(host.queue(move |delivery: Delivery| {
        let courier = courier.clone();
        async move { courier.deliver(&delivery).await }
    }))
}
