use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use primitives::SignedDuration;

use crate::{
    Key,
    error::StoreError,
    item::{Attributes, key_attributes, number, text},
    keys::{KIND, Limit, TTL},
    retry,
    store::Table,
};

/// So many uses in any span of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many uses.
    pub uses: u32,
    /// In how long.
    pub length: SignedDuration,
}

/// How often something may be done, for each subject: in every one of these windows, which slide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The limit's name, as headers and items show it.
    pub name: &'static str,
    /// Its windows, the shortest first.
    pub windows: Vec<Window>,
}

impl RateLimit {
    /// So many uses, each in so long.
    pub fn new(name: &'static str, windows: impl IntoIterator<Item = (u32, SignedDuration)>) -> Self {
        let windows = windows.into_iter().map(|(uses, length)| Window { uses, length }).collect();
        Self { name, windows }
    }

    /// How many uses have to be remembered: older ones decide nothing.
    fn remembered(&self) -> usize {
        self.windows.iter().map(|window| place(window.uses)).max().unwrap_or_default()
    }

    fn longest(&self) -> SignedDuration {
        self.windows.iter().map(|window| window.length).max().unwrap_or_default()
    }
}

/// What is left in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    /// The window.
    pub window: Window,
    /// How many uses are left now.
    pub remaining: u32,
    /// Seconds until one more use is given.
    pub reset: u64,
}

/// What is left of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitState {
    /// The limit's name.
    pub name: &'static str,
    /// Whether this use is within it.
    pub allowed: bool,
    /// How each of its windows stands.
    pub windows: Vec<WindowState>,
}

impl RateLimitState {
    /// Seconds until a refused use would be within all windows.
    pub fn retry_after(&self) -> u64 {
        let full = self.windows.iter().filter(|state| state.remaining == 0);
        full.map(|state| state.reset).max().unwrap_or_default()
    }
}

/// The attribute that holds the last uses, newest first.
const USES: &str = "uses";

/// A use is noted as its time in milliseconds with random digits behind it, so that no two are the same: an
/// attempt whose answer was lost finds its own use when it is repeated.
const DIGITS: i128 = 1_000_000_000;

fn noted(milliseconds: i64) -> i128 {
    i128::from(milliseconds) * DIGITS
        + i128::from(u32::from_be_bytes(primitives::random_secret::<4>())) % DIGITS
}

fn milliseconds(length: SignedDuration) -> i128 {
    length.as_millis()
}

fn place(uses: u32) -> usize {
    usize::try_from(uses).unwrap_or(usize::MAX)
}

fn key(limit: &RateLimit, subject: &str) -> Key {
    Limit::key(limit.name, hex::encode(digest(&SHA256, subject.as_bytes())))
}

fn uses(item: Option<&Attributes>) -> Vec<i128> {
    let list = item.and_then(|item| item.get(USES)?.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|value| value.as_n().ok()?.parse().ok()).collect()
}

/// How the limit stands at `now`, milliseconds, after these uses.
fn state(limit: &RateLimit, uses: &[i128], now: i64, allowed: bool) -> RateLimitState {
    let windows = limit.windows.iter().map(|window| {
        let begin = i128::from(now) - milliseconds(window.length);
        let inside: Vec<_> = uses.iter().map(|noted| noted / DIGITS).filter(|time| *time > begin).collect();
        let used = u32::try_from(inside.len()).unwrap_or(u32::MAX);
        // one more is given when the oldest of as many as there may be has left
        let next = inside.get(place(window.uses.min(used)).saturating_sub(1));
        let reset = next.map_or(0, |time| {
            // A use noted at the same moment may be a little ahead of us, but nobody waits longer than the
            // window.
            let left = (time - begin).clamp(0, milliseconds(window.length));
            u64::try_from(left).unwrap_or(u64::MAX).div_ceil(1000)
        });
        WindowState { window: *window, remaining: window.uses.saturating_sub(used), reset }
    });
    RateLimitState { name: limit.name, allowed, windows: windows.collect() }
}

impl Table {
    /// Uses the limit once, for `subject`. Exact under any number of parallel callers; an error, never a yes,
    /// when the table cannot be reached.
    ///
    /// One conditional write does it. The item lists the last uses, newest first, so that a window of five
    /// has room when the fifth use from the front is not there or has left the window. Nobody reads first, so
    /// nobody collides.
    pub async fn take(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, StoreError> {
        self.ask(limit, subject, true).await
    }

    /// Whether `subject` could use the limit now, without a use: for something that only counts when it turns
    /// out wrong, and may be done only where a wrong one could have been counted. It is the same conditional
    /// write as a use, so that all who come at once stand in one order.
    pub async fn room(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, StoreError> {
        self.ask(limit, subject, false).await
    }

    async fn ask(
        &self,
        limit: &RateLimit,
        subject: &str,
        counts: bool,
    ) -> Result<RateLimitState, StoreError> {
        let (key, now) = (key(limit, subject), self.clock.now().as_millisecond());
        if limit.windows.iter().any(|window| window.uses == 0) {
            return Ok(state(limit, &[], now, false));
        }
        let new = if counts { vec![noted(now)] } else { Vec::new() };
        let (allowed, uses) = self.note_uses(limit, &key, &new, now).await?;
        if allowed {
            self.forget_old_uses(limit, &key, uses.len()).await;
        }
        Ok(state(limit, &uses, now, allowed))
    }

    /// Writes the uses down, one or none, if there is room for one. Whether there was, and all uses as they
    /// stand now.
    async fn note_uses(
        &self,
        limit: &RateLimit,
        key: &Key,
        new: &[i128],
        now: i64,
    ) -> Result<(bool, Vec<i128>), StoreError> {
        let expires_at = now / 1000 + limit.longest().as_secs() + 60;
        let list = AttributeValue::L(new.iter().map(|use_| number(*use_)).collect());
        let mut conditions = Vec::new();
        let mut update = self
            .update_limit(key)
            .update_expression(
                "SET #uses = list_append(:new, if_not_exists(#uses, :none)), #ttl = :ttl, #kind = :kind",
            )
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_values(":new", list)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":ttl", number(expires_at))
            .expression_attribute_values(":kind", text(key.kind()))
            .return_values(ReturnValue::AllNew);
        for (index, use_) in new.iter().enumerate() {
            conditions.push(format!("NOT contains(#uses, :use{index})"));
            update = update.expression_attribute_values(format!(":use{index}"), number(*use_));
        }
        for (index, window) in limit.windows.iter().enumerate() {
            let last = window.uses - 1;
            conditions
                .push(format!("(attribute_not_exists(#uses[{last}]) OR #uses[{last}] < :begin{index})"));
            let begin = i128::from(now) - milliseconds(window.length);
            update =
                update.expression_attribute_values(format!(":begin{index}"), number((begin + 1) * DIGITS));
        }
        let update = update.condition_expression(conditions.join(" AND "));
        match retry::single(|| update.clone().send()).await {
            Ok(answer) => {
                self.usage().record("UpdateItem", true, answer.consumed_capacity());
                Ok((true, uses(answer.attributes.as_ref())))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    self.usage().record("UpdateItem", true, None);
                    let uses = uses(failed.item());
                    // Ours: an attempt before this one was carried out, and its answer was lost.
                    Ok((new.iter().any(|use_| uses.contains(use_)), uses))
                }
                _ => Err(StoreError::from_sdk("UpdateItem", error)),
            },
        }
    }

    /// Cuts off uses that decide nothing any more, once there are many of them. What is at such a place is
    /// older than all that count, however many come in meanwhile. Cutting later does no harm.
    async fn forget_old_uses(&self, limit: &RateLimit, key: &Key, count: usize) {
        const AT_MOST: usize = 100;
        let remembered = limit.remembered();
        if count <= remembered + remembered / 4 + 8 {
            return;
        }
        // from the end, so that it does not matter whether a removal moves those behind it
        let places = (remembered..count).rev().take(AT_MOST);
        let places: Vec<_> = places.map(|place| format!("#uses[{place}]")).collect();
        let update = self.update_limit(key).update_expression(format!("REMOVE {}", places.join(", ")));
        match update.condition_expression("attribute_exists(#uses)").send().await {
            Ok(answer) => self.usage().record("UpdateItem", true, answer.consumed_capacity()),
            Err(error) => {
                let error = StoreError::from_sdk("UpdateItem", error);
                tracing::warn!(limit = limit.name, error = &error as &dyn std::error::Error, "old uses stay");
            }
        }
    }

    fn update_limit(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_attributes(key)))
            .expression_attribute_names("#uses", USES)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_says_what_is_left_and_when_one_more_is_given() {
        let limit =
            RateLimit::new("test", [(2, SignedDuration::from_mins(1)), (3, SignedDuration::from_hours(1))]);
        let at = |second: i128| second * 1000 * DIGITS + 7;
        let left = |uses: &[i128], now: i64| {
            let state = state(&limit, uses, now * 1000, true);
            let windows =
                state.windows.iter().map(|state| (state.remaining, state.reset)).collect::<Vec<_>>();
            (windows, state.retry_after())
        };
        assert_eq!(left(&[], 100), (vec![(2, 0), (3, 0)], 0));
        assert_eq!(left(&[at(100)], 110), (vec![(1, 50), (2, 3590)], 0));
        assert_eq!(left(&[at(112), at(111)], 110), (vec![(0, 60), (1, 3600)], 60));
        assert_eq!(left(&[at(105), at(100)], 110), (vec![(0, 50), (1, 3590)], 50));
        assert_eq!(left(&[at(200), at(105), at(100)], 210), (vec![(1, 50), (0, 3490)], 3490));
        assert_eq!(left(&[at(201), at(200), at(105), at(100)], 210), (vec![(0, 50), (0, 3495)], 3495));
    }
}
