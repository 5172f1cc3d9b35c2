use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use primitives::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    Key,
    edit::{Edit, Edited},
    error::StoreError,
    item::{number, read, text},
    keys::{KIND, TTL},
    store::Table,
};

/// How long it is remembered that a piece of work was done: longer than any queue keeps a message,
/// dead letters included.
pub const MARKERS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The right to do a piece of work that has an effect outside of the table, where no transaction
/// can guard it: a mail, a push.
///
/// Whoever holds it does the work, notes its parts as they are done with [`Table::note`], and then
/// calls [`Table::finish`]. A holder that crashes loses it when the lease ends, and the next one
/// does what was not noted: at least once, and twice only what was under way at the crash.
#[derive(Clone, Debug)]
pub struct Marker {
    key: Key,
    holder: String,
    steps: BTreeSet<String>,
}

impl Marker {
    /// The steps that were noted so far, by this holder and those before.
    pub fn steps_done(&self) -> &BTreeSet<String> {
        &self.steps
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

/// What is read of an item. Its holder is a random text that makes a write conditional on nobody
/// having followed.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    holder: String,
    lease_until: i64,
    done: bool,
    #[serde(default)]
    steps: BTreeSet<String>,
}

impl Table {
    /// Claims a piece of work for the time of `lease`, which must be longer than the work can take.
    pub async fn claim(&self, key: &Key, lease: SignedDuration) -> Result<Claimed, StoreError> {
        let now = self.clock.now();
        let holder = hex::encode(primitives::random_secret::<16>());
        let claim =
            Edit::new("SET holder = :holder, lease_until = :until, done = :no, #kind = :kind, #ttl = :ttl")
                .when("attribute_not_exists(pk) OR (done = :no AND lease_until <= :now)")
                .name("#kind", KIND)
                .name("#ttl", TTL)
                .value(":holder", text(&holder))
                .value(":until", number((now + lease).as_millisecond()))
                .value(":now", number(now.as_millisecond()))
                .value(":no", AttributeValue::Bool(false))
                .value(":kind", text(key.kind()))
                .value(":ttl", number((now + MARKERS_ARE_KEPT).as_second()));
        let (claimed, item) = match self.edit(key, claim).await? {
            Edited::Made(item) => (true, item),
            Edited::Refused(item) => (false, item),
        };
        let record: Stored = read(key.kind(), item)?;
        // Refused, and ours all the same: an attempt before this one was carried out, and its
        // answer was lost.
        if claimed || record.holder == holder {
            return Ok(Claimed::Mine(Marker { key: key.clone(), holder, steps: record.steps }));
        }
        if record.done {
            return Ok(Claimed::Done);
        }
        Ok(Claimed::InFlight { until: Timestamp::from_millisecond(record.lease_until).unwrap_or(now) })
    }

    /// Remembers that these parts of the work are done, whatever becomes of the rest. Says whether
    /// the marker is still this holder's: if not, the lease has ended, another works on it, and
    /// this one must stop.
    pub async fn note(
        &self,
        marker: &mut Marker,
        steps: impl IntoIterator<Item = String>,
    ) -> Result<bool, StoreError> {
        let steps: BTreeSet<String> = steps.into_iter().collect();
        if steps.is_empty() {
            return Ok(true);
        }
        let note = Edit::new("ADD steps :steps");
        let note = note.value(":steps", AttributeValue::Ss(steps.iter().cloned().collect()));
        marker.steps.extend(steps);
        self.write_held(marker, note).await
    }

    /// The work is done, for good.
    pub async fn finish(&self, marker: Marker) -> Result<(), StoreError> {
        let finish = Edit::new("SET done = :yes REMOVE steps").value(":yes", AttributeValue::Bool(true));
        self.write_held(&marker, finish).await.map(drop)
    }

    /// The work could not be ended now: others may go on at once. `steps_done` names the parts that
    /// need not be done again.
    pub async fn give_up(
        &self,
        marker: Marker,
        steps_done: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let steps: Vec<String> = steps_done.into_iter().collect();
        let give_up = if steps.is_empty() {
            Edit::new("SET lease_until = :ended")
        } else {
            let give_up = Edit::new("SET lease_until = :ended ADD steps :steps");
            give_up.value(":steps", AttributeValue::Ss(steps))
        };
        let give_up = give_up.value(":ended", number(0));
        self.write_held(&marker, give_up).await.map(drop)
    }

    /// A holder that was too slow has lost the marker to another, whose word counts then. A write
    /// whose answer was lost can be repeated: the same holder finds what it wrote itself.
    async fn write_held(&self, marker: &Marker, write: Edit) -> Result<bool, StoreError> {
        let write = write.when("holder = :holder").value(":holder", text(&marker.holder));
        let held = matches!(self.edit(&marker.key, write).await?, Edited::Made(_));
        if !held {
            tracing::warn!(work = %marker.key, "the lease ended before the work did");
        }
        Ok(held)
    }
}
