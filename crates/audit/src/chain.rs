use std::collections::BTreeMap;

use access::{AccessSchedule, Plan, Tenant};
use audit_chain::link;
use primitives::{OrgId, SignedDuration, Timestamp};
use serde::Deserialize;
use table::{AuditRow, Cause, Changes, Consistency, Decision, Key, Table};

use crate::{AuditError, Rows, Written, head::Head, keys, view::views};

/// Of an organization, what it subscribed to.
#[derive(Deserialize)]
struct Gate {
    access: Option<AccessSchedule>,
}

/// Gives these rows their places in the chain of their organization, and copies them to where they are looked
/// for. Those that have a place keep it: what comes twice changes nothing.
///
/// Whoever chains reads the head and moves it on in one transaction with the rows, so two at once make one
/// chain. A row that is gone, or is not what was written, is chained by the hash that was written with its
/// event: the proof then says which one it is.
///
/// How long a row is kept is the organization's plan's to say, and is written with its place: a later plan
/// counts for what happens from then on.
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
    let gate = identity_core::keys::Gate::key(Tenant::trusted(org_id));
    let own = [keys::AuditHead::key(org_id), gate.clone()];
    let wanted: Vec<_> = keys.values().cloned().chain(own).collect();
    let mut found = table.get_many(&wanted, Consistency::Strong).await?;
    let head: Option<Head> = found.take(&keys::AuditHead::key(org_id))?;
    let mut head = head.unwrap_or_else(|| Head::beginning(org_id));
    let gate: Option<Gate> = found.take(&gate)?;
    let plan = gate.and_then(|gate| gate.access).map_or_else(Plan::of_trial, |access| access.plan());
    let kept = SignedDuration::from_hours(24 * i64::from(plan.audit_log_days));
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
            let of_plan = written.time.saturating_add(kept).unwrap_or(Timestamp::MAX);
            let of_stack = row.as_ref().and_then(|row| Timestamp::from_second(row.expires_at?).ok());
            let expires_at = of_stack.map_or(of_plan, |of_stack| of_stack.min(of_plan));
            changes = changes.chain(key, written.row_hash, (head.sequence, head.hash), expires_at);
            if let Some(row) = &mut row {
                (row.sequence, row.hash) = (Some(head.sequence), Some(head.hash));
                row.expires_at = Some(expires_at.as_second());
            }
        }
        shown.extend(row.filter(|_| is_whole));
    }
    if changes.is_empty() {
        return Ok(Decision::done(shown));
    }
    head.moved_at.get_or_insert_with(|| table.clock().now());
    Ok(Decision::commit(changes.replace(&head), shown))
}

fn key(org_id: OrgId, row: &Written) -> Key {
    table::keys::Audit::of(org_id, row.time, row.id)
}
