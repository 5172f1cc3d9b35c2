//! Turns one event into deliveries to the devices of its organization's members.

use events::Told;
use lambda_host::{Error, Function, Host};
use push::{DeliveryQueue, FanOut};

/// What devices are told about, domain by domain.
pub const TOLD: &[&[Told]] =
    &[orgs::events::TOLD, billing::events::TOLD, usage::events::TOLD, jobs::events::TOLD];

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let url = host.environment().required("PUSH_DELIVERY_QUEUE_URL")?;
    let table = host.table_opened_with(push::keys::FanOut::key(host.ids().next())).await?;
    let fan_out = FanOut::new(table, orgs::keys::Member::all, TOLD, DeliveryQueue::new(host.queues(), url));
    Ok(host.bus_queue(move |event| {
        let fan_out = fan_out.clone();
        async move { fan_out.run(&event).await }
    }))
}
