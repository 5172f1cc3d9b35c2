//! What our staff sees of the money.

use ::access::{StaffPermit, staff_needs};
use jiff::Timestamp;
use primitives::{Limit, Page};
use table::{CursorKeys, StoreError, Table};

use crate::{Reconciliation, keys};

/// What the nights have found, the newest first, back to this time.
pub async fn reconciliations(
    table: &Table,
    cursors: &dyn CursorKeys,
    _: &StaffPermit<staff_needs::ReadBilling>,
    from: Option<Timestamp>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<Reconciliation>, StoreError> {
    let Some(query) = keys::Reconciliation::all().within(from, None) else {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    };
    table.page(&query.descending(), limit, cursor, cursors).await
}
