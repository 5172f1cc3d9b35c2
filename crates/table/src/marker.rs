use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use primitives::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::{
    Key,
    error::StoreError,
    item::{Attributes, key_attributes, number, read, text},
    keys::{KIND, TTL},
    retry,
    store::Table,
};

/// How long it is remembered that a piece of work was done: longer than any queue keeps a message, dead
/// letters included.
pub const MARKERS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The right to do a piece of work that has an effect outside of the table, where no transaction can guard
/// it: a mail, a push.
///
/// Whoever holds it does the work, notes its parts as they are done with [`Table::note`], and then calls
/// [`Table::finish`]. A holder that crashes loses it when the lease ends, and the next one does what was not
/// noted: at least once, and twice only what was under way at the crash.
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

/// What is read of an item. Its holder is a random text that makes a write conditional on nobody having
/// followed.
#[derive(Deserialize)]
struct Record {
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
        let claim = self
            .update(key)
            .update_expression(
                "SET holder = :holder, lease_until = :until, done = :no, #kind = :kind, #ttl = :ttl",
            )
            .condition_expression("attribute_not_exists(pk) OR (done = :no AND lease_until <= :now)")
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":holder", text(&holder))
            .expression_attribute_values(":until", number((now + lease).as_millisecond()))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":kind", text(key.kind()))
            .expression_attribute_values(":ttl", number((now + MARKERS_ARE_KEPT).as_second()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let (claimed, item) = self.send(claim).await?;
        let record: Record = read(key.kind(), item)?;
        // Refused, and ours all the same: an attempt before this one was carried out, and its answer was
        // lost.
        if claimed || record.holder == holder {
            return Ok(Claimed::Mine(Marker { key: key.clone(), holder, steps: record.steps }));
        }
        if record.done {
            return Ok(Claimed::Done);
        }
        Ok(Claimed::InFlight { until: Timestamp::from_millisecond(record.lease_until).unwrap_or(now) })
    }

    /// Remembers that these parts of the work are done, whatever becomes of the rest. Says whether the marker
    /// is still this holder's: if not, the lease has ended, another works on it, and this one must stop.
    pub async fn note(
        &self,
        marker: &mut Marker,
        steps: impl IntoIterator<Item = String>,
    ) -> Result<bool, StoreError> {
        let steps: BTreeSet<String> = steps.into_iter().collect();
        if steps.is_empty() {
            return Ok(true);
        }
        let note = self
            .update(&marker.key)
            .update_expression("ADD steps :steps")
            .expression_attribute_values(":steps", AttributeValue::Ss(steps.iter().cloned().collect()));
        marker.steps.extend(steps);
        self.write_held(marker, note).await
    }

    /// The work is done, for good.
    pub async fn finish(&self, marker: Marker) -> Result<(), StoreError> {
        let finish = self
            .update(&marker.key)
            .update_expression("SET done = :yes REMOVE steps")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        self.write_held(&marker, finish).await.map(drop)
    }

    /// The work could not be ended now: others may go on at once. `steps_done` names the parts that need not
    /// be done again.
    pub async fn give_up(
        &self,
        marker: Marker,
        steps_done: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let steps: Vec<String> = steps_done.into_iter().collect();
        let give_up = self.update(&marker.key).expression_attribute_values(":ended", number(0));
        let give_up = if steps.is_empty() {
            give_up.update_expression("SET lease_until = :ended")
        } else {
            give_up
                .update_expression("SET lease_until = :ended ADD steps :steps")
                .expression_attribute_values(":steps", AttributeValue::Ss(steps))
        };
        self.write_held(&marker, give_up).await.map(drop)
    }

    fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// A holder that was too slow has lost the marker to another, whose word counts then. A write whose
    /// answer was lost can be repeated: the same holder finds what it wrote itself.
    async fn write_held(&self, marker: &Marker, write: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
        let write = write
            .condition_expression("holder = :holder")
            .expression_attribute_values(":holder", text(&marker.holder));
        let (held, _) = self.send(write).await?;
        if !held {
            tracing::warn!(work = %marker.key, "the lease ended before the work did");
        }
        Ok(held)
    }

    /// Whether the condition held, and the item after the write or, where it did not, as it is.
    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<(bool, Attributes), StoreError> {
        match retry::single(|| update.clone().send()).await {
            Ok(answer) => {
                self.usage().record("UpdateItem", true, answer.consumed_capacity());
                Ok((true, answer.attributes.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    self.usage().record("UpdateItem", true, None);
                    Ok((false, failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(StoreError::from_sdk("UpdateItem", error)),
            },
        }
    }
}
