//! Counting events, each once: an event, what it adds to and what it takes of a quota are one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use access::{Permit, Plan, Tenant, needs::WriteUsage};
use primitives::{SignedDuration, Timestamp};
use table::{Attempt, Cause, Changes, Consistency, Decision, Found, Key, LARGEST_TRANSACTION, Table, Totals};
use usage_ledger::{
    Aggregation, Counted, Dedupe, Distinct, Latest, Meter, SHARD_HOLDS, Span, Window, shard_of,
};

use crate::{
    Refusal, Reported, UsageError,
    items::{Event, Stored, Todo, Values},
    keys,
    quota::{Purses, tell_crossed, tell_exceeded},
};

/// An hour's sums are spread over so many items.
const SHARDS: u8 = 16;
/// The events of one second of a packed meter are spread over so many items, by what they are known again by.
const PARTS: u64 = 8;
/// How long behind its end an hour is summed up, and how long after something came late.
pub(crate) const SETTLING: SignedDuration = SignedDuration::from_mins(5);

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is counted.
    Accepted,
    /// It was counted before.
    Duplicate,
    /// It is not counted.
    Refused(Refusal),
}

/// Where usage is counted, and under which plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Where<'a> {
    pub(crate) tenant: Tenant,
    pub(crate) plan: &'a Plan,
    pub(crate) now: Timestamp,
}

/// Counts these events. What is counted once is a duplicate from then on, for 32 days at least.
///
/// It may stop anywhere: what was counted is counted, and whoever reports the same again is told so. A
/// hundred events are at most five transactions, however they lie.
pub async fn record(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteUsage>,
    events: Vec<Result<Reported, Refusal>>,
) -> Result<Vec<Outcome>, UsageError> {
    let place = Where { tenant: permit.tenant(), plan: permit.plan, now: table.clock().now() };
    let (mut outcomes, mut valid, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (number, event) in events.into_iter().enumerate() {
        outcomes.push(match event {
            Err(refusal) => Outcome::Refused(refusal),
            // of two in one request the first counts
            Ok(event) if !seen.insert(identity(&event)) => Outcome::Duplicate,
            Ok(event) => {
                valid.push((number, event));
                Outcome::Accepted
            }
        });
    }
    // hours together: each is one item more
    valid.sort_by_key(|(number, event)| (hour(event), *number));
    for chunk in chunks(&place, valid) {
        let (decided, exceeded) = count(table, cause, &place, &chunk).await?;
        for ((number, _), outcome) in chunk.iter().zip(decided) {
            outcomes[*number] = outcome;
        }
        for purses in exceeded {
            tell_exceeded(table, cause, &purses).await?;
        }
    }
    Ok(outcomes)
}

fn hour(event: &Reported) -> Span {
    Span::of(Window::Hour, event.time)
}

fn identity(event: &Reported) -> (String, Option<Timestamp>) {
    let packed = event.meter.dedupe == Dedupe::Packed;
    (event.hash.clone(), packed.then_some(event.time))
}

/// The items that events touch, beside the events themselves.
fn touched<'e>(place: &Where<'_>, events: impl Iterator<Item = &'e Reported>) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    for event in events {
        let hour = hour(event);
        touched.insert(format!("todo {hour}"));
        if event.meter.dedupe == Dedupe::Packed {
            touched.insert(slice(place.tenant, event).sk() + &hour.to_string());
        } else {
            touched.insert(format!("count {hour}"));
        }
        if event.meter.aggregation == Aggregation::Unique {
            touched.insert(format!("values {hour} {} {}", event.meter.name, shard_of(event.value)));
        }
        if place.plan.quota(event.meter.name).is_some() {
            let month = Span::of(Window::Month, event.time);
            touched.extend(Purses::keys(place.tenant, month, event.meter).map(|key| key.pk() + &key.sk()));
        }
    }
    touched
}

/// The events in parts that fit into a transaction each.
fn chunks(place: &Where<'_>, events: Vec<(usize, Reported)>) -> Vec<Vec<(usize, Reported)>> {
    let mut chunks: Vec<Vec<(usize, Reported)>> = Vec::new();
    for event in events {
        let fits = chunks.last().is_some_and(|chunk| {
            let all = || chunk.iter().map(|(_, event)| event).chain([&event.1]);
            let own = all().filter(|event| event.meter.dedupe == Dedupe::Strict).count();
            own + touched(place, all()).len() <= LARGEST_TRANSACTION
        });
        match chunks.last_mut().filter(|_| fits) {
            Some(chunk) => chunk.push(event),
            None => chunks.push(vec![event]),
        }
    }
    chunks
}

fn slice(tenant: Tenant, event: &Reported) -> Key {
    let second = u64::try_from(event.time.as_second()).unwrap_or_default();
    let part = u64::from_str_radix(event.hash.get(..2).unwrap_or_default(), 16).unwrap_or_default() % PARTS;
    keys::UsageSlice::key(tenant, hour(event), event.meter.name.to_owned(), second, part)
}

/// What an event of a packed meter is listed under, in the item of its second.
fn entry(event: &Reported) -> String {
    // two of one id and second may have happened at two moments of it
    format!("event.{}.{}", event.hash, event.time.subsec_nanosecond())
}

type Decided = (Vec<Outcome>, Vec<Purses>);

/// Counts what fits into one transaction. Gives what became of each, and of what something was refused.
async fn count(
    table: &Table,
    cause: &Cause,
    place: &Where<'_>,
    chunk: &[(usize, Reported)],
) -> Result<Decided, UsageError> {
    let known: Mutex<BTreeSet<String>> = Mutex::default();
    let events: Vec<&Reported> = chunk.iter().map(|(_, event)| event).collect();
    let (known, events) = (&known, &events);
    let decide = |attempt: Attempt| async move {
        let failed = |event: &&&Reported| attempt.failed(&Event::at(place.tenant, &event.hash));
        let strict = events.iter().filter(|event| event.meter.dedupe == Dedupe::Strict);
        let again = strict.filter(failed).map(|event| event.hash.clone());
        known.lock().unwrap_or_else(PoisonError::into_inner).extend(again);
        let known = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let loaded = Sums::load(table, place, events).await?;
        let (mut sums, mut outcomes) = loaded.clone().count_all(table, events, &known);
        if !sums.exceeded.is_empty() {
            // what was counted before needs no room
            let refused = events.iter().zip(&outcomes).filter(|(_, one)| matches!(one, Outcome::Refused(_)));
            let before = counted_before(table, place, refused.map(|(event, _)| *event)).await?;
            (sums, outcomes) = loaded.count_all(table, events, &known.union(&before).cloned().collect());
        }
        let refused = sums.purses.values().filter(|purses| sums.exceeded.contains(purses.meter.name));
        for purses in refused.clone() {
            if purses.give_back(table).await? {
                // there is more now than was seen
                return Ok(Decision::wait());
            }
        }
        let exceeded = refused.cloned().collect();
        let before = sums.before.clone();
        let purses: Vec<_> = sums.purses.values().cloned().collect();
        Ok::<_, UsageError>(Decision::commit(sums.changes(), ((outcomes, exceeded), (before, purses))))
    };
    let (decided, (before, purses)) = table.decide(cause, decide).await?;
    // whoever counted what is known now may have died before it told
    let is_repeated = decided.0.contains(&Outcome::Duplicate);
    for (before, purses) in before.into_iter().zip(&purses) {
        let before = if is_repeated { 0 } else { before };
        tell_crossed(table, cause, purses, before).await?;
    }
    Ok(decided)
}

/// Which of these events are there.
async fn counted_before(
    table: &Table,
    place: &Where<'_>,
    events: impl Iterator<Item = &Reported>,
) -> Result<BTreeSet<String>, UsageError> {
    let keys: BTreeMap<_, _> =
        events.map(|event| (event.hash.clone(), Event::at(place.tenant, &event.hash))).collect();
    let wanted: Vec<_> = keys.values().cloned().collect();
    let mut found = table.get_many(&wanted, Consistency::Strong).await?;
    let mut counted = BTreeSet::new();
    for (hash, key) in keys {
        let event: Option<Stored> = found.take(&key)?;
        // what has expired is deleted days later
        let expires = event.and_then(|event| event.get("expires_at")?.as_i64());
        if expires.is_some_and(|at| at > place.now.as_second()) {
            counted.insert(hash);
        }
    }
    Ok(counted)
}

/// What is added to sums, on what was read of them.
#[derive(Clone)]
pub(crate) struct Sums<'a> {
    place: Where<'a>,
    /// In which part of each hour's sums it is counted: another one each time, so that none is crowded.
    shard: String,
    counts: BTreeMap<Span, Option<Stored>>,
    todos: BTreeMap<Span, Option<Todo>>,
    values: BTreeMap<(Span, &'static str, u64), Option<Stored>>,
    slices: BTreeMap<String, (Key, Option<Stored>)>,
    pub(crate) purses: BTreeMap<(Span, &'static str), Purses>,
    /// How much of each purse's quota was used before.
    before: Vec<u64>,
    /// Of what something was refused.
    exceeded: BTreeSet<&'static str>,
    events: Vec<Event>,
    totals: BTreeMap<Span, BTreeMap<&'static str, Counted>>,
    named: BTreeMap<(Span, &'static str, u64), BTreeSet<u64>>,
    listed: BTreeMap<String, BTreeMap<String, u64>>,
}

impl<'a> Sums<'a> {
    pub(crate) async fn load(
        table: &Table,
        place: &Where<'a>,
        events: &[&Reported],
    ) -> Result<Self, UsageError> {
        let tenant = place.tenant;
        let shard = format!("{:x}", primitives::random_secret::<1>()[0] % SHARDS);
        let hours: BTreeSet<Span> = events.iter().map(|event| hour(event)).collect();
        let count = |hour: &Span| keys::UsageCount::key(tenant, *hour, shard.clone());
        // only what has to be larger than what is there is read for it
        let compares =
            |event: &&&Reported| matches!(event.meter.aggregation, Aggregation::Max | Aggregation::Latest);
        let compared: BTreeSet<Span> = events.iter().filter(compares).map(|event| hour(event)).collect();
        let unique = events.iter().filter(|event| event.meter.aggregation == Aggregation::Unique);
        let unique: BTreeSet<_> =
            unique.map(|event| (hour(event), event.meter.name, shard_of(event.value))).collect();
        let values =
            |(hour, meter, shard): &(Span, &'static str, u64)| values_at(tenant, *hour, meter, *shard);
        let packed = events.iter().filter(|event| event.meter.dedupe == Dedupe::Packed);
        let slices: BTreeMap<_, _> =
            packed.map(|event| slice(tenant, event)).map(|key| (name(&key), key)).collect();
        let limited = events.iter().filter(|event| place.plan.quota(event.meter.name).is_some());
        let limited: BTreeMap<_, _> = limited
            .map(|event| ((Span::of(Window::Month, event.time), event.meter.name), event.meter))
            .collect();
        let mut wanted: Vec<Key> = hours.iter().map(|hour| keys::UsageTodo::key(tenant, *hour)).collect();
        wanted.extend(compared.iter().map(count));
        wanted.extend(unique.iter().map(values));
        wanted.extend(slices.values().cloned());
        for ((month, _), meter) in &limited {
            wanted.extend(Purses::keys(tenant, *month, meter));
        }
        let mut found = table.get_many(&wanted, Consistency::Strong).await?;
        let mut take = |key: &Key| -> Result<Option<Stored>, UsageError> { Ok(found.take(key)?) };
        let counts =
            hours.iter().map(|hour| Ok((*hour, take(&count(hour))?))).collect::<Result<_, UsageError>>()?;
        let values =
            unique.iter().map(|one| Ok((*one, take(&values(one))?))).collect::<Result<_, UsageError>>()?;
        let slices = slices.into_iter().map(|(name, key)| {
            let stored = take(&key)?;
            Ok((name, (key, stored)))
        });
        let slices = slices.collect::<Result<_, UsageError>>()?;
        let todos = taken_todos(&mut found, tenant, &hours)?;
        let mut purses = BTreeMap::new();
        for ((month, name), meter) in limited {
            let quota = place.plan.quota(name);
            purses.insert((month, name), Purses::found(&mut found, (tenant, month), meter, quota)?);
        }
        let before = purses.values().map(Purses::used).collect();
        Ok(Self {
            place: *place,
            shard,
            counts,
            todos,
            values,
            slices,
            purses,
            before,
            exceeded: BTreeSet::new(),
            events: Vec::new(),
            totals: BTreeMap::new(),
            named: BTreeMap::new(),
            listed: BTreeMap::new(),
        })
    }

    /// Counts these events, those that are known not again.
    fn count_all(
        mut self,
        table: &Table,
        events: &[&Reported],
        known: &BTreeSet<String>,
    ) -> (Self, Vec<Outcome>) {
        let outcomes = events.iter().map(|event| self.count(table, event, known)).collect();
        (self, outcomes)
    }

    /// Counts an event, if it is not known and its quota is not used up.
    fn count(&mut self, table: &Table, event: &Reported, known: &BTreeSet<String>) -> Outcome {
        if self.is_known(event, known) {
            return Outcome::Duplicate;
        }
        let name = event.meter.name;
        if let Some(purses) = self.purses.get_mut(&(Span::of(Window::Month, event.time), name))
            && !purses.take(event.value)
        {
            self.exceeded.insert(name);
            let detail = purses.exceeded().to_string();
            return Outcome::Refused(Refusal { code: "quota_exceeded", detail });
        }
        self.add(table, event);
        Outcome::Accepted
    }

    fn is_known(&self, event: &Reported, known: &BTreeSet<String>) -> bool {
        if event.meter.dedupe == Dedupe::Strict {
            return known.contains(&event.hash);
        }
        let stored = self.slices.get(&self::name(&slice(self.place.tenant, event)));
        stored
            .and_then(|(_, stored)| stored.as_ref())
            .is_some_and(|stored| stored.contains_key(&entry(event)))
    }

    /// Adds an event to the sums, whatever its quota says.
    pub(crate) fn add(&mut self, table: &Table, event: &Reported) {
        let (hour, tenant) = (hour(event), self.place.tenant);
        if event.meter.dedupe == Dedupe::Packed {
            let listed = self.listed.entry(name(&slice(tenant, event))).or_default();
            listed.insert(entry(event), event.value);
            return;
        }
        let one = Counted::one(event.meter, event.value, (event.time, &event.hash));
        self.totals.entry(hour).or_default().entry(event.meter.name).or_default().merge(&one);
        if event.meter.aggregation == Aggregation::Unique {
            let place = (hour, event.meter.name, shard_of(event.value));
            self.named.entry(place).or_default().insert(event.value);
        }
        self.events.push(Event {
            org_id: tenant.org_id(),
            hash: event.hash.clone(),
            meter: event.meter.name.to_owned(),
            hour: hour.to_string(),
            time: event.time,
            value: event.value,
            text: event.text.clone(),
            subject: event.subject.clone(),
            expires_at: Some(table.clock().now() + keys::KEPT),
            version: 0,
        });
    }

    /// All of it, as changes.
    pub(crate) fn changes(self) -> Changes {
        let (now, tenant) = (self.place.now, self.place.tenant);
        let expires_at = now + keys::KEPT;
        let mut changes = self.events.iter().fold(Changes::new(), |changes, event| changes.claim(event, now));
        let mut hours: BTreeSet<Span> = self.totals.keys().copied().collect();
        for (hour, meters) in &self.totals {
            let key = keys::UsageCount::key(tenant, *hour, self.shard.clone());
            let seen = self.counts.get(hour).and_then(Option::as_ref);
            let totals = Totals::new(key, expires_at);
            changes =
                changes.and(meters.iter().fold(totals, |totals, one| added(totals, one, seen)).changes());
        }
        for (place, values) in &self.named {
            let seen = self.values.get(place).and_then(Option::as_ref);
            changes = changes.and(included(tenant, *place, seen, values, expires_at));
        }
        for (name, entries) in &self.listed {
            let Some((key, _)) = self.slices.get(name) else { continue };
            let totals = Totals::new(key.clone(), expires_at);
            let totals = entries.iter().fold(totals, |totals, (entry, value)| totals.enter(entry, *value));
            changes = changes.and(totals.changes());
        }
        hours.extend(self.todos.keys().filter(|_| !self.listed.is_empty()));
        for hour in hours {
            // one that is about to be closed has to be looked at again
            if self.todos.get(&hour).and_then(Option::as_ref).is_none_or(|todo| todo.closing) {
                let due_at = (hour.end + SETTLING).max(now + SETTLING);
                let plan = self.place.plan.id.to_owned();
                let (org_id, hour) = (tenant.org_id(), hour.start);
                let todo = Todo { org_id, hour, plan, due_at, closing: false, version: version(now) };
                changes = changes.overwrite(&todo);
            }
        }
        self.purses.values().fold(changes, |changes, purses| changes.and(purses.changes(None)))
    }
}

/// A version that no other writing of the same item has: what is stored over whatever is there counts no
/// changes.
fn version(now: Timestamp) -> u64 {
    let [high, low] = primitives::random_secret::<2>();
    let random = u64::from(high) << 8 | u64::from(low);
    u64::try_from(now.as_millisecond()).unwrap_or_default() << 12 | random & 0xfff
}

fn name(key: &Key) -> String {
    key.pk() + &key.sk()
}

fn values_at(tenant: Tenant, hour: Span, meter: &str, shard: u64) -> Key {
    keys::UsageValues::key(tenant, hour, meter.to_owned(), format!("{shard:x}"))
}

fn taken_todos(
    found: &mut Found,
    tenant: Tenant,
    hours: &BTreeSet<Span>,
) -> Result<BTreeMap<Span, Option<Todo>>, UsageError> {
    let take = |hour: &Span| Ok((*hour, found.take(&keys::UsageTodo::key(tenant, *hour))?));
    hours.iter().map(take).collect()
}

/// Adds what a meter counted to a part of an hour's sums.
fn added(totals: Totals, (meter, counted): (&&'static str, &Counted), seen: Option<&Stored>) -> Totals {
    let mut totals = totals.add(&format!("count.{meter}"), counted.count);
    if counted.sum > 0 {
        totals = totals.add(&format!("sum.{meter}"), counted.sum);
    }
    // where it stands as far already nothing is written: that would be a conflict
    let written = [
        ("max", counted.max.map(|max| format!("{max:020}"))),
        ("latest", counted.latest.as_ref().map(Latest::written)),
    ];
    for (what, to) in written {
        let Some(to) = to else { continue };
        let name = format!("{what}.{meter}");
        let stands = seen.and_then(|seen| seen.get(&name)).and_then(serde_json::Value::as_str);
        if stands.is_none_or(|stands| stands < to.as_str()) {
            totals = totals.raise(&name, &to);
        }
    }
    totals
}

/// Puts values that are not there yet into a part of an hour's.
fn included(
    tenant: Tenant,
    (hour, meter, shard): (Span, &'static str, u64),
    seen: Option<&Stored>,
    values: &BTreeSet<u64>,
    expires_at: Timestamp,
) -> Changes {
    let known = seen.map(Distinct::of_item).unwrap_or_default();
    let new: Vec<u64> = values.iter().copied().filter(|value| known.lacks(*value)).collect();
    if new.is_empty() {
        return Changes::new();
    }
    if known.values().len() + new.len() <= SHARD_HOLDS {
        let totals = Totals::new(values_at(tenant, hour, meter, shard), expires_at);
        return totals.include("values", &new).changes();
    }
    // too many: from now on a sample is kept
    let mut all = known;
    all.merge(&Distinct::new(0, new));
    let all = all.within(SHARD_HOLDS / 2);
    let version = seen.and_then(|seen| seen.get("version")).and_then(serde_json::Value::as_u64);
    Changes::new().replace(&Values {
        org_id: tenant.org_id(),
        meter: meter.to_owned(),
        hour: hour.start,
        shard: format!("{shard:x}"),
        level: all.level(),
        values: all.values().iter().copied().collect(),
        expires_at: Some(expires_at),
        version: version.unwrap_or_default(),
    })
}

/// What is counted of a meter by somebody else than a reporter, such as a reservation that is settled.
pub(crate) fn used(meter: &'static Meter, value: u64, (time, hash): (Timestamp, String)) -> Reported {
    Reported { meter, time, subject: None, value, text: None, hash }
}
