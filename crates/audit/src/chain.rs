use std::collections::BTreeMap;

use audit_chain::{Hash, first_link, link};
use primitives::OrgId;
use serde::{Deserialize, Serialize};
use table::{AuditRow, Cause, Changes, Consistency, Decision, Item, Key, Table};

use crate::{AuditError, Rows, Written, keys, view::views};

/// Where a chain ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    org_id: OrgId,
    sequence: u64,
    hash: Hash,
    #[serde(default)]
    version: u64,
}

impl Item for Head {
    fn key(&self) -> Key {
        keys::AuditHead::key(self.org_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Gives these rows their places in the chain of their organization, and copies them to where they are looked
/// for. Those that have a place keep it: what comes twice changes nothing.
///
/// Whoever chains reads the head and moves it on in one transaction with the rows, so two at once make one
/// chain. A row that is gone, or is not what was written, is chained by the hash that was written with its
/// event: the proof then says which one it is.
///
/// Gives the rows that have copies now: whoever is named in one of them may be erased at this moment
/// ([`crate::people`]).
pub async fn chain(table: &Table, cause: &Cause, rows: &Rows) -> Result<Vec<AuditRow>, AuditError> {
    let chained = table.decide(cause, async |_| decision(table, rows).await).await?;
    let views: Vec<_> = chained.iter().flat_map(|row| views(rows.org_id, row)).collect();
    table.put_copies(&views).await?;
    Ok(chained)
}

/// Those of the rows that can be shown, with their places.
async fn decision(table: &Table, rows: &Rows) -> Result<Decision<Vec<AuditRow>, AuditError>, AuditError> {
    let org_id = rows.org_id;
    let mut keys: BTreeMap<_, _> = rows.rows.iter().map(|row| (row.id, key(org_id, row))).collect();
    let wanted: Vec<_> = keys.values().cloned().chain([keys::AuditHead::key(org_id)]).collect();
    let mut found = table.get_many(&wanted, Consistency::Strong).await?;
    let head: Option<Head> = found.take(&keys::AuditHead::key(org_id))?;
    let beginning = || Head { org_id, sequence: 0, hash: first_link(&org_id.to_string()), version: 0 };
    let mut head = head.unwrap_or_else(beginning);
    let (mut changes, mut shown) = (Changes::new(), Vec::new());
    for written in &rows.rows {
        // one that is named twice is dealt with once
        let Some(key) = keys.remove(&written.id) else { continue };
        let key = &key;
        let row = found.take::<AuditRow>(key);
        let is_whole = matches!(&row, Ok(Some(row)) if row.is(written.row_hash));
        if !is_whole {
            tracing::error!(event = %written.id, %org_id, "an audit row is not what was written with its event");
        }
        let mut row = row.ok().flatten();
        if row.as_ref().is_none_or(|row| row.sequence.is_none()) {
            head.sequence += 1;
            head.hash = link(head.hash, head.sequence, written.row_hash);
            changes = changes.chain(key, written.row_hash, head.sequence, head.hash);
            if let Some(row) = &mut row {
                (row.sequence, row.hash) = (Some(head.sequence), Some(head.hash));
            }
        }
        shown.extend(row.filter(|_| is_whole));
    }
    if changes.is_empty() {
        return Ok(Decision::done(shown));
    }
    Ok(Decision::commit(changes.replace(&head), shown))
}

fn key(org_id: OrgId, row: &Written) -> Key {
    table::keys::Audit::of(org_id, row.time, row.id)
}
