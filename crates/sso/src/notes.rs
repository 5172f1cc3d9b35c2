//! What is noted of a connection beside its changes, at most once a minute: nobody decides anything on it.

use primitives::{SignedDuration, Time, Timestamp};
use serde::Serialize;
use table::{Item, Table};

use crate::{SsoConnection, api::SsoFailure};

const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

fn is_to_be_noted(seen: Option<Timestamp>, now: Timestamp) -> bool {
    seen.is_none_or(|seen| now.duration_since(seen).abs() >= NOTED_EVERY)
}

async fn note<T: Serialize>(
    table: &Table,
    connection: &SsoConnection,
    attribute: &'static str,
    (seen, value): (Option<&T>, &T),
) {
    if let Err(error) = table.note_at(&connection.key(), attribute, (seen, value)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a connection is not noted");
    }
}

/// Notes that somebody signed in by it.
pub async fn note_sign_in(table: &Table, connection: &SsoConnection) {
    let (seen, now) = (connection.last_sign_in_at, table.clock().now());
    if is_to_be_noted(seen, now) {
        note(table, connection, "last_sign_in_at", (seen.as_ref(), &now)).await;
    }
}

/// Notes what kept somebody from signing in by it. The words are for those who run it: nothing of the person
/// is in them.
pub async fn note_failure(table: &Table, connection: &SsoConnection, detail: &str) {
    let (seen, now) = (connection.last_error.as_ref(), table.clock().now());
    if is_to_be_noted(seen.map(|seen| seen.failed_at.timestamp()), now) {
        let failure = SsoFailure { detail: detail.to_owned(), failed_at: Time::from(now) };
        note(table, connection, "last_error", (seen, &failure)).await;
    }
}
