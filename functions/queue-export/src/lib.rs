//! Works off the export queue: `export.requested`.

use events::Envelope;
use lambda_host::{Error, Function, Host};
use primitives::{Fault, SignedDuration};
use table::{Claimed, StoreError, Table, keys::Consumed};

/// How long one event may take; longer than the function's timeout, so that nobody else begins meanwhile.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// Why an event was not dealt with. It comes again.
#[derive(Debug, thiserror::Error, Fault)]
enum WorkError {
    #[error("another delivery of the event is being dealt with")]
    #[fault(Unavailable, "in_flight")]
    InFlight,
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table()?;
    Ok(host.bus_queue(move |event| {
        let table = table.clone();
        async move { deal_with(&table, &event).await }
    }))
}

/// Deals with one event, which may be delivered twice. An effect in the table needs no claim: it goes into
/// one transaction with its marker.
async fn deal_with(table: &Table, event: &Envelope) -> Result<(), WorkError> {
    let marker = match table.claim(&Consumed::key("queue-export", event.id), LEASE).await? {
        Claimed::Mine(marker) => marker,
        Claimed::InFlight { .. } => return Err(WorkError::InFlight),
        Claimed::Done => return Ok(()),
    };
    tracing::info!(aggregate = event.aggregate.id, "received");
    Ok(table.finish(marker).await?)
}
