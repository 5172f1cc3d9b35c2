//! Chains the rows of audit logs, and copies them to where they are looked for.
//!
//! Its queue is ordered organization by organization, so one function at a time has the rows of one. Nothing
//! rests on that: what comes twice, late or at the same time makes the same chain's next links.

use audit::Rows;
use lambda_host::{Error, Function, Host, Intake};
use table::Cause;

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(audit::keys::AuditHead::key(host.ids().next())).await?;
    let queue_urls = vec![host.environment().required("AUDIT_QUEUE_URL")?.to_owned()];
    // Those of one organization lie beside each other: two at once would be in each other's way.
    let intake = Intake { at_once: Some(1), queue_urls };
    Ok(host.queue_with(intake, move |rows: Rows| {
        let table = table.clone();
        async move { audit::chain(&table, &Cause::system("queue-audit", ""), &rows).await }
    }))
}
