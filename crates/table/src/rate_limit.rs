use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::AttributeValue;
use primitives::SignedDuration;

use crate::{
    Key,
    bucket::Bucket,
    edit::{Edit, Edited},
    error::StoreError,
    item::{Attributes, number, text},
    keys::{KIND, Limit, TTL},
    store::Table,
    window::Window,
};

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

    /// How many uses have to be remembered: older ones decide nothing. Where none does, as many as
    /// may come between an attempt whose answer is lost and its repetition.
    fn remembered(&self) -> usize {
        let listed = self.windows.iter().filter(|window| window.is_listed());
        listed.map(|window| place(window.uses)).max().unwrap_or(16)
    }

    fn longest(&self) -> SignedDuration {
        self.windows.iter().map(|window| window.length).max().unwrap_or_default()
    }
}

/// What is left in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowState {
    pub window: Window,
    /// How many uses are left now.
    pub remaining: u32,
    /// Seconds until one more use is given.
    pub reset: u64,
}

/// What is left of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimitState {
    pub name: &'static str,
    /// Whether this use is within it.
    pub allowed: bool,
    /// How each of its windows stands.
    pub windows: Vec<WindowState>,
}

impl RateLimitState {
    /// Whether this use had the last place.
    pub fn is_used_up(&self) -> bool {
        self.allowed && self.windows.iter().any(|state| state.remaining == 0)
    }

    /// Seconds until a refused use would be within all windows.
    pub fn retry_after(&self) -> u64 {
        let full = self.windows.iter().filter(|state| state.remaining == 0);
        full.map(|state| state.reset).max().unwrap_or_default()
    }
}

/// The attribute that holds the last uses, newest first.
const USES: &str = "uses";

/// A use is noted as its time in milliseconds with random digits behind it, so that no two are the
/// same: an attempt whose answer was lost finds its own use when it is repeated.
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

/// How the limit stands at `now`, milliseconds.
fn state(limit: &RateLimit, item: Option<&Attributes>, now: i64, allowed: bool) -> RateLimitState {
    let uses = uses(item);
    let windows = limit.windows.iter().enumerate().map(|(index, window)| {
        let (remaining, left) = if window.is_listed() {
            listed(*window, &uses, now)
        } else {
            Bucket::of(*window).left(full_until(item, index), now)
        };
        let reset = u64::try_from(left.clamp(0, milliseconds(window.length))).unwrap_or(u64::MAX);
        WindowState { window: *window, remaining, reset: reset.div_ceil(1000) }
    });
    RateLimitState { name: limit.name, allowed, windows: windows.collect() }
}

/// How many uses are left, and in how long one more is given, milliseconds.
fn listed(window: Window, uses: &[i128], now: i64) -> (u32, i128) {
    let begin = i128::from(now) - milliseconds(window.length);
    let inside: Vec<_> = uses.iter().map(|noted| noted / DIGITS).filter(|time| *time > begin).collect();
    let used = u32::try_from(inside.len()).unwrap_or(u32::MAX);
    // one more is given when the oldest of as many as there may be has left
    let next = inside.get(place(window.uses.min(used)).saturating_sub(1));
    // A use noted at the same moment may be a little ahead of us, but nobody waits longer than the
    // window.
    (window.uses.saturating_sub(used), next.map_or(0, |time| time - begin))
}

/// The attribute that holds the state of a window that is a bucket.
fn bucket_name(index: usize) -> String {
    format!("bucket{index}")
}

fn full_until(item: Option<&Attributes>, index: usize) -> Option<i128> {
    item?.get(&bucket_name(index))?.as_n().ok()?.parse().ok()
}

impl Table {
    /// Uses the limit once, for `subject`. Exact under any number of parallel callers; an error,
    /// never a yes, when the table cannot be reached.
    ///
    /// One conditional write does it. The item lists the last uses, newest first, so that a window
    /// of five has room when the fifth use from the front is not there or has left the window.
    /// Nobody reads first, so nobody collides. Only the bucket of a large window is written in
    /// another way where it has run out: whoever finds that it has learns it from the refusal, and
    /// asks once more.
    pub async fn take(&self, limit: &RateLimit, subject: &str) -> Result<RateLimitState, StoreError> {
        self.ask(limit, subject, true).await
    }

    /// Whether `subject` could use the limit now, without a use: for something that only counts
    /// when it turns out wrong, and may be done only where a wrong one could have been counted. It
    /// is the same conditional write as a use, so that all who come at once stand in one order.
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
            return Ok(state(limit, None, now, false));
        }
        let new = counts.then(|| noted(now));
        let mut seen: Option<Attributes> = None;
        loop {
            let attempt = attempt(limit, new, seen.as_ref(), &key, now);
            let item = match self.edit(&key, attempt).await? {
                Edited::Made(item) => {
                    self.forget_old_uses(limit, &key, uses(Some(&item)).len()).await;
                    return Ok(state(limit, Some(&item), now, true));
                }
                Edited::Refused(item) => item,
            };
            // Ours: an attempt before this one was carried out, and its answer was lost.
            let is_ours = new.is_some_and(|new| uses(Some(&item)).contains(&new));
            let stands = state(limit, Some(&item), now, is_ours);
            let is_full = stands.windows.iter().any(|window| window.remaining == 0);
            if is_ours || is_full {
                return Ok(stands);
            }
            // There is room, and some bucket is not as it was taken for. What has not run out now
            // does not do so before we ask again, since for us it is still the same moment: each is
            // guessed wrong once.
            seen = Some(item);
        }
    }

    /// Cuts off uses that decide nothing any more, once there are many of them. What is at such a
    /// place is older than all that count, however many come in meanwhile. Cutting later does no
    /// harm.
    async fn forget_old_uses(&self, limit: &RateLimit, key: &Key, count: usize) {
        const AT_MOST: usize = 100;
        let remembered = limit.remembered();
        if count <= remembered + remembered / 8 + 8 {
            return;
        }
        // from the end, so that it does not matter whether a removal moves those behind it
        let places = (remembered..count).rev().take(AT_MOST);
        let places: Vec<_> = places.map(|place| format!("#uses[{place}]")).collect();
        let cut = Edit::new(format!("REMOVE {}", places.join(", ")));
        if let Err(error) = self.edit(key, cut.when("attribute_exists(#uses)").name("#uses", USES)).await {
            tracing::warn!(limit = limit.name, error = &error as &dyn std::error::Error, "old uses stay");
        }
    }
}

/// The write of one use, or of none, under the condition that there is room for one. Buckets are
/// taken for such that have not run out, until they were `seen`.
fn attempt(limit: &RateLimit, new: Option<i128>, seen: Option<&Attributes>, key: &Key, now: i64) -> Edit {
    let expires_at = now / 1000 + limit.longest().as_secs() + 60;
    let mut parts = Parts::default();
    parts.set("#ttl = :ttl").value(":ttl", number(expires_at));
    parts.set("#kind = :kind").value(":kind", text(key.kind()));
    parts.uses(new, has_run_out(limit, seen, now).then(|| uses(seen)), limit.remembered());
    for (index, window) in limit.windows.iter().enumerate() {
        if window.is_listed() {
            let last = window.uses - 1;
            parts.when(format!("(attribute_not_exists(#uses[{last}]) OR #uses[{last}] < :begin{index})"));
            let begin = i128::from(now) - milliseconds(window.length);
            parts.value(&format!(":begin{index}"), number((begin + 1) * DIGITS));
        } else {
            let has_run_out = full_until(seen, index).is_some_and(|until| until <= i128::from(now));
            parts.bucket(&bucket_name(index), Bucket::of(*window), new.is_some(), has_run_out, now);
        }
    }
    let edit = Edit::new(format!("SET {}", parts.sets.join(", "))).when(parts.conditions.join(" AND "));
    let edit = edit.name("#uses", USES).name("#ttl", TTL).name("#kind", KIND);
    parts.values.into_iter().fold(edit, |edit, (name, value)| edit.value(name, value))
}

/// Whether a bucket has, as far as it was seen.
fn has_run_out(limit: &RateLimit, seen: Option<&Attributes>, now: i64) -> bool {
    let buckets = limit.windows.iter().enumerate().filter(|(_, window)| !window.is_listed());
    buckets.filter_map(|(index, _)| full_until(seen, index)).any(|until| until <= i128::from(now))
}

/// What an attempt is put together of.
#[derive(Default)]
struct Parts {
    sets: Vec<String>,
    conditions: Vec<String>,
    values: Vec<(String, AttributeValue)>,
}

impl Parts {
    fn set(&mut self, assignment: impl Into<String>) -> &mut Self {
        self.sets.push(assignment.into());
        self
    }

    fn when(&mut self, condition: impl Into<String>) -> &mut Self {
        self.conditions.push(condition.into());
        self
    }

    fn value(&mut self, name: &str, value: AttributeValue) -> &mut Self {
        self.values.push((name.to_owned(), value));
        self
    }

    /// Puts the use in front of the list; of one that was seen a moment ago, without those that
    /// decide nothing any more.
    fn uses(&mut self, new: Option<i128>, seen: Option<Vec<i128>>, remembered: usize) {
        let list = |uses: &[i128]| AttributeValue::L(uses.iter().map(|use_| number(*use_)).collect());
        if let Some(use_) = new {
            self.when("NOT contains(#uses, :use)").value(":use", number(use_));
        }
        if let (Some(seen), Some(use_)) = (seen, new) {
            match seen.first() {
                Some(newest) => self.when("#uses[0] = :newest").value(":newest", number(*newest)),
                None => self.when("attribute_not_exists(#uses[0])"),
            };
            let uses: Vec<_> = [use_].into_iter().chain(seen).take(remembered).collect();
            self.set("#uses = :uses").value(":uses", list(&uses));
        } else {
            self.set("#uses = list_append(:new, if_not_exists(#uses, :none))");
            self.value(":new", list(new.as_slice())).value(":none", list(&[]));
        }
    }

    /// Fills the bucket by one use, or asks whether there is room for one.
    fn bucket(&mut self, name: &str, bucket: Bucket, counts: bool, has_run_out: bool, now: i64) {
        let room = format!("{name} <= :{name}_room");
        self.value(&format!(":{name}_room"), number(bucket.room(now)));
        if !counts {
            self.when(format!("(attribute_not_exists({name}) OR {room})"));
            return;
        }
        let (share, moment) = (format!(":{name}_share"), format!(":{name}_now"));
        self.value(&share, number(bucket.share())).value(&moment, number(i128::from(now)));
        if has_run_out {
            self.set(format!("{name} = {moment} + {share}")).when(format!("{name} <= {moment} AND {room}"));
        } else {
            self.set(format!("{name} = if_not_exists({name}, {moment}) + {share}"));
            self.when(format!("(attribute_not_exists({name}) OR ({name} > {moment} AND {room}))"));
        }
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
            let uses = AttributeValue::L(uses.iter().map(|use_| number(*use_)).collect());
            let state = state(&limit, Some(&[(USES.to_owned(), uses)].into()), now * 1000, true);
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
