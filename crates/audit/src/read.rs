use std::{fmt, str::FromStr};

use access::{Permit, needs::ReadAudit};
use primitives::{EventId, FieldCode, Invalid, Limit, OrgId, Page, Timestamp, json, refused};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use table::{AuditRow, Consistency, CursorKeys, Order, Query, Table, keys::Audit, time_of};

use crate::{
    AuditError,
    api::AuditEvent,
    keys::{AuditView, BY_ACTOR, BY_AREA, BY_TARGET},
    view::{View, area},
};

/// How many rows one page looks at where it is asked for by more than one thing.
const LOOKED_AT: usize = 100;

/// What happened: all that happens to one sort of thing (`member`), or what begins so (`member.updated`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action(String);

/// The text is no action, nor the beginning of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use a sort of thing, such as member, or what was done to it, such as member.updated")]
pub struct InvalidAction;

impl Invalid for InvalidAction {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidFormat
    }
}

impl Action {
    /// How long one may be.
    pub const LONGEST: usize = 100;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Action {
    type Err = InvalidAction;

    fn from_str(text: &str) -> Result<Self, InvalidAction> {
        let is_word = |word: &str| word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
        let (area, deed) = text.split_once('.').unwrap_or((text, ""));
        let fits = text.len() <= Self::LONGEST && !area.is_empty() && is_word(area) && is_word(deed);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidAction) }
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|error| refused(&error))
    }
}

/// Which events are asked for: those for which all of it holds.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What happened.
    pub action: Option<Action>,
    /// Who did it.
    pub actor_id: Option<String>,
    /// What it was done to.
    pub target_id: Option<String>,
    /// From when.
    pub from: Option<Timestamp>,
    /// Up to when, that millisecond included.
    pub to: Option<Timestamp>,
    /// Which end is first.
    pub order: Order,
}

impl Filter {
    /// Whether this event is asked for.
    fn holds(&self, event: &AuditEvent) -> bool {
        let is = |wanted: &Option<String>, there: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == there)
        };
        let action = self.action.as_ref().is_none_or(|Action(action)| {
            area(action) == area(&event.action) && event.action.starts_with(action)
        });
        action && is(&self.actor_id, event.actor.id.as_deref()) && is(&self.target_id, Some(&event.target.id))
    }

    /// The copies that are fewest: of one target, else of one actor, else of one area. Nothing where all
    /// events are asked for.
    fn place(&self) -> Option<(char, &str)> {
        let area_of = self.action.as_ref().map(|Action(action)| area(action));
        let places = [
            (BY_TARGET, self.target_id.as_deref()),
            (BY_ACTOR, self.actor_id.as_deref()),
            (BY_AREA, area_of),
        ];
        places.into_iter().find_map(|(by, value)| Some((by, value?)))
    }

    /// Whether the place says all of it.
    fn is_place(&self) -> bool {
        match (&self.target_id, &self.actor_id, &self.action) {
            (None, None, Some(Action(action))) => area(action) == action,
            (Some(_), None, None) | (None, Some(_) | None, None) => true,
            _ => false,
        }
    }

    fn of(&self, query: Query) -> Result<Query, AuditError> {
        let query = query.within(self.from, self.to).ok_or(AuditError::Backwards)?;
        Ok(match self.order {
            Order::Ascending => query,
            Order::Descending => query.descending(),
        })
    }
}

/// A page of the events of the reader's organization.
///
/// All of them are read from the log itself, and are there at once. Those of one actor, target or area are
/// read from the copies that are made when they are chained, some seconds later: whatever the size of the
/// log, a page reads what it shows. Where more than one thing is asked for, a page looks at 100 at most, and
/// may show fewer than it could, or none, and a cursor.
pub async fn events(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadAudit>,
    filter: &Filter,
    page: (Limit, Option<&str>),
) -> Result<Page<AuditEvent>, AuditError> {
    let org_id = reader.org_id;
    let Some((by, value)) = filter.place() else {
        let query = filter.of(Audit::all(org_id.to_string()))?;
        let looked_at = page.0.get() + 1;
        let kept = (looked_at, "", |row: &AuditRow| !row.event.is_null());
        let rows = table.sift::<AuditRow>(&query, page, cursors, kept).await?;
        return shown(rows, |row| Value::Object(row.shown()));
    };
    let query = filter.of(AuditView::all(org_id, by, value.to_owned()))?;
    let looked_at = if filter.is_place() { page.0.get() + 1 } else { LOOKED_AT };
    let words = format!("{:?} {:?} {:?}", filter.action, filter.actor_id, filter.target_id);
    let holds = |view: &View| view.event().is_ok_and(|event| filter.holds(&event));
    let views = table.sift::<View>(&query, page, cursors, (looked_at, &words, holds)).await?;
    let items = views.items.iter().map(View::event).collect::<Result<_, _>>()?;
    Ok(Page { items, next_cursor: views.next_cursor })
}

/// The events of an organization for which all of this holds, from the log itself, and behind which place it
/// goes on: for a worker that writes them down. Some may be none of `most` that are looked at.
pub async fn events_after(
    table: &Table,
    org_id: OrgId,
    filter: &Filter,
    (most, after): (usize, Option<&str>),
) -> Result<(Vec<AuditEvent>, Option<String>), AuditError> {
    let query = filter.of(Audit::all(org_id.to_string()))?.strong();
    let (rows, next) = table.after::<AuditRow>(&query, most, after).await?;
    let rows = rows.iter().filter(|row| !row.event.is_null());
    let read = rows.map(|row| Ok(json::from_value(Value::Object(row.shown()))?));
    let events = read.collect::<Result<Vec<AuditEvent>, AuditError>>()?;
    Ok((events.into_iter().filter(|event| filter.holds(event)).collect(), next))
}

fn shown(rows: Page<AuditRow>, show: impl Fn(&AuditRow) -> Value) -> Result<Page<AuditEvent>, AuditError> {
    let items =
        rows.items.iter().map(|row| Ok(json::from_value(show(row))?)).collect::<Result<_, AuditError>>()?;
    Ok(Page { items, next_cursor: rows.next_cursor })
}

/// One event of the reader's organization. What an eventual read misses may be a moment old.
pub async fn event(table: &Table, reader: &Permit<ReadAudit>, id: EventId) -> Result<AuditEvent, AuditError> {
    let row = row(table, reader.org_id, id).await?.filter(|row| !row.event.is_null());
    Ok(json::from_value(Value::Object(row.ok_or(AuditError::NotFound)?.shown()))?)
}

async fn row(table: &Table, org_id: OrgId, id: EventId) -> Result<Option<AuditRow>, AuditError> {
    let Some(time) = time_of(id) else { return Ok(None) };
    let key = Audit::of(org_id, time, id);
    match table.get(&key, Consistency::Eventual).await? {
        Some(row) => Ok(Some(row)),
        None => Ok(table.get(&key, Consistency::Strong).await?),
    }
}
