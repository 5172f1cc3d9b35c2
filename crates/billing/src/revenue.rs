//! What our staff knows of trials and revenue, month by month: written in the transactions in which accounts
//! change, so that each change counts once, and the sum of all of them is what is so.
//!
//! The monthly recurring revenue of an account is the list price of what it subscribed to, for a month: see
//! `docs/billing.md`. What an event brings late counts in the month in which we hear of it. A month that is
//! over does not change any more.

use std::{collections::BTreeMap, fmt, str::FromStr};

use access::{Interval, PLANS, Price, StaffPermit, staff_needs::ReadBilling};
use futures::future::try_join_all;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use primitives::OrgId;
use serde::Serialize;
use serde_json::{Map, Value};
use stripe_client::SubscriptionStatus;
use table::{Changes, StoreError, Table, Totals};

use crate::{Account, Subscription, keys};

/// A month's figures are so many items, each of some of the organizations, so that many can change at once.
const SHARDS: u8 = 4;

/// A part of a month's figures, as it is stored.
type Part = Map<String, Value>;

/// More months than there will be.
const MONTHS: usize = 1_200;

/// A month, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

/// The text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month like \"2026-11\"")]
pub struct NoMonth;

impl Month {
    /// The one that this is in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// The one so many before.
    #[must_use]
    pub fn before(self, months: i64) -> Self {
        Self(self.0.saturating_sub(jiff::Span::new().months(months)))
    }
}

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let date = format!("{text}-01").parse().map_err(|_| NoMonth)?;
        let month = Self(date);
        if month.to_string() == text { Ok(month) } else { Err(NoMonth) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// What an account pays in a month, in the smallest unit of this currency. Nothing where it pays nothing
/// that we know a price of, or has said that it is not going to pay again.
fn monthly(account: &Account) -> Option<(&'static str, u64)> {
    let counts = |status| matches!(status, SubscriptionStatus::Active | SubscriptionStatus::PastDue);
    let goes_on = |it: &&Subscription| !it.cancel_at_period_end && it.cancel_at.is_none();
    let living = account.stripe.living().filter(goes_on);
    let subscription = living.filter(|living| counts(living.status))?;
    let price = price_of(subscription)?;
    let amount = u64::from(price.unit_amount).saturating_mul(subscription.quantity.unwrap_or_default());
    let amount = match price.interval {
        Interval::Month => amount,
        Interval::Year => amount / 12,
    };
    (amount > 0).then_some((price.currency, amount))
}

fn price_of(subscription: &Subscription) -> Option<&'static Price> {
    let key = subscription.lookup_key.as_deref()?;
    PLANS.iter().flat_map(|plan| plan.prices).find(|price| price.lookup_key == key)
}

/// What a change of an account adds to the month's figures.
pub(crate) fn moved(before: &Account, after: &Account, now: Timestamp) -> Changes {
    let mut totals = totals(after.org_id, now);
    if after.stripe.has_begun() && !before.stripe.has_begun() {
        totals = totals.add("converted", 1);
    }
    let (then, next) = (monthly(before), monthly(after));
    for (name, more) in movements(then, next) {
        totals = totals.add(&name, more);
    }
    if totals.is_empty() { Changes::new() } else { totals.changes() }
}

fn movements(then: Option<(&str, u64)>, next: Option<(&str, u64)>) -> Vec<(String, u64)> {
    match (then, next) {
        (Some((currency, then)), Some((same, next))) if currency == same => match then.abs_diff(next) {
            0 => Vec::new(),
            more if next > then => vec![(format!("expanded.{currency}"), more)],
            less => vec![(format!("contracted.{currency}"), less)],
        },
        (then, next) => {
            let lost =
                then.map(|(currency, amount)| [("lost".to_owned(), 1), (format!("lost.{currency}"), amount)]);
            let gained = next
                .map(|(currency, amount)| [("gained".to_owned(), 1), (format!("gained.{currency}"), amount)]);
            lost.into_iter().chain(gained).flatten().collect()
        }
    }
}

/// That an organization tries the product from now on.
pub(crate) fn trial_started(org_id: OrgId, now: Timestamp) -> Changes {
    totals(org_id, now).add("started", 1).changes()
}

/// That a trial ended without a subscription.
pub(crate) fn trial_ended(org_id: OrgId, now: Timestamp) -> Changes {
    totals(org_id, now).add("ended", 1).changes()
}

fn totals(org_id: OrgId, now: Timestamp) -> Totals {
    let shard = org_id.uuid().as_bytes()[15] % SHARDS;
    Totals::for_good(keys::Revenue::key(shard, Month::of(now).to_string()))
}

/// What happened in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevenueMonth {
    /// Which one: `2026-11`, in UTC.
    pub month: String,
    /// Organizations that began to try the product.
    pub trials_started: u64,
    /// Organizations whose first subscription began.
    pub trials_converted: u64,
    /// Trials that ended without one.
    pub trials_ended: u64,
    /// Organizations that pay now and did not.
    pub subscriptions_gained: u64,
    /// Organizations that paid and do not any more.
    pub subscriptions_lost: u64,
    /// Monthly recurring revenue, by currency.
    pub mrr: Vec<Mrr>,
}

/// Monthly recurring revenue in one currency, in its smallest unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mrr {
    /// ISO 4217, lower case.
    pub currency: String,
    /// At the month's beginning.
    pub opening: u64,
    /// Of organizations that began to pay.
    pub gained: u64,
    /// Of organizations that pay more.
    pub expanded: u64,
    /// Of organizations that pay less.
    pub contracted: u64,
    /// Of organizations that ceased to pay.
    pub lost: u64,
    /// At its end.
    pub closing: u64,
}

/// The months from one to another, the first one first: a call for each part.
pub async fn revenue(
    table: &Table,
    _: &StaffPermit<ReadBilling>,
    (from, to): (Month, Month),
) -> Result<Vec<RevenueMonth>, StoreError> {
    let parts =
        (0..SHARDS).map(|shard| async move { table.first::<Part>(&keys::Revenue::all(shard), MONTHS).await });
    let mut months: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for part in try_join_all(parts).await?.into_iter().flatten() {
        let Some(month) = part.get("sk").and_then(Value::as_str) else { continue };
        let month = months.entry(month.to_owned()).or_default();
        for (name, value) in &part {
            if let Some(value) = value.as_u64() {
                *month.entry(name.clone()).or_default() += value;
            }
        }
    }
    Ok(report(&months, from, to))
}

fn report(months: &BTreeMap<String, BTreeMap<String, u64>>, from: Month, to: Month) -> Vec<RevenueMonth> {
    let mut open: BTreeMap<String, u64> = BTreeMap::new();
    let (none, mut rows) = (BTreeMap::new(), Vec::new());
    let first = months.keys().next().and_then(|first| first.parse().ok()).unwrap_or(from).min(from);
    let mut month = first;
    while month <= to {
        let name = month.to_string();
        let figures = months.get(&name).unwrap_or(&none);
        let row = row(name, figures, &mut open);
        if month >= from {
            rows.push(row);
        }
        month = month.before(-1);
    }
    rows
}

fn row(month: String, figures: &BTreeMap<String, u64>, open: &mut BTreeMap<String, u64>) -> RevenueMonth {
    let count = |name: &str| figures.get(name).copied().unwrap_or_default();
    for name in figures.keys() {
        if let Some((_, currency)) = name.split_once('.') {
            open.entry(currency.to_owned()).or_default();
        }
    }
    let mrr = open.iter_mut().map(|(currency, open)| {
        let of = |what: &str| count(&format!("{what}.{currency}"));
        let (opening, gained, expanded) = (*open, of("gained"), of("expanded"));
        let (contracted, lost) = (of("contracted"), of("lost"));
        let closing = (opening + gained + expanded).saturating_sub(contracted + lost);
        *open = closing;
        Mrr { currency: currency.clone(), opening, gained, expanded, contracted, lost, closing }
    });
    let mrr = mrr.collect();
    RevenueMonth {
        month,
        trials_started: count("started"),
        trials_converted: count("converted"),
        trials_ended: count("ended"),
        subscriptions_gained: count("gained"),
        subscriptions_lost: count("lost"),
        mrr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Fact, Rank,
        samples::{account, stamp, subscription},
    };

    fn paying(status: SubscriptionStatus, key: &str, quantity: u64, second: i64) -> Account {
        let seen = Subscription {
            lookup_key: Some(key.to_owned()),
            quantity: Some(quantity),
            ..subscription("sub_1", 0, status)
        };
        account().learn([Fact::Subscription(seen, stamp(second, Rank::Updated, "evt_1"))])
    }

    #[test]
    fn what_is_monthly_revenue_and_what_is_not() {
        use SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Paused, Trialing, Unpaid};
        for (status, counts) in [
            (Active, true),
            (PastDue, true),
            (Trialing, false),
            (Unpaid, false),
            (Paused, false),
            (Canceled, false),
            (Incomplete, false),
        ] {
            let expected = counts.then_some(("usd", 5_700));
            assert_eq!(monthly(&paying(status, "team_month", 3, 1)), expected, "{status:?}");
        }
        // a year is twelve months, and what is left of the division is nobody's
        assert_eq!(monthly(&paying(Active, "team_year", 1, 1)), Some(("usd", 1_583)));
        assert_eq!(monthly(&paying(Active, "made_by_hand", 1, 1)), None);
        assert_eq!(monthly(&account()), None);
    }

    #[test]
    fn whatever_the_way_the_sum_is_what_is_so() {
        let figures = [None, Some(("usd", 5)), Some(("usd", 9)), Some(("usd", 2)), Some(("eur", 7)), None];
        let mut sums: BTreeMap<String, i128> = BTreeMap::new();
        for pair in figures.windows(2) {
            for (name, more) in movements(pair[0], pair[1]) {
                let Some((what, currency)) = name.split_once('.') else { continue };
                let sign = if matches!(what, "gained" | "expanded") { 1 } else { -1 };
                *sums.entry(currency.to_owned()).or_default() += sign * i128::from(more);
            }
        }
        assert_eq!(sums.into_values().collect::<Vec<_>>(), [0, 0]);
        assert_eq!(movements(Some(("usd", 5)), Some(("usd", 5))), []);
    }

    #[test]
    fn a_month_opens_with_what_the_one_before_closed_with() {
        let figures =
            |pairs: &[(&str, u64)]| pairs.iter().map(|(name, more)| ((*name).to_owned(), *more)).collect();
        let months = BTreeMap::from([
            ("2026-01".to_owned(), figures(&[("gained", 2), ("gained.usd", 100), ("started", 5)])),
            ("2026-03".to_owned(), figures(&[("lost", 1), ("lost.usd", 30), ("expanded.usd", 5)])),
        ]);
        let shown = report(&months, "2026-02".parse().unwrap(), "2026-04".parse().unwrap());
        let mrr: Vec<_> = shown.iter().map(|row| (row.mrr[0].opening, row.mrr[0].closing)).collect();
        assert_eq!(mrr, [(100, 100), (100, 75), (75, 75)]);
        assert_eq!((shown[1].subscriptions_lost, shown[1].month.as_str()), (1, "2026-03"));
        assert_eq!(report(&months, "2025-11".parse().unwrap(), "2025-12".parse().unwrap())[0].mrr, []);
    }

    #[test]
    fn months_are_read_as_they_are_written() {
        for text in ["2026-11", "0001-01", "9999-12"] {
            assert_eq!(text.parse::<Month>().unwrap().to_string(), text);
        }
        for text in ["2026-13", "2026-1", "2026", "26-11", "2026-11-01", "-2026-11", ""] {
            assert_eq!(text.parse::<Month>(), Err(NoMonth), "{text}");
        }
    }
}
