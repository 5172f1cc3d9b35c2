//! How much of something may be used in a month: spread over several purses, so that many can draw at once.

use access::{Permit, Plan, Quota, Tenant, needs::ReadUsage};
use events::{Event, NewEvent};
use primitives::{Time, Timestamp};
use serde::{Deserialize, Serialize};
use table::{
    Balance, Cause, Changes, Consistency, Decision, Draw, Found, Hold, Item, Key, Purse, StoreError, Table,
};
use usage_ledger::{Meter, Span, Window};

use crate::{
    UsageError, api,
    events::{QuotaExceeded, ThresholdReached},
    keys,
};

/// So many purses hold a month's quota. Each takes 50 holds, and a transaction at a time.
pub(crate) const PURSES: u64 = 8;

/// At how many percent people are told.
const THRESHOLDS: [u64; 2] = [80, 100];

/// A month's quota of one meter as it was read, and what is decided to be drawn of it.
#[derive(Clone, Debug)]
pub(crate) struct Purses {
    pub(crate) meter: &'static Meter,
    pub(crate) month: Span,
    tenant: Tenant,
    /// The limit; nought where there is none.
    limit: u64,
    hard: bool,
    seen: Vec<Option<Balance>>,
    drawn: Vec<(u64, Option<Part>)>,
}

/// A part of what is set aside, in one purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) purse: u64,
    pub(crate) amount: u64,
}

fn key(tenant: Tenant, month: Span, meter: &Meter, purse: u64) -> Key {
    keys::UsagePurse::key(tenant, month, meter.name.to_owned(), purse)
}

pub(crate) fn purse(tenant: Tenant, month: Span, meter: &Meter, number: u64) -> Purse {
    Purse::new(key(tenant, month, meter, number))
}

/// What purse number `purse` is filled with of a limit.
fn share(limit: u64, purse: u64) -> u64 {
    limit / PURSES + u64::from(purse < limit % PURSES)
}

impl Purses {
    pub(crate) fn keys(tenant: Tenant, month: Span, meter: &Meter) -> impl Iterator<Item = Key> + '_ {
        (0..PURSES).map(move |number| key(tenant, month, meter, number))
    }

    /// Takes them out of what was read. Without a quota there is no end, and all that is kept is how much was
    /// used.
    pub(crate) fn found(
        found: &mut Found,
        (tenant, month): (Tenant, Span),
        meter: &'static Meter,
        quota: Option<&Quota>,
    ) -> Result<Self, StoreError> {
        let seen =
            Self::keys(tenant, month, meter).map(|key| found.take(&key)).collect::<Result<Vec<_>, _>>()?;
        let drawn = vec![(0, None); seen.len()];
        let (limit, hard) = quota.map_or((0, false), |quota| (quota.limit, quota.hard));
        Ok(Self { meter, month, tenant, limit, hard, seen, drawn })
    }

    /// What is free in a purse, behind what is decided to be drawn. One that is not there yet is full.
    fn free_in(&self, number: usize) -> i128 {
        let purse = u64::try_from(number).unwrap_or_default();
        let share = i128::from(share(self.limit, purse));
        let before = self.seen[number]
            .as_ref()
            .map_or(share, |seen| i128::from(seen.free) + share - i128::from(seen.filled()));
        let (used, hold) = self.drawn[number];
        before - i128::from(used) - i128::from(hold.map_or(0, |hold| hold.amount))
    }

    pub(crate) fn free(&self) -> u64 {
        let all: i128 = (0..self.seen.len()).map(|number| self.free_in(number)).sum();
        u64::try_from(all.max(0)).unwrap_or(u64::MAX)
    }

    pub(crate) fn used(&self) -> u64 {
        let before: u64 = self.seen.iter().flatten().map(|seen| seen.used).sum();
        before + self.drawn.iter().map(|(used, _)| used).sum::<u64>()
    }

    /// The same with more used in one of them: for what was held there.
    pub(crate) fn with_used(&self, amount: u64) -> Self {
        let mut after = self.clone();
        if let Some((used, _)) = after.drawn.first_mut() {
            *used += amount;
        }
        after
    }

    fn held(&self) -> u64 {
        let before: u64 = self.seen.iter().flatten().map(Balance::held).sum();
        before + self.drawn.iter().filter_map(|(_, hold)| *hold).map(|hold| hold.amount).sum::<u64>()
    }

    /// How much of this amount each purse gives: one that has all of it, or else several, the fullest first;
    /// nothing where all together have not so much. Where no more than is told of happens at the limit, any
    /// purse gives all.
    fn parts(&self, amount: u64, may: impl Fn(usize) -> bool) -> Option<Vec<(usize, u64)>> {
        let first = usize::from(primitives::random_secret::<1>()[0]);
        let mut all =
            (0..self.seen.len()).map(|number| (number + first) % self.seen.len()).filter(|one| may(*one));
        if !self.hard {
            return all.next().map(|number| vec![(number, amount)]);
        }
        let mut all: Vec<_> = all.map(|number| (number, self.free_in(number))).collect();
        if let Some((number, _)) = all.iter().find(|(_, free)| *free >= i128::from(amount)) {
            return Some(vec![(*number, amount)]);
        }
        all.sort_by_key(|(_, free)| -free);
        let (mut parts, mut left) = (Vec::new(), amount);
        for (number, free) in all {
            let part = u64::try_from(free.max(0)).unwrap_or(u64::MAX).min(left);
            if part > 0 {
                parts.push((number, part));
                left -= part;
            }
        }
        (left == 0).then_some(parts)
    }

    /// Uses an amount; says no where it is not left.
    pub(crate) fn take(&mut self, amount: u64) -> bool {
        let Some(parts) = self.parts(amount, |_| true) else { return false };
        for (number, part) in parts {
            self.drawn[number].0 += part;
        }
        true
    }

    /// Sets an amount aside; nothing where it is not left, or too many are set aside.
    pub(crate) fn hold(&mut self, amount: u64) -> Option<Vec<Part>> {
        let has_place = |number: usize| self.seen[number].as_ref().is_none_or(Balance::has_place);
        let parts = self.parts(amount, has_place)?;
        let part = |(number, amount): (usize, u64)| {
            let part = Part { purse: u64::try_from(number).unwrap_or_default(), amount };
            self.drawn[number].1 = Some(part);
            part
        };
        Some(parts.into_iter().map(part).collect())
    }

    /// What is decided, as changes: `hold` says under which id, and until when, something is set aside.
    pub(crate) fn changes(&self, hold: Option<(&str, Timestamp)>) -> Changes {
        // behind all that may come late, and within forty days of the month's first draw
        let expires_at = self.month.end + keys::PURSES_OUTLAST;
        let mut changes = Changes::new();
        for (number, (used, part)) in self.drawn.iter().enumerate() {
            let part = part.zip(hold).map(|(part, (id, until))| Hold::new(id, part.amount, until));
            if *used == 0 && part.is_none() {
                continue;
            }
            let purse = u64::try_from(number).unwrap_or_default();
            let filled = share(self.limit, purse);
            let draw = Draw { filled, used: *used, hold: part, bounded: self.hard, expires_at };
            let purse = self::purse(self.tenant, self.month, self.meter, purse);
            changes = changes.and(purse.draw(self.seen[number].as_ref(), &draw));
        }
        changes
    }

    /// Gives back what others have set aside and left; says whether there was any.
    pub(crate) async fn give_back(&self, table: &Table) -> Result<bool, StoreError> {
        let (now, mut any) = (table.clock().now(), false);
        for (number, seen) in self.seen.iter().enumerate() {
            if let Some(seen) = seen.as_ref().filter(|seen| seen.has_leftovers(now)) {
                let purse = u64::try_from(number).unwrap_or_default();
                any |=
                    table.give_back(&self::purse(self.tenant, self.month, self.meter, purse), seen).await?;
            }
        }
        Ok(any)
    }

    pub(crate) fn exceeded(&self) -> UsageError {
        let resets_at = Time::from(self.month.end);
        UsageError::QuotaExceeded { meter: self.meter.name, free: self.free(), resets_at }
    }

    fn shown(&self, quota: &Quota) -> api::Quota {
        api::Quota {
            meter: self.meter.name.to_owned(),
            unit: self.meter.unit.to_owned(),
            limit: Some(quota.limit),
            used: self.used(),
            reserved: self.held(),
            hard: quota.hard,
            resets_at: self.month.end.into(),
        }
    }
}

/// How much of each quota of the plan is used in this month.
pub async fn quotas(table: &Table, permit: &Permit<ReadUsage>) -> Result<Vec<api::Quota>, UsageError> {
    let (tenant, month) = (permit.tenant(), Span::of(Window::Month, table.clock().now()));
    let limited = || permit.plan.quotas.iter().filter_map(|quota| Some((Meter::named(quota.meter)?, quota)));
    let keys: Vec<_> = limited().flat_map(|(meter, _)| Purses::keys(tenant, month, meter)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let shown =
        |(meter, quota)| Ok(Purses::found(&mut found, (tenant, month), meter, Some(quota))?.shown(quota));
    limited().map(shown).collect()
}

/// That an organization was told.
#[derive(Debug, Serialize, Deserialize)]
struct Warning {
    org_id: primitives::OrgId,
    month: Timestamp,
    meter: String,
    what: String,
    #[serde(skip)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for Warning {
    fn key(&self) -> Key {
        let month = Span::of(Window::Month, self.month);
        keys::UsageWarning::key(Tenant::trusted(self.org_id), month, self.meter.clone(), self.what.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

/// Which thresholds lie between what was used before and what is used now.
fn crossed(limit: u64, before: u64, now: u64) -> impl Iterator<Item = u64> {
    let reached =
        move |used: u64, percent: u64| u128::from(used) * 100 >= u128::from(limit) * u128::from(percent);
    THRESHOLDS
        .into_iter()
        .filter(move |percent| limit > 0 && reached(now, *percent) && !reached(before, *percent))
}

/// Tells that thresholds were passed, each once a month. What two see pass at once that each alone does not,
/// and what is lost with whoever saw it, [`catch_up`] tells within the hour.
pub(crate) async fn tell_crossed(
    table: &Table,
    cause: &Cause,
    purses: &Purses,
    before: u64,
) -> Result<(), UsageError> {
    let (used, limit) = (purses.used(), purses.limit);
    for percent in crossed(limit, before, used) {
        let (meter, resets_at) = (purses.meter, Time::from(purses.month.end));
        let (name, unit) = (meter.name.to_owned(), meter.unit.to_owned());
        let event = ThresholdReached { meter: name, unit, percent, used, limit, resets_at };
        tell(table, cause, purses, (&percent.to_string(), &event)).await?;
    }
    Ok(())
}

/// Tells that something was refused, once a month.
pub(crate) async fn tell_exceeded(table: &Table, cause: &Cause, purses: &Purses) -> Result<(), UsageError> {
    let (meter, resets_at) = (purses.meter, Time::from(purses.month.end));
    let (name, unit) = (meter.name.to_owned(), meter.unit.to_owned());
    let event = QuotaExceeded { meter: name, unit, used: purses.used(), limit: purses.limit, resets_at };
    tell(table, cause, purses, ("exceeded", &event)).await
}

async fn tell(
    table: &Table,
    cause: &Cause,
    purses: &Purses,
    (what, event): (&str, &impl Event),
) -> Result<(), UsageError> {
    let org_id = purses.tenant.org_id();
    let warning = Warning {
        org_id,
        month: purses.month.start,
        meter: purses.meter.name.to_owned(),
        what: what.to_owned(),
        expires_at: Some(table.clock().now() + keys::KEPT),
        version: 0,
    };
    let warning = &warning;
    let decide = |_| async move {
        // a late read makes one more try, which the condition ends
        let told: Option<Warning> = table.get(&warning.key(), Consistency::Eventual).await?;
        if told.is_some() {
            return Ok(Decision::done(()));
        }
        let event = NewEvent::new(Some(org_id), &org_id, 0, event);
        let changes = Changes::new().create(warning).publish(event);
        Ok(Decision::commit(changes, ()).unless(&warning.key(), Ok(())))
    };
    table.decide(cause, decide).await
}

/// Tells of all that is used up so far of a month's quotas of these meters, and was not told.
pub(crate) async fn catch_up(
    table: &Table,
    cause: &Cause,
    (tenant, month, plan): (Tenant, Span, &Plan),
    meters: impl Iterator<Item = &'static Meter>,
) -> Result<(), UsageError> {
    let limited: Vec<_> = meters.filter_map(|meter| Some((meter, plan.quota(meter.name)?))).collect();
    let keys: Vec<_> = limited.iter().flat_map(|(meter, _)| Purses::keys(tenant, month, meter)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    for (meter, quota) in limited {
        let purses = Purses::found(&mut found, (tenant, month), meter, Some(quota))?;
        tell_crossed(table, cause, &purses, 0).await?;
    }
    Ok(())
}
