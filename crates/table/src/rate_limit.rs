use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
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
}

/// A limit's uses are a ring of slots that hold the time of the last uses; use number `n` goes into slot `n % uses`. A use is allowed
/// exactly when the slot's old time has left the window. The write is conditional on `n`, so that two never take one slot,
/// and a refused write shows the ring as it is: whoever is refused by the limit learns it from that state, not from a guess.
struct Ring {
    taken: u64,
    times: Vec<Option<i64>>,
}

impl Ring {
    fn read(limit: RateLimit, item: Option<&Attributes>) -> Self {
        let number = |name: &str| item?.get(name)?.as_n().ok()?.parse::<i64>().ok();
        let times = (0..limit.uses).map(|slot| number(&format!("t{slot}"))).collect();
        Self { taken: number("taken").unwrap_or_default().unsigned_abs(), times }
    }

    /// When use number `n` was, milliseconds.
    fn slot(&self, n: u64) -> usize {
        let slots = u64::try_from(self.times.len()).unwrap_or(u64::MAX).max(1);
        usize::try_from(n % slots).unwrap_or_default()
    }

    fn state(&self, limit: RateLimit, now: i64, allowed: bool) -> RateLimitState {
        let begin = now - i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        let inside: Vec<i64> = self.times.iter().flatten().copied().filter(|time| *time > begin).collect();
        let used = u32::try_from(inside.len()).unwrap_or(u32::MAX);
        let reset =
            inside.iter().min().map_or(0, |oldest| (oldest - begin).max(0).unsigned_abs().div_ceil(1000));
        RateLimitState { limit, allowed, remaining: limit.uses.saturating_sub(used), reset }
    }
}

impl Table {
    /// Uses the limit once, for `subject`. Exact under any number of parallel callers; an error, never a yes, when the table cannot
    /// be reached.
    pub async fn take(&self, limit: RateLimit, subject: &str) -> Result<RateLimitState, StoreError> {
        let key = Key::RateLimit(limit.name, hex::encode(digest(&SHA256, subject.as_bytes())));
        let window = i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        let mut ring = Ring::read(limit, None);
        let mut attempt = 0;
        loop {
            let now = self.clock.now().as_millisecond();
            let slot = ring.slot(ring.taken);
            if ring.times.get(slot).copied().flatten().is_some_and(|time| time > now - window) {
                return Ok(ring.state(limit, now, false));
            }
            match self.take_slot(limit, &key, &ring, slot, now).await? {
                None => {
                    if let Some(time) = ring.times.get_mut(slot) {
                        *time = Some(now);
                    }
                    return Ok(ring.state(limit, now, true));
                }
                Some(current) => ring = Ring::read(limit, Some(&current)),
            }
            // the first refusal only tells how the ring stands; later ones mean that others are at it too
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

    /// Takes the slot, or gives the ring's item as it is.
    async fn take_slot(
        &self,
        limit: RateLimit,
        key: &Key,
        ring: &Ring,
        slot: usize,
        now: i64,
    ) -> Result<Option<Attributes>, StoreError> {
        let expires_at = (now + i64::try_from(limit.window.as_millis()).unwrap_or_default()) / 1000 + 60;
        let condition = if ring.taken == 0 { "attribute_not_exists(taken)" } else { "taken = :taken" };
        let mut update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .update_expression("SET #slot = :now, taken = :next, #ttl = :ttl, #kind = :kind")
            .condition_expression(condition)
            .expression_attribute_names("#slot", format!("t{slot}"))
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":next", number(ring.taken + 1))
            .expression_attribute_values(":ttl", number(expires_at))
            .expression_attribute_values(":kind", text(key.kind()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if ring.taken > 0 {
            update = update.expression_attribute_values(":taken", number(ring.taken));
        }
        match update.send().await {
            Ok(answer) => {
                self.usage().record("UpdateItem", true, answer.consumed_capacity());
                Ok(None)
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    self.usage().record("UpdateItem", true, None);
                    Ok(Some(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(StoreError::from_sdk("UpdateItem", error)),
            },
        }
    }
}
