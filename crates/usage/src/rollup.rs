//! Summing up: what the parts of an hour's counters say together, and the day and the month that it is in.

use std::{collections::BTreeMap, time::Duration};

use access::{Plan, Tenant};
use futures::{StreamExt, stream};
use primitives::{OrgId, SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stripe_client::{Client, CustomerId};
use table::{Cause, Changes, Consistency, Decision, Due, Item, Query, StoreError, Table, time_left};
use usage_ledger::{Counted, Distinct, EXACT_UP_TO, Meter, Span, Window};

use crate::{
    UsageError,
    billed::bill,
    items::{Set, Stored, Sum, Todo},
    keys,
    quota::catch_up,
};

/// Hours per query of what is due.
const PAGE: usize = 100;
/// How many hours are summed up at a time.
const PARALLEL: usize = 8;
/// With less time than this left nothing is begun; the next run goes on.
const RESERVE: Duration = Duration::from_secs(20);
/// For how long an hour is nobody else's that somebody sums up.
const LEASE: SignedDuration = SignedDuration::from_mins(15);
/// How long after it was summed up an hour is closed, if nothing came: longer than any request takes that has
/// seen it open.
const CLOSES: SignedDuration = SignedDuration::from_mins(45);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RollupRun {
    /// Hours of an organization that were summed up.
    pub summed: usize,
    /// Those of them to which nothing came any more.
    pub closed: usize,
    /// Those that could not be summed up. They stay due.
    pub failed: usize,
    /// Whether all that was due was looked at before the time was up.
    pub complete: bool,
}

impl RollupRun {
    /// Whether it left nothing to do.
    pub fn is_good(&self) -> bool {
        self.complete && self.failed == 0
    }
}

/// What became of an hour.
enum Rolled {
    Summed,
    Closed,
    /// Another run has it.
    NotMine,
    NoTime,
}

/// Sums up every hour that is due: each by itself, so that what a run does grows with the hours in which
/// something was used, is bounded by its time, and is gone on with by the next.
///
/// Runs may overlap, stop anywhere and be repeated: a sum is made anew from all that it is made of.
///
/// `payer` says by which customer at Stripe an organization pays, and how Stripe is told; nothing where it
/// does not pay.
pub async fn roll_up_due<F>(
    table: &Table,
    cause: &Cause,
    payer: impl Fn(Tenant) -> F + Sync,
) -> Result<RollupRun, StoreError>
where
    F: Future<Output = Result<Option<(Client, CustomerId)>, UsageError>> + Send,
{
    let payer = &payer;
    let mut run = RollupRun { complete: true, ..RollupRun::default() };
    for shard in keys::ROLLUP.shards() {
        let mut place: Option<String> = None;
        loop {
            if time_left() <= RESERVE {
                run.complete = false;
                return Ok(run);
            }
            let due = table.due(&keys::ROLLUP, shard, place.as_deref(), PAGE).await?;
            let is_last = due.len() < PAGE;
            place = due.last().map(|last| last.place.clone());
            let mut all = stream::iter(due)
                .map(|due| async move { one(table, cause, payer, &due).await.map_err(|error| (due, error)) })
                .buffer_unordered(PARALLEL);
            while let Some(rolled) = all.next().await {
                match rolled {
                    Ok(Rolled::Summed) => run.summed += 1,
                    Ok(Rolled::Closed) => run.closed += 1,
                    Ok(Rolled::NotMine) => {}
                    Ok(Rolled::NoTime) => run.complete = false,
                    Err((due, error)) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(hour = due.id(), error, "an hour of usage was not summed up");
                        run.failed += 1;
                    }
                }
            }
            if is_last {
                break;
            }
        }
    }
    Ok(run)
}

async fn one<F>(
    table: &Table,
    cause: &Cause,
    payer: &(impl Fn(Tenant) -> F + Sync),
    due: &Due,
) -> Result<Rolled, UsageError>
where
    F: Future<Output = Result<Option<(Client, CustomerId)>, UsageError>> + Send,
{
    if time_left() <= RESERVE {
        return Ok(Rolled::NoTime);
    }
    let named = due.id().split_once(' ').and_then(|(org, hour)| {
        let hour = Timestamp::from_second(hour.parse().ok()?).ok()?;
        Some((org.parse::<OrgId>().ok()?, hour))
    });
    let Some((org_id, hour)) = named else { return Ok(Rolled::NotMine) };
    if !table.put_off(due, table.clock().now() + LEASE).await? {
        return Ok(Rolled::NotMine);
    }
    let (tenant, hour) = (Tenant::trusted(org_id), Span::of(Window::Hour, hour));
    let Some(SummedUp { todo, meters }) = Box::pin(roll_up(table, cause, tenant, hour)).await? else {
        return Ok(Rolled::NotMine);
    };
    let plan = Plan::named(Some(&todo.plan));
    let month = Span::of(Window::Month, hour.start);
    let used = || meters.iter().filter_map(|(name, counted)| Some((Meter::named(name)?, counted)));
    catch_up(table, cause, (tenant, month, plan), used().map(|(meter, _)| meter)).await?;
    let billed: Vec<_> =
        used().filter_map(|(meter, counted)| Some((meter, meter.stripe_event?, counted))).collect();
    let payer = if billed.is_empty() { None } else { payer(tenant).await? };
    if let Some((client, customer)) = payer {
        for (meter, event, counted) in billed {
            let what = (meter, event, counted.shown(meter).0);
            bill(table, cause, (&client, &customer), (tenant, hour), what).await?;
        }
    }
    if !todo.closing {
        return Ok(Rolled::Summed);
    }
    close(table, cause, &todo).await?;
    Ok(Rolled::Closed)
}

/// Notes that nothing is to be done with an hour any more, unless something came.
async fn close(table: &Table, cause: &Cause, todo: &Todo) -> Result<(), UsageError> {
    let decide = |_| async {
        let changes = Changes::new().delete(todo);
        Ok::<_, UsageError>(Decision::commit(changes, ()).unless(&todo.key(), Ok(())))
    };
    table.decide(cause, decide).await
}

/// All items of a query, a page at a time.
async fn all<T: DeserializeOwned>(table: &Table, query: &Query) -> Result<Vec<T>, StoreError> {
    let (mut items, mut place) = (Vec::new(), None);
    loop {
        let (page, next) = table.after(query, 1000, place.as_deref()).await?;
        items.extend(page);
        match next {
            Some(next) => place = Some(next),
            None => return Ok(items),
        }
    }
}

type Meters = BTreeMap<String, Counted>;

/// What was counted in an hour, and the different values of it.
async fn counted(
    table: &Table,
    tenant: Tenant,
    hour: Span,
) -> Result<(Meters, BTreeMap<&'static str, Distinct>), StoreError> {
    let (mut meters, mut named) = (Meters::new(), BTreeMap::<_, Distinct>::new());
    let counts = Query::partition_of(&keys::UsageCount::key(tenant, hour, String::new())).strong();
    let slices = keys::UsageSlice::all(tenant, hour).strong();
    for item in all::<Stored>(table, &counts).await? {
        for (meter, counted) in Counted::of_counter(&item) {
            meters.entry(meter.name.to_owned()).or_default().merge(&counted);
        }
        if let Some(meter) = second_part(&item).filter(|_| item.contains_key("values")) {
            named.entry(meter.name).or_default().merge(&Distinct::of_item(&item));
        }
    }
    for item in all::<Stored>(table, &slices).await? {
        if let Some(meter) = second_part(&item) {
            meters.entry(meter.name.to_owned()).or_default().merge(&Counted::of_slice(&item, meter));
        }
    }
    let named: BTreeMap<_, _> =
        named.into_iter().map(|(name, distinct)| (name, distinct.within(EXACT_UP_TO))).collect();
    for (name, distinct) in &named {
        let counted = meters.entry((*name).to_owned()).or_default();
        *counted = counted.clone().naming(distinct);
    }
    Ok((meters, named))
}

fn second_part(item: &Stored) -> Option<&'static Meter> {
    item.get("sk")?.as_str()?.split('#').nth(1).and_then(Meter::named)
}

/// The sum of a longer span, of the sums of the shorter ones in it, of which one is anew.
async fn folded(
    table: &Table,
    tenant: Tenant,
    (query, span): (Query, Span),
    (new, meters): (Span, &Meters),
) -> Result<Meters, StoreError> {
    let within = query.strong().within(Some(span.start), Some(span.end - SignedDuration::from_millis(1)));
    let Some(within) = within else { return Ok(Meters::new()) };
    let mut all = Meters::new();
    let shorter: Vec<Sum> = self::all(table, &within).await?;
    debug_assert!(shorter.iter().all(|sum| sum.org_id == tenant.org_id()));
    let others = shorter.iter().filter(|sum| sum.start != new.start).flat_map(|sum| &sum.meters);
    for (name, counted) in others.chain(meters) {
        all.entry(name.clone()).or_default().merge(counted);
    }
    Ok(all)
}

/// Puts the different values of an hour into those of its day or month. Gives what is known then.
async fn joined(
    table: &Table,
    tenant: Tenant,
    span: Span,
    named: &BTreeMap<&'static str, Distinct>,
    mut changes: Changes,
) -> Result<(Changes, BTreeMap<&'static str, Distinct>), StoreError> {
    let mut known = BTreeMap::new();
    for (name, distinct) in named {
        let new = Set {
            org_id: tenant.org_id(),
            meter: (*name).to_owned(),
            window: span.window,
            start: span.start,
            distinct: Distinct::default(),
            expires_at: None,
            version: 0,
        };
        let before: Option<Set> = table.get(&new.key(), Consistency::Strong).await?;
        let before = before.unwrap_or(new);
        let mut all = before.distinct.clone();
        all.merge(distinct);
        let all = all.within(EXACT_UP_TO);
        if all != before.distinct {
            let expires_at = Some(table.clock().now() + keys::KEPT);
            changes = changes.replace(&Set { distinct: all.clone(), expires_at, ..before });
        }
        known.insert(*name, all);
    }
    Ok((changes, known))
}

/// An hour that was summed up.
struct SummedUp {
    /// As it stood before: where it is closing, nothing has come since.
    todo: Todo,
    meters: Meters,
}

/// Sums up an hour, its day and its month. Nothing where that is not to be done any more.
async fn roll_up(
    table: &Table,
    cause: &Cause,
    tenant: Tenant,
    hour: Span,
) -> Result<Option<SummedUp>, UsageError> {
    let (day, month) = (Span::of(Window::Day, hour.start), Span::of(Window::Month, hour.start));
    let todo_key = &keys::UsageTodo::key(tenant, hour);
    let decide = |_| async move {
        let now = table.clock().now();
        let Some(todo): Option<Todo> = table.get(todo_key, Consistency::Strong).await? else {
            return Ok(Decision::done(None));
        };
        let spans = [hour, day, month];
        let mut found = table.get_many(&spans.map(|span| Sum::at(tenant, span)), Consistency::Strong).await?;
        let (meters, named) = counted(table, tenant, hour).await?;
        let query = (keys::UsageHour::all(tenant), day);
        let mut of_day = folded(table, tenant, query, (hour, &meters)).await?;
        let (changes, known) = joined(table, tenant, day, &named, Changes::new()).await?;
        let before: Option<Sum> = found.take(&Sum::at(tenant, day))?;
        name_all(&mut of_day, &known, before.as_ref());
        let query = (keys::UsageDay::all(tenant), month);
        let mut of_month = folded(table, tenant, query, (day, &of_day)).await?;
        let (mut changes, known) = joined(table, tenant, month, &named, changes).await?;
        let of_last_month: Option<Sum> = found.take(&Sum::at(tenant, month))?;
        name_all(&mut of_month, &known, of_last_month.as_ref());
        let of_hour = found.take(&Sum::at(tenant, hour))?;
        let summed = SummedUp { todo: todo.clone(), meters: meters.clone() };
        for (span, meters, before) in
            [(hour, meters, of_hour), (day, of_day, before), (month, of_month, of_last_month)]
        {
            changes = changes.and(written(tenant, span, meters, before.as_ref()));
        }
        if !todo.closing {
            changes = changes.replace(&Todo { closing: true, due_at: now + CLOSES, ..todo });
        }
        Ok::<_, UsageError>(Decision::commit(changes, Some(summed)))
    };
    table.decide(cause, decide).await
}

/// Says how many different values there are: those that this hour named are known now, the others as before.
fn name_all(meters: &mut Meters, known: &BTreeMap<&'static str, Distinct>, before: Option<&Sum>) {
    for (name, counted) in meters {
        counted.unique = match known.get(name.as_str()) {
            Some(distinct) => Some(distinct.estimate()),
            None => before.and_then(|before| before.meters.get(name)?.unique),
        };
    }
}

/// A sum, where it is another one than before. Who reads what it is made of must not have seen an old part
/// of it: so it is written on the version that was there, whether or not it changes.
fn written(tenant: Tenant, span: Span, meters: Meters, before: Option<&Sum>) -> Changes {
    let version = before.map_or(0, Item::version);
    let sum = Sum { org_id: tenant.org_id(), window: span.window, start: span.start, meters, version };
    if before == Some(&sum) && span.window == Window::Hour {
        return Changes::new();
    }
    Changes::new().replace(&sum)
}
