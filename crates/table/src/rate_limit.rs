use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use primitives::SignedDuration;

use crate::{
    Key,
    error::StoreError,
    item::{Attributes, key_attributes, number, text},
    keys::{KIND, TTL},
    retry,
    store::Table,
};

/// So many uses in any window of this length, for each subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The limit's name, as headers and items show it.
    pub name: &'static str,
    /// How many uses.
    pub uses: u32,
    /// In how long.
    pub window: SignedDuration,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitState {
    /// The limit.
    pub limit: RateLimit,
    /// Whether this use is within it.
    pub allowed: bool,
    /// How many uses are left now.
    pub remaining: u32,
    /// Seconds until one more use is given.
    pub reset: u64,
    /// What this use took: its slot and time, milliseconds.
    pub(crate) receipt: Option<(usize, i64)>,
}

/// A limit has as many slots as uses; each holds the time of the use that took it last. A slot is free when that time has left the window,
/// and taking it is conditional on that very time, so that two never take one. Each write, refused or not, shows all slots as they are: whoever
/// is refused by the limit learns it from that state, not from a guess, and so does whoever asks what is left. Callers begin at slots of their
/// own, so that they seldom collide.
struct Slots(Vec<Option<i64>>);

impl Slots {
    fn read(limit: RateLimit, item: Option<&Attributes>) -> Self {
        let number = |name: &str| item?.get(name)?.as_n().ok()?.parse::<i64>().ok();
        Self((0..limit.uses).map(|slot| number(&format!("t{slot}"))).collect())
    }

    /// A free slot: the first one from `start` on, around the end.
    fn free(&self, start: usize, begin: i64) -> Option<usize> {
        let count = self.0.len().max(1);
        let slots = (0..self.0.len()).map(|offset| (start + offset) % count);
        slots.into_iter().find(|slot| self.0.get(*slot).copied().flatten().is_none_or(|time| time <= begin))
    }

    fn state(&self, limit: RateLimit, now: i64, receipt: Option<(usize, i64)>) -> RateLimitState {
        let begin = window_begin(limit, now);
        let inside: Vec<i64> = self.0.iter().flatten().copied().filter(|time| *time > begin).collect();
        let used = u32::try_from(inside.len()).unwrap_or(u32::MAX);
        let reset =
            inside.iter().min().map_or(0, |oldest| (oldest - begin).max(0).unsigned_abs().div_ceil(1000));
        let (allowed, remaining) = (receipt.is_some(), limit.uses.saturating_sub(used));
        RateLimitState { limit, allowed, remaining, reset, receipt }
    }
}

/// Milliseconds: uses at this time or before have left the window.
fn window_begin(limit: RateLimit, now: i64) -> i64 {
    now - i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX)
}

fn key(limit: RateLimit, subject: &str) -> Key {
    Key::RateLimit(limit.name, hex::encode(digest(&SHA256, subject.as_bytes())))
}

impl Table {
    /// Uses the limit once, for `subject`. Exact under any number of parallel callers; an error, never a yes, when the table cannot
    /// be reached.
    pub async fn take(&self, limit: RateLimit, subject: &str) -> Result<RateLimitState, StoreError> {
        let key = key(limit, subject);
        let random = u32::from_be_bytes(primitives::random_secret::<4>()) % limit.uses.max(1);
        let start = usize::try_from(random).unwrap_or_default();
        let mut slots = Slots::read(limit, None);
        let mut attempt = 0;
        loop {
            let now = self.clock.now().as_millisecond();
            let Some(slot) = slots.free(start, window_begin(limit, now)) else {
                return Ok(slots.state(limit, now, None));
            };
            let (taken, current) = self.take_slot(limit, &key, &slots, slot, now).await?;
            slots = Slots::read(limit, Some(&current));
            if taken {
                return Ok(slots.state(limit, now, Some((slot, now))));
            }
            // the first refusal only tells how the slots stand; later ones mean that others are at it too
            if attempt > 0 && !retry::pause(attempt, retry::time_left()).await {
                let detail = "too many callers use one limit at once".to_owned();
                return Err(StoreError::Unavailable {
                    operation: "UpdateItem",
                    code: "contention".to_owned(),
                    detail,
                });
            }
            attempt += 1;
        }
    }

    /// Gives a use back that turned out not to count, such as a login that succeeded where only failures are limited.
    pub async fn give_back(&self, state: &RateLimitState, subject: &str) -> Result<(), StoreError> {
        let Some((slot, time)) = state.receipt else { return Ok(()) };
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(&key(state.limit, subject))))
            .update_expression("REMOVE #slot")
            .condition_expression("#slot = :time")
            .expression_attribute_names("#slot", format!("t{slot}"))
            .expression_attribute_values(":time", number(time))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match answer {
            Ok(answer) => self.usage().record("UpdateItem", true, answer.consumed_capacity()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {}
            Err(error) => return Err(StoreError::from_sdk("UpdateItem", error)),
        }
        Ok(())
    }

    /// Takes the slot if it still is as it was seen. Whether it did, and the item with the slots as it is now.
    async fn take_slot(
        &self,
        limit: RateLimit,
        key: &Key,
        slots: &Slots,
        slot: usize,
        now: i64,
    ) -> Result<(bool, Attributes), StoreError> {
        let expires_at = (now + i64::try_from(limit.window.as_millis()).unwrap_or_default()) / 1000 + 60;
        let seen = slots.0.get(slot).copied().flatten();
        let condition = if seen.is_some() { "#slot = :seen" } else { "attribute_not_exists(#slot)" };
        let taker = text(hex::encode(primitives::random_secret::<8>()));
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .update_expression("SET #slot = :now, #ttl = :ttl, #kind = :kind, taken_by = :taker")
            .condition_expression(condition)
            .expression_attribute_names("#slot", format!("t{slot}"))
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":ttl", number(expires_at))
            .expression_attribute_values(":kind", text(key.kind()))
            .expression_attribute_values(":taker", taker.clone())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let update = match seen {
            Some(seen) => update.expression_attribute_values(":seen", number(seen)),
            None => update,
        };
        match update.send().await {
            Ok(answer) => {
                self.usage().record("UpdateItem", true, answer.consumed_capacity());
                Ok((true, answer.attributes.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    self.usage().record("UpdateItem", true, None);
                    let current = failed.item().cloned().unwrap_or_default();
                    // Ours: an attempt before this one was carried out, and its answer was lost.
                    let is_ours = current.get("taken_by") == Some(&taker);
                    Ok((is_ours, current))
                }
                _ => Err(StoreError::from_sdk("UpdateItem", error)),
            },
        }
    }
}
