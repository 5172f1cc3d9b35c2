//! Anchoring where chains end, and reading where they were anchored.

use std::time::Duration;

use access::{Permit, needs::ReadAudit};
use audit_chain::{Anchor, End, Hash, MOST_ENDS, Place, Previous, blanks};
use futures::{StreamExt, stream};
use object_client::{ObjectError, Objects};
use primitives::{Fault, Limit, OrgId, Page, SignedDuration, Time, Timestamp, random_secret};
use serde::{Deserialize, Serialize};
use table::{
    Cause, Changes, CommitError, Consistency, CursorKeys, Decision, Item, Key, Query, StoreError, Table,
    sortable, time_left,
};

use crate::{
    AuditError,
    api::AuditAnchor,
    head::Head,
    keys::{self, ANCHOR},
};

/// Chains per query, and per call that reads where they end.
const PAGE: usize = 100;
/// How many chains are noted at a time.
const PARALLEL: usize = 8;
/// With less time than this left nothing is begun; the next run goes on. To put a file takes 16 seconds at
/// most.
const RESERVE: Duration = Duration::from_secs(25);
/// For how long an anchor is kept longer than the rows before it: the oldest rows are proved by it.
const LONGER: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnchorRun {
    /// Anchors that were made.
    pub anchors: usize,
    /// Chains that are anchored.
    pub anchored: usize,
    /// Chains of those that went on meanwhile. They stay due.
    pub moved: usize,
    /// Chains that could not be anchored. They stay due.
    pub failed: usize,
    /// Whether another run made an anchor at the same time: the rest is its.
    pub overtaken: bool,
    /// Whether all that was due was looked at before the time was up.
    pub complete: bool,
}

impl AnchorRun {
    /// Whether it left nothing to do.
    pub fn is_good(&self) -> bool {
        self.complete && self.failed == 0
    }
}

/// No anchor could be made.
#[derive(Debug, thiserror::Error, Fault)]
pub enum AnchorError {
    /// What is due could not be found out.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// It could not be stored.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
    /// The file could not be put.
    #[error(transparent)]
    #[fault(transparent)]
    Object(#[from] ObjectError),
    /// The file could not be written.
    #[error("an anchor cannot be written: {0}")]
    #[fault(Internal, "internal")]
    Unwritable(#[from] serde_json::Error),
}

/// The newest anchor.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Newest {
    number: u64,
    name: String,
    root: Hash,
    #[serde(default)]
    version: u64,
}

impl Item for Newest {
    fn key(&self) -> Key {
        keys::NewestAnchor::key()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// That a chain was anchored.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    shown: AuditAnchor,
    #[serde(skip)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for Row {
    fn key(&self) -> Key {
        let AuditAnchor { org_id, made_at, sequence, .. } = &self.shown;
        keys::AuditAnchor::key(*org_id, sortable(made_at.timestamp()), *sequence)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// Anchors every chain that went on since it was anchored: many in one anchor, whose file is put before
/// anything else is written. Where nothing went on, there is no anchor.
///
/// Runs may overlap, stop anywhere and be repeated. What the file says is true, whatever becomes of the run:
/// chains that it did not come to stay due, and are in the next anchor. Of two runs at once one goes on from
/// the newest anchor; nothing comes of the other's file.
pub async fn anchor_due(table: &Table, cause: &Cause, objects: &Objects) -> Result<AnchorRun, AnchorError> {
    let (mut run, mut due) = (AnchorRun::default(), Shards::default());
    loop {
        let heads = due.next(table, &mut run).await?;
        if heads.is_empty() {
            return Ok(run);
        }
        let Some((anchor, places)) = made(table, cause, objects, &heads).await? else {
            (run.overtaken, run.complete) = (true, true);
            return Ok(run);
        };
        run.anchors += 1;
        let note = |(head, place): (Head, Place)| {
            let anchor = &anchor;
            async move {
                let is_time = time_left() > RESERVE;
                let noted =
                    if is_time { Some(noted(table, cause, anchor, &head, place).await) } else { None };
                (head.org_id, noted)
            }
        };
        let mut all = stream::iter(heads.into_iter().zip(places)).map(note).buffer_unordered(PARALLEL);
        while let Some((org_id, noted)) = all.next().await {
            match noted {
                None => (due.is_over, run.complete) = (true, false),
                Some(Ok(still)) => {
                    run.anchored += 1;
                    run.moved += usize::from(!still);
                }
                Some(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%org_id, error, "a chain was not anchored");
                    run.failed += 1;
                }
            }
        }
    }
}

/// What is due, a shard after the other.
#[derive(Default)]
struct Shards {
    shard: u8,
    place: Option<String>,
    /// That there is no time for more.
    is_over: bool,
}

impl Shards {
    /// The ends of the next chains, as many as one anchor takes. Notes in the run when these are the last.
    async fn next(&mut self, table: &Table, run: &mut AnchorRun) -> Result<Vec<Head>, StoreError> {
        let mut heads = Vec::new();
        if self.is_over {
            return Ok(heads);
        }
        while self.shard < ANCHOR.shards().end {
            if time_left() <= RESERVE {
                return Ok(Vec::new());
            }
            if heads.len() + PAGE > MOST_ENDS {
                return Ok(heads);
            }
            let due = table.due(&ANCHOR, self.shard, self.place.as_deref(), PAGE).await?;
            self.place = due.last().map(|last| last.place.clone());
            if due.len() < PAGE {
                (self.shard, self.place) = (self.shard + 1, None);
            }
            // the entry was made with it
            let orgs = due.iter().filter_map(|due| due.id().parse().ok());
            let keys: Vec<_> = orgs.map(|org_id: OrgId| keys::AuditHead::key(org_id)).collect();
            if keys.is_empty() {
                continue;
            }
            let mut found = table.get_many(&keys, Consistency::Strong).await?;
            for key in &keys {
                match found.take::<Head>(key) {
                    Ok(head) => heads.extend(head.filter(|head| head.moved_at.is_some())),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(key = key.pk(), error, "where a chain ends cannot be read");
                        run.failed += 1;
                    }
                }
            }
        }
        run.complete = true;
        Ok(heads)
    }
}

/// Makes an anchor of these, and says where each is in it. Nothing where another run was faster.
async fn made(
    table: &Table,
    cause: &Cause,
    objects: &Objects,
    heads: &[Head],
) -> Result<Option<(Anchor, Vec<Place>)>, AnchorError> {
    let key = keys::NewestAnchor::key();
    let newest: Option<Newest> = table.get(&key, Consistency::Strong).await?;
    let now = table.clock().now();
    let made_at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    let end = |head: &Head| End { org_id: head.org_id.to_string(), sequence: head.sequence, hash: head.hash };
    let ends: Vec<_> = heads.iter().map(end).collect();
    let blanks: Vec<_> = (0..blanks(ends.len())).map(|_| Hash::from(random_secret::<32>())).collect();
    let (number, version) = newest.as_ref().map_or((0, 0), |newest| (newest.number, newest.version));
    let previous = newest.map(|Newest { name, root, .. }| Previous { name, root });
    let (anchor, places) = Anchor::of(number + 1, made_at.into(), previous, (&ends, &blanks));
    objects.put(&anchor.name(), "application/json", anchor.file()?).await?;
    let next = Newest { number: anchor.number, name: anchor.name(), root: anchor.root, version };
    let decide = |_| async {
        let decision = Decision::commit(Changes::new().replace(&next), true).unless(&key, Ok(false));
        Ok::<_, AnchorError>(decision)
    };
    let is_next = table.decide(cause, decide).await?;
    Ok(is_next.then_some((anchor, places)))
}

/// Notes that a chain is anchored here. Says whether it is still there; else it stays due. An organization
/// that is gone meanwhile has no chain, and gets no row.
async fn noted(
    table: &Table,
    cause: &Cause,
    anchor: &Anchor,
    head: &Head,
    Place { leaf, path }: Place,
) -> Result<bool, AnchorError> {
    let row = &Row {
        shown: AuditAnchor {
            org_id: head.org_id,
            sequence: head.sequence,
            hash: head.hash.to_string(),
            made_at: anchor.made_at,
            anchor: anchor.name(),
            root: anchor.root.to_string(),
            leaf,
            leaves: anchor.size,
            path: path.iter().map(Hash::to_string).collect(),
        },
        expires_at: table.audit_rows_are_kept().map(|kept| anchor.made_at.timestamp() + kept + LONGER),
        version: 0,
    };
    let decide = |attempt: table::Attempt| async move {
        let now = match attempt.before() {
            0 => Some(head.clone()),
            _ => table.get::<Head>(&head.key(), Consistency::Strong).await?,
        };
        let Some(now) = now else { return Ok(Decision::done(true)) };
        let is_there = now.version == head.version;
        // one that went on is stored as it is: that it is still there is the condition of the row
        let head = Head { moved_at: now.moved_at.filter(|_| !is_there), ..now };
        let changes = Changes::new().create(row).replace(&head);
        Ok::<_, AnchorError>(Decision::commit(changes, is_there).unless(&row.key(), Ok(is_there)))
    };
    table.decide(cause, decide).await
}

/// A page of the anchors of the reader's organization that were made between these times, the newest first.
pub async fn anchors(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadAudit>,
    (from, to): (Option<Time>, Option<Time>),
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<AuditAnchor>, AuditError> {
    let query = between(reader.org_id, from.map(Time::timestamp), to.map(Time::timestamp))?.descending();
    let rows = table.page::<Row>(&query, limit, cursor, cursors).await?;
    Ok(rows.map(|row| row.shown.clone()))
}

/// Those that were made between these times, the oldest first, and behind which place it goes on: for a
/// worker that writes them down.
pub async fn anchors_after(
    table: &Table,
    org_id: OrgId,
    (from, to): (Option<Timestamp>, Timestamp),
    (most, after): (usize, Option<&str>),
) -> Result<(Vec<AuditAnchor>, Option<String>), AuditError> {
    let query = between(org_id, from, Some(to))?.strong();
    let (rows, next) = table.after::<Row>(&query, most, after).await?;
    Ok((rows.into_iter().map(|row| row.shown).collect(), next))
}

fn between(org_id: OrgId, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Query, AuditError> {
    keys::AuditAnchor::all(org_id).within(from, to).ok_or(AuditError::Backwards)
}
