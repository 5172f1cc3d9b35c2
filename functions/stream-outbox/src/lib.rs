//! Publishes what the table's stream shows in the outbox to the event bus, and hands the audit rows over that
//! were written with it, to be chained.
//!
//! At least once: a record is done when its event is on the bus, its audit row is handed over and its row is
//! marked; whatever fails in between is done again from there, and consumers tell a repeated event by its id.
//! A row that holds no event cannot be published ever: it is parked with everything that is needed to replay
//! it, and the batch goes on.

mod publisher;

use audit::Handover;
use lambda_host::{Error, Function, Host};
use table::keys::Outbox;

use publisher::Publisher;

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let publisher = Publisher {
        table: host.table_opened_with(Outbox::of(host.ids().next())).await?,
        bus: host.event_bus()?,
        audit: Handover::new(host.queues(), host.environment().required("AUDIT_QUEUE_URL")?),
        queues: host.queues(),
        parked_queue_url: host.environment().required("OUTBOX_PARKED_QUEUE_URL")?.to_owned(),
    };
    Ok(host.stream(move |records| {
        let publisher = publisher.clone();
        async move { publisher.publish(records).await }
    }))
}
