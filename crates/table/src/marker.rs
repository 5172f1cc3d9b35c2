use std::collections::BTreeSet;

use primitives::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Key,
    error::{CommitError, StoreError},
    item::Item,
    store::{Consistency, Table},
    transaction::{Cause, Changes},
};

/// How long it is remembered that a piece of work was done: longer than any queue keeps a message, dead letters included.
pub const MARKERS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The right to do a piece of work that has an effect outside of the table, where no transaction can guard it: a mail, a push.
///
/// Whoever holds it does the work and then calls [`Table::finish`]. A holder that crashes loses it when the lease ends, and the
/// work is done again: at least once, and twice only after a crash.
#[derive(Clone, Debug)]
pub struct Marker {
    record: Record,
}

impl Marker {
    /// The steps that earlier holders noted with [`Table::give_up`].
    pub fn steps_done(&self) -> &BTreeSet<String> {
        &self.record.steps_done
    }
}

/// Whether a piece of work is to be done.
#[derive(Debug)]
pub enum Claimed {
    /// Do it.
    Mine(Marker),
    /// Somebody else does it now: look again when the lease has ended.
    InFlight {
        /// When it ends.
        until: Timestamp,
    },
    /// It was done.
    Done,
}

/// The record's key is not stored in it again: it is filled in after reading.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    #[serde(skip)]
    key: Option<Key>,
    lease_until: i64,
    done: bool,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    steps_done: BTreeSet<String>,
    keep_until: i64,
    #[serde(default)]
    version: u64,
}

impl Item for Record {
    /// # Panics
    /// Never: [`Table::claim`] fills in the key of every record it makes or reads.
    #[expect(clippy::expect_used, reason = "a record never leaves this module without its key")]
    fn key(&self) -> Key {
        self.key.clone().expect("a record's key")
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.keep_until).ok()
    }
}

impl Table {
    /// Claims a piece of work for the time of `lease`, which must be longer than the work can take.
    pub async fn claim(&self, key: &Key, lease: SignedDuration) -> Result<Claimed, StoreError> {
        let now = self.clock.now();
        let found: Option<Record> = self.get(key, Consistency::Strong).await?;
        let mut record = match found {
            Some(record) if record.done => return Ok(Claimed::Done),
            Some(record) if record.lease_until > now.as_millisecond() => {
                let until = Timestamp::from_millisecond(record.lease_until).unwrap_or(now);
                return Ok(Claimed::InFlight { until });
            }
            Some(record) => record,
            None => Record {
                key: None,
                lease_until: 0,
                done: false,
                steps_done: BTreeSet::new(),
                keep_until: 0,
                version: 0,
            },
        };
        record.key = Some(key.clone());
        record.lease_until = (now + lease).as_millisecond();
        record.keep_until = (now + MARKERS_ARE_KEPT).as_second();
        match self.write_marker(&record).await {
            Ok(()) => {
                record.version = record.next_version();
                Ok(Claimed::Mine(Marker { record }))
            }
            Err(CommitError::Conflict { .. }) => Ok(Claimed::InFlight { until: now + lease }),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// The work is done, for good.
    pub async fn finish(&self, marker: Marker) -> Result<(), StoreError> {
        let mut record = marker.record;
        record.done = true;
        record.steps_done.clear();
        self.write_unless_lost(&record).await
    }

    /// The work could not be ended now: others may go on at once. `steps_done` names the parts that need not be done again.
    pub async fn give_up(
        &self,
        marker: Marker,
        steps_done: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let mut record = marker.record;
        record.lease_until = 0;
        record.steps_done.extend(steps_done);
        self.write_unless_lost(&record).await
    }

    /// A holder that was too slow has lost the marker to another, whose word counts then.
    async fn write_unless_lost(&self, record: &Record) -> Result<(), StoreError> {
        match self.write_marker(record).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict { .. }) => {
                tracing::warn!(work = %record.key(), "the lease ended before the work did");
                Ok(())
            }
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Nothing is published, so that no event or audit row names the cause.
    async fn write_marker(&self, record: &Record) -> Result<(), CommitError> {
        let changes = Changes::new().replace(record);
        self.commit(&Cause::system("marker", ""), changes).await.map(drop)
    }
}
