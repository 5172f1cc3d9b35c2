use std::collections::BTreeMap;

use primitives::OrgId;
use table::{AuditRow, Query, StoreError, Table, keys::Audit};

use crate::{Erased, keys, view::views};

/// Erases the log of an organization that is erased: its rows, each with its copies, the end of its chain,
/// and where that was anchored. What lies in the bucket names nobody. Says how far it came: it is gone on
/// with while `may_go_on` says so.
pub async fn erase(table: &Table, org_id: OrgId, may_go_on: impl Fn() -> bool) -> Result<Erased, StoreError> {
    let mut done = Erased::default();
    let log = Audit::all(org_id.to_string());
    loop {
        let rows = table.find_to_erase::<AuditRow>(&log).await?;
        if rows.is_empty() {
            // without its end nothing is anchored any more
            table.erase(Query::partition_of(&keys::AuditHead::key(org_id)), None).await?;
            table.erase(keys::AuditAnchor::all(org_id), None).await?;
            done.complete = true;
            return Ok(done);
        }
        let views = rows.found.iter().flat_map(|row| views(org_id, row));
        let partitions: BTreeMap<_, _> = views.map(|view| (view.key.pk(), view.key)).collect();
        for view in partitions.into_values() {
            table.erase(Query::partition_of(&view), None).await?;
        }
        if !may_go_on() {
            return Ok(done);
        }
        done.rows += rows.len();
        table.erase_found(&log, rows).await?;
    }
}
