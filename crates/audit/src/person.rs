//! The erasure of a person from the logs of organizations: what may name the person goes with its salt, from
//! the row and from its copies. The row's hash stays, so each chain verifies as before.

use std::collections::{BTreeMap, BTreeSet};

use primitives::{Email, OrgId, UserId};
use serde_json::Value;
use table::{
    AuditRow, Cause, Changes, CommitError, Consistency, Decision, Key, Table, keys::Audit, sortable,
};

use crate::{
    AuditError,
    api::AuditEvent,
    keys::{AuditView, BY_ACTOR, BY_AREA, BY_TARGET},
    view::{View, views},
};

/// Rows that are dealt with at a time: their copies are three calls.
const PAGE: usize = 25;
/// Rows of a person's own log that are read at a time.
const OWN_PAGE: usize = 100;

/// What organizations tell of people who are none of their members: found by the address or the person, since
/// the target is neither.
const AREAS: [&str; 2] = ["invite", "join_request"];

/// Who is erased from the log of an organization.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The person.
    pub user_id: UserId,
    /// The person's addresses.
    pub emails: &'a [Email],
    /// What else the person was in the organization: memberships, requests to join.
    pub targets: &'a [String],
}

/// How far an erasure came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Rows that are gone, or name nobody any more.
    pub rows: u64,
    /// Whether all of it is done.
    pub complete: bool,
}

impl Person<'_> {
    /// Whether a row of one of [`AREAS`] is about the person.
    fn is_in(&self, event: &AuditEvent) -> bool {
        let is_theirs = |name: &str, value: &str| match name {
            "email" | "previous_email" => self.emails.iter().any(|email| email.as_str() == value),
            "user_id" => self.user_id.to_string() == value,
            _ => false,
        };
        [&event.before, &event.after].into_iter().any(|data| any_text(data, &is_theirs))
    }
}

/// Whether a text in it, under the name of its member, is so.
fn any_text(value: &Value, is: &impl Fn(&str, &str) -> bool) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(text) => is(name, text),
            _ => any_text(value, is),
        }),
        Value::Array(values) => values.iter().any(|value| any_text(value, is)),
        _ => false,
    }
}

/// The people whom these rows name: who did it, whom it was done to, whom its data call `user_id`.
pub fn people(rows: &[AuditRow]) -> BTreeMap<UserId, Vec<&AuditRow>> {
    let mut people: BTreeMap<UserId, Vec<&AuditRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_whole()) {
        let mut named = BTreeSet::new();
        for id in ["/actor/id", "/aggregate/id"].into_iter().filter_map(|id| row.event.pointer(id)) {
            named.extend(id.as_str().and_then(|id| id.parse::<UserId>().ok()));
        }
        let named = std::cell::RefCell::new(named);
        let note = |name: &str, value: &str| {
            if name == "user_id" {
                named.borrow_mut().extend(value.parse::<UserId>());
            }
            false
        };
        any_text(&row.event["data"], &note);
        for user_id in named.into_inner() {
            people.entry(user_id).or_default().push(row);
        }
    }
    people
}

/// Erases a person from the log of an organization: the rows of which the person is the actor or the target,
/// and those about an invite to one of the addresses or a request of the person's. They are found by their
/// copies, a page at a time. Rows that have none yet are erased when they are chained ([`erase_rows`]): who
/// is erased has to be known to whoever chains before this begins. It is gone on with while `may_go_on` says
/// so, and what was erased before is passed over.
pub async fn erase_person(
    table: &Table,
    cause: &Cause,
    org_id: OrgId,
    person: Person<'_>,
    may_go_on: impl Fn() -> bool,
) -> Result<Erased, AuditError> {
    let id = person.user_id.to_string();
    let targets = person.targets.iter().chain([&id]).map(|target| (BY_TARGET, target.clone()));
    let places = [(BY_ACTOR, id.clone())].into_iter().chain(targets);
    let places = places.chain(AREAS.map(|area| (BY_AREA, area.to_owned())));
    let mut done = Erased::default();
    for (by, value) in places {
        let query = AuditView::all(org_id, by, value).strong();
        let mut after = None;
        loop {
            if !may_go_on() {
                return Ok(done);
            }
            let (page, next): (Vec<View>, _) = table.after(&query, PAGE, after.as_deref()).await?;
            let events = page.iter().map(View::event).collect::<Result<Vec<_>, _>>()?;
            let theirs = |event: &AuditEvent| event.salt.is_some() && (by != BY_AREA || person.is_in(event));
            let events: Vec<_> = events.into_iter().filter(theirs).collect();
            done.rows += erase_events(table, cause, org_id, by, &events).await?;
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    done.complete = true;
    Ok(done)
}

/// Erases the rows of these events, found among the copies `by` something. Those go last: so a row of which
/// not everything went is found again.
async fn erase_events(
    table: &Table,
    cause: &Cause,
    org_id: OrgId,
    by: char,
    events: &[AuditEvent],
) -> Result<u64, AuditError> {
    if events.is_empty() {
        return Ok(0);
    }
    let key = |event: &AuditEvent| Audit::of(org_id, event.time.timestamp(), event.id);
    let keys: Vec<_> = events.iter().map(key).collect();
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let (mut left, mut gone) = (Vec::new(), Changes::new());
    for (key, event) in keys.iter().zip(events) {
        let row: Option<AuditRow> = found.take(key)?;
        let row = match row {
            Some(row) => table.erase_details(key, &row).await?,
            None => None,
        };
        match row {
            Some(row) => left.push(row),
            // its time is over, and that of its copies too, which the table deletes when it comes to it
            None => gone = copies_of(org_id, event).into_iter().fold(gone, Changes::remove),
        }
    }
    let copies = left.iter().flat_map(|row| views(org_id, row));
    let token = |key: &Key| key.pk().split('#').nth(2) == Some(by.to_string().as_str());
    let (last, first): (Vec<_>, Vec<_>) = copies.partition(|copy| token(&copy.key));
    table.put_copies(&first).await?;
    table.put_copies(&last).await?;
    let mut gone = Some(gone);
    let remove = |_| {
        let gone = gone.take().unwrap_or_default();
        async move { Ok::<_, CommitError>(Decision::commit(gone, ())) }
    };
    table.decide(cause, remove).await?;
    Ok(u64::try_from(left.len()).unwrap_or(u64::MAX))
}

fn copies_of(org_id: OrgId, event: &AuditEvent) -> Vec<Key> {
    let places = [
        (BY_ACTOR, event.actor.id.clone()),
        (BY_TARGET, Some(event.target.id.clone())),
        (BY_AREA, Some(crate::view::area(&event.action).to_owned())),
    ];
    let key = |(by, value): (char, Option<String>)| {
        Some(AuditView::key(org_id, by, value?, sortable(event.time.timestamp()), event.id))
    };
    places.into_iter().filter_map(key).collect()
}

/// Erases from these rows of an organization, which are chained, what may name a person, and from their
/// copies: for rows that were chained when the person in them was being erased, or was already. Whoever
/// chains looks for that *after* the copies are made: so either the copies are found by the erasure, or the
/// erasure is found by whoever made them.
pub async fn erase_rows(table: &Table, org_id: OrgId, rows: &[&AuditRow]) -> Result<(), AuditError> {
    let mut left = Vec::new();
    for row in rows {
        let Some(key) = key_of(&org_id.to_string(), row) else { continue };
        left.extend(table.erase_details(&key, row).await?);
    }
    let copies: Vec<_> = left.iter().flat_map(|row| views(org_id, row)).collect();
    Ok(table.put_copies(&copies).await?)
}

/// Erases what may name anybody from the rows about a person that are in no organization's log, but for what
/// the person did as one of our staff. Says how far it came.
pub async fn erase_own(
    table: &Table,
    user_id: UserId,
    may_go_on: impl Fn() -> bool,
) -> Result<Erased, AuditError> {
    let query = Audit::all(user_id.to_string()).strong();
    let (mut done, mut after) = (Erased::default(), None);
    loop {
        if !may_go_on() {
            return Ok(done);
        }
        let (page, next): (Vec<AuditRow>, _) = table.after(&query, OWN_PAGE, after.as_deref()).await?;
        // what somebody did as one of our staff is not theirs alone
        let theirs = |row: &&AuditRow| row.is_whole() && row.event["actor"]["type"] != "staff";
        for row in page.iter().filter(theirs) {
            let Some(key) = key_of(&user_id.to_string(), row) else { continue };
            table.erase_details(&key, row).await?;
            done.rows += 1;
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(Erased { complete: true, ..done }),
        }
    }
}

fn key_of(of: &str, row: &AuditRow) -> Option<Key> {
    let text = |path| row.event.pointer(path).and_then(Value::as_str);
    let time: primitives::Timestamp = text("/time")?.parse().ok()?;
    Some(Audit::key(of.to_owned(), sortable(time), text("/id")?.parse().ok()?))
}
