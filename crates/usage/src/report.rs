use access::{Permit, needs::ReadUsage};
use primitives::{SignedDuration, Timestamp};
use table::{Query, Table};
use usage_ledger::{Meter, Span};

use crate::{UsageError, api, items::Sum, keys};

/// What was used of something from one moment to another, by hour, day or month: as it was summed up.
pub async fn report(
    table: &Table,
    permit: &Permit<ReadUsage>,
    meter: &str,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    window: api::Window,
) -> Result<api::UsageReport, UsageError> {
    let meter = Meter::named(meter).ok_or(UsageError::UnknownMeter)?;
    let to = to.unwrap_or_else(|| table.clock().now());
    let (span, name, most) = match window {
        api::Window::Hour => (usage_ledger::Window::Hour, "hour", 24 * 7),
        api::Window::Day => (usage_ledger::Window::Day, "day", 93),
        api::Window::Period => (usage_ledger::Window::Month, "month", 24),
    };
    let length = |span: Span| span.end.as_second() - span.start.as_second();
    let one = length(Span::of(span, to));
    let longest = SignedDuration::from_secs(one * most);
    let from = from
        .unwrap_or_else(|| Span::of(span, to - SignedDuration::from_secs(one * (most.min(31) - 1))).start);
    let from = Span::of(span, from).start;
    if to < from || to - longest > from {
        return Err(UsageError::Range { most, window: name });
    }
    let tenant = permit.tenant();
    let query: Query = match span {
        usage_ledger::Window::Hour => keys::UsageHour::all(tenant),
        usage_ledger::Window::Day => keys::UsageDay::all(tenant),
        usage_ledger::Window::Month => keys::UsageMonth::all(tenant),
    };
    let mut rows = Vec::new();
    if let Some(query) = query.within(Some(from), Some(to)) {
        let most = usize::try_from(most + 2).unwrap_or(usize::MAX);
        for sum in table.first::<Sum>(&query, most).await? {
            let Some(counted) = sum.meters.get(meter.name) else { continue };
            let (span, (value, exact)) = (Span::of(span, sum.start), counted.shown(meter));
            rows.push(api::UsageRow { starts_at: span.start.into(), ends_at: span.end.into(), value, exact });
        }
    }
    Ok(api::UsageReport { meter: meter.name.to_owned(), unit: meter.unit.to_owned(), window, rows })
}
