//! Events that were committed and not published: the stream gave up on them, a restored table has
//! them from before, the bus was gone for too long. Their rows have no expiry.

use std::time::Duration;

use audit::Handover;
use audit_chain::Hash;
use futures::future::{join, join_all};
use lambda_host::{Bus, Outgoing, Sent};
use primitives::{EventId, Fault, OrgId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{OutboxPart, StoreError, Table, Unpublished, time_left, time_of};

use crate::limit::{Limit, WrongLimit};

/// How many rows one query looks at.
const PAGE: usize = 250;

/// The longest time that one command may be about.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 31);

/// How long a query can take, its own attempts and all.
const LONGEST_QUERY: Duration = Duration::from_secs(8);

#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    pub(crate) table: Table,
    pub(crate) bus: Bus,
    pub(crate) audit: Handover,
}

/// Events made in `from..until`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    from: Timestamp,
    until: Timestamp,
    #[serde(default)]
    limit: Limit,
    /// Where the answer before said that it goes on.
    #[serde(default)]
    next: Option<String>,
}

/// What the commands answer.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum OutboxAnswer {
    List(List),
    Republished(Republished),
}

#[derive(Default, Serialize)]
pub(crate) struct List {
    events: Vec<Listed>,
    /// Rows that hold no event: nothing but a change of them helps.
    unreadable: Vec<Problem>,
    /// Where to go on from; `null` at the end.
    next: Option<String>,
}

/// What an operator may know of an event: not its data, which may be a customer's.
#[derive(Serialize)]
struct Listed {
    id: EventId,
    kind: String,
    time: Timestamp,
    org_id: Option<OrgId>,
    correlation_id: String,
}

#[derive(Default, Serialize)]
pub(crate) struct Republished {
    published: usize,
    /// Those that the bus refuses for what they are.
    refused: Vec<Problem>,
    unreadable: Vec<Problem>,
    /// Those that could not be published, or marked, now. They are left for another attempt, and
    /// nothing behind them was tried.
    failed: Vec<EventId>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Problem {
    id: String,
    reason: String,
}

impl Outbox {
    pub(crate) async fn list(&self, span: Span) -> Result<List, OutboxError> {
        let mut walk = Walk::begin(&span)?;
        let mut list = List::default();
        while let Some(rows) = walk.rows(&self.table).await? {
            for row in rows {
                match row.event() {
                    Ok((_, event)) => list.events.push(Listed {
                        id: event.id,
                        kind: event.kind,
                        time: event.time,
                        org_id: event.org_id,
                        correlation_id: event.correlation_id,
                    }),
                    Err(reason) => list.unreadable.push(Problem { id: row.id, reason }),
                }
            }
        }
        list.next = walk.next();
        Ok(list)
    }

    pub(crate) async fn republish(&self, span: Span) -> Result<Republished, OutboxError> {
        let mut walk = Walk::begin(&span)?;
        let mut done = Republished::default();
        loop {
            let before = walk.next();
            let Some(rows) = walk.rows(&self.table).await? else { break };
            let mut all = Vec::new();
            for row in rows {
                match row.event() {
                    Ok((row, envelope)) => {
                        let event = Outgoing { envelope, detail: row.envelope };
                        all.push(Unmarked { event, audit_hash: row.audit_hash });
                    }
                    Err(reason) => done.unreadable.push(Problem { id: row.id, reason }),
                }
            }
            if !self.publish(&all, &mut done).await {
                // those of the page that are done are marked, and no longer found
                done.next = before;
                return Ok(done);
            }
        }
        done.next = walk.next();
        Ok(done)
    }

    /// Whether it came to the end of them.
    async fn publish(&self, all: &[Unmarked], done: &mut Republished) -> bool {
        for batch in Bus::batches(all) {
            if !Bus::in_time() {
                return false;
            }
            // The stream may do the same at this moment: consumers tell a repeated event by its id, and a row
            // is chained once.
            let rows = batch.iter().map(|row| (&row.event.envelope, row.audit_hash));
            let (sent, handed_over) = join(self.bus.publish(batch), self.audit.hand_over(rows)).await;
            let marked = batch.iter().zip(&sent).zip(&handed_over).map(async |((row, sent), handed_over)| {
                let is_done = *handed_over && *sent == Sent::Published;
                is_done && self.table.mark_published(&row.event.envelope).await.is_ok()
            });
            for ((Unmarked { event, .. }, sent), marked) in
                batch.iter().zip(&sent).zip(join_all(marked).await)
            {
                let id = event.envelope.id;
                match sent {
                    Sent::Refused(reason) => {
                        done.refused.push(Problem { id: id.to_string(), reason: reason.clone() });
                    }
                    Sent::Published if marked => done.published += 1,
                    Sent::Published | Sent::Failed => done.failed.push(id),
                }
            }
            if !done.failed.is_empty() {
                return false;
            }
        }
        true
    }
}

/// An event that is not marked as published, and the hash of its audit row.
struct Unmarked {
    event: Outgoing,
    audit_hash: Hash,
}

impl AsRef<Outgoing> for Unmarked {
    fn as_ref(&self) -> &Outgoing {
        &self.event
    }
}

/// A way through the unpublished rows of a span, part by part.
struct Walk {
    from: Timestamp,
    until: Timestamp,
    left: usize,
    /// The part at hand, and behind which row it goes on. `None`: all were seen.
    at: Option<(OutboxPart, Option<String>)>,
}

impl Walk {
    fn begin(span: &Span) -> Result<Self, OutboxError> {
        let Span { from, until, limit, ref next } = *span;
        if from >= until || until.duration_since(from) > LONGEST {
            return Err(OutboxError::Span);
        }
        let left = limit.checked()?;
        let at = match next.as_deref() {
            None => (OutboxPart::first_at(from), None),
            Some(next) => position(next).ok_or(OutboxError::Next)?,
        };
        Ok(Self { from, until, left, at: Some(at) })
    }

    /// Where another walk goes on.
    fn next(&self) -> Option<String> {
        let (part, after) = self.at.as_ref()?;
        Some(after.iter().fold(part.to_string(), |text, after| format!("{text}#{after}")))
    }

    /// The next rows, one at least. `None` at the end of the span, of the limit, or of the time.
    async fn rows(&mut self, table: &Table) -> Result<Option<Vec<Unpublished>>, StoreError> {
        while self.left > 0 && time_left() > LONGEST_QUERY {
            let Some((part, after)) = self.at.take() else { return Ok(None) };
            if part.begins() >= self.until {
                return Ok(None);
            }
            // put back first: a failure of the query must not look like the end
            self.at = Some((part, after.clone()));
            let (mut rows, mut last) = table.unpublished(part, after.as_deref(), PAGE).await?;
            rows.retain(|row| self.is_in_span(row));
            if rows.len() > self.left {
                rows.truncate(self.left);
                last = rows.last().map(|row| row.id.clone());
            }
            self.at = match last {
                Some(last) => Some((part, Some(last))),
                None => part.next().map(|part| (part, None)),
            };
            self.left -= rows.len();
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    fn is_in_span(&self, row: &Unpublished) -> bool {
        // one without a time is for somebody to look at
        row.id.parse().map_or(true, |id: EventId| {
            time_of(id).is_none_or(|time| (self.from..self.until).contains(&time))
        })
    }
}

/// What [`Walk::next`] wrote: the part, and the row's key where it is in the middle of one.
fn position(text: &str) -> Option<(OutboxPart, Option<String>)> {
    let mut words = text.splitn(3, '#');
    let part = format!("{}#{}", words.next()?, words.next()?).parse().ok()?;
    Some((part, words.next().map(str::to_owned)))
}

/// A command about the outbox that cannot be carried out.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum OutboxError {
    #[error("`from` must be before `until`, by 31 days at most")]
    #[fault(Invalid, "invalid_span")]
    Span,
    #[error(transparent)]
    #[fault(transparent)]
    Limit(#[from] WrongLimit),
    #[error("`next` is not what an answer gave")]
    #[fault(Invalid, "invalid_next")]
    Next,
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}
