//! Chains the rows of audit logs, and copies them to where they are looked for.
//!
//! Its queue is ordered organization by organization, so one function at a time has the rows of one. Nothing
//! rests on that: what comes twice, late or at the same time makes the same chain's next links.

use audit::{AuditError, Rows};
use lambda_host::{Error, Function, Host, Intake};
use table::{Cause, Table};

/// The function.
pub async fn function(host: &Host) -> Result<Function, Error> {
    let table = host.table_opened_with(audit::keys::AuditHead::key(host.ids().next())).await?;
    let queue_urls = vec![host.environment().required("AUDIT_QUEUE_URL")?.to_owned()];
    // Those of one organization lie beside each other: two at once would be in each other's way.
    let intake = Intake { at_once: Some(1), queue_urls };
    Ok(host.queue_with(intake, move |rows: Rows| {
        let table = table.clone();
        async move { chain(&table, &rows).await }
    }))
}

/// Chains these rows. Whoever is named in one of them may be erased at this moment, or is gone already: then
/// the row is made to name nobody. That is looked at when the copies are there, so that either the erasure
/// finds them or this finds the erasure.
async fn chain(table: &Table, rows: &Rows) -> Result<(), AuditError> {
    let chained = audit::chain(table, &Cause::system("queue-audit", ""), rows).await?;
    let named = audit::people(&chained);
    if named.is_empty() {
        return Ok(());
    }
    let erased = erasures::under_way(table, named.keys().copied()).await?;
    for (_, rows_about) in named.into_iter().filter(|(person, _)| erased.contains(person)) {
        audit::erase_rows(table, rows.org_id, &rows_about).await?;
    }
    Ok(())
}
