//! Copies of rows, where they are looked for.

use primitives::{EventId, OrgId, Timestamp, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use table::{AuditRow, Copied, sortable};

use crate::{
    AuditError,
    api::AuditEvent,
    keys::{self, BY_ACTOR, BY_AREA, BY_TARGET},
};

/// A row where it is looked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct View {
    /// The event as the API shows it, as JSON text.
    shown: String,
}

impl View {
    /// The event.
    pub(crate) fn event(&self) -> Result<AuditEvent, AuditError> {
        Ok(json::from_str(&self.shown)?)
    }
}

/// The sort of thing that an action is about: `member` of `member.updated`.
pub(crate) fn area(action: &str) -> &str {
    action.split_once('.').map_or(action, |(area, _)| area)
}

/// A row where it is looked for: by actor, by target, by area.
pub(crate) fn views(org_id: OrgId, row: &AuditRow) -> Vec<Copied<View>> {
    let shown = Value::Object(row.shown());
    let text = |path| shown.pointer(path).and_then(Value::as_str);
    let id = text("/id").and_then(|id| id.parse::<EventId>().ok());
    let time = text("/time").and_then(|time| time.parse::<Timestamp>().ok());
    let Some((id, time)) = id.zip(time) else { return Vec::new() };
    let places = [
        (BY_ACTOR, text("/actor/id")),
        (BY_TARGET, text("/target/id")),
        (BY_AREA, text("/action").map(area)),
    ];
    let view = |(by, value): (char, Option<&str>)| {
        Some(Copied {
            key: keys::AuditView::key(org_id, by, value?.to_owned(), sortable(time), id),
            item: View { shown: shown.to_string() },
            expires_at: row.expires_at.and_then(|second| Timestamp::from_second(second).ok()),
        })
    };
    places.into_iter().filter_map(view).collect()
}
