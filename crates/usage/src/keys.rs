//! The kinds of items of usage.

use access::Tenant;
use primitives::{ReservationId, SignedDuration, Timestamp};
use table::{Entry, Indexed};
use usage_ledger::{Span, Window};

/// How long events, their counters and quotas are kept: longer than an event is known again, and than a month
/// with all that may come late.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(24 * 40);
/// How long the purses of a month's quota are kept behind its end.
pub(crate) const PURSES_OUTLAST: SignedDuration = SignedDuration::from_hours(24 * 9);

table::kinds! {
    /// A usage event that was counted, by the hash of its source and id: that it is there keeps it from being
    /// counted again. Written by record usage and by settle reservation; read by nobody but a recount.
    "usage_event" UsageEvent(org: Tenant, part: String; hash: String) "USAGE_EVENT#<org>#<part>" "EVENT#<hash>" {
        store: Traffic, most_kb: 2, kept: Days(40, "40 days"), owner: Org, erased: Expires,
    }
    /// A part of what an hour's events add up to, of all meters. Written by record usage and by settle
    /// reservation; read by them, and by `cron-usage-rollup`.
    "usage_count" UsageCount(org: Tenant, hour: Span; shard: String) "USAGE_COUNT#<org>#<hour>" "COUNT#<shard>" {
        store: Traffic, most_kb: 4, kept: Days(40, "40 days"), owner: Org, erased: Expires,
    }
    /// A part of the different values that an hour's events named. As above.
    "usage_values" UsageValues(org: Tenant, hour: Span; meter: String, shard: String) "USAGE_COUNT#<org>#<hour>" "VALUES#<meter>#<shard>" {
        store: Traffic, most_kb: 24, kept: Days(40, "40 days"), owner: Org, erased: Expires,
    }
    /// The events of one second, where a meter packs them. As above.
    "usage_slice" UsageSlice(org: Tenant, hour: Span; meter: String, second: u64, part: u64) "USAGE_SLICE#<org>#<hour>" "SLICE#<meter>#<second>#<part>" {
        store: Traffic, most_kb: 64, kept: Days(40, "40 days"), owner: Org, erased: Expires,
    }
    /// A part of what may be used of something in a month: a purse. Written by record usage and by
    /// reservations; read by them, by the list of quotas, and by `cron-usage-rollup`.
    "usage_purse" UsagePurse(org: Tenant, month: Span; meter: String, shard: u64) "USAGE_QUOTA#<org>#<month>" "PURSE#<meter>#<shard>" {
        store: Traffic, most_kb: 4, kept: Days(40, "40 days"), owner: Org, erased: Expires,
    }
    /// An amount that somebody has set aside. Written and read by create, settle and release reservation.
    "usage_reservation" UsageReservation(org: Tenant; reservation: ReservationId) "USAGE_RESERVATION#<org>" "RESERVATION#<reservation>" {
        store: Traffic, most_kb: 1, kept: Days(40, "40 days"), owner: Org, erased: Expires,
    }
    /// That an hour has to be summed up, and from when on. Written by record usage and by settle reservation;
    /// read and deleted by `cron-usage-rollup`.
    "usage_todo" UsageTodo(org: Tenant; hour: Span) "USAGE#<org>" "OPEN#<hour>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That an organization was told about a quota in a month. Written by whoever finds it used up so far,
    /// with the event that tells it.
    "usage_warning" UsageWarning(org: Tenant; month: Span, meter: String, what: String) "USAGE#<org>" "WARNED#<month>#<meter>#<what>" {
        store: Main, most_kb: 1, kept: Days(40, "40 days"), owner: Org, erased: Partition,
    }
    /// What Stripe was told of an hour, and what it is being told. Written and read by `cron-usage-rollup`.
    "usage_sent" UsageSent(org: Tenant; meter: String, hour: Span) "USAGE#<org>" "SENT#<meter>#<hour>" {
        store: Main, most_kb: 1, kept: Days(40, "40 days after it was last changed"), owner: Org, erased: Partition,
    }
    /// The different values of a day or a month, for the sum of it. Written and read by `cron-usage-rollup`.
    "usage_set" UsageSet(org: Tenant; meter: String, span: Span) "USAGE#<org>" "SET#<meter>#<span>" {
        store: Main, most_kb: 240, kept: Days(40, "40 days after it was last changed"), owner: Org, erased: Partition,
    }
    /// What was used in an hour. Written by `cron-usage-rollup`; read by it and by query usage.
    "usage_hour" UsageHour(org: Tenant; start: String) "USAGE_HOUR#<org>" "<start>" {
        store: Main, most_kb: 2, kept: Until("92 days after the hour"), owner: Org, erased: Partition,
    }
    /// The same of a day.
    "usage_day" UsageDay(org: Tenant; start: String) "USAGE_DAY#<org>" "<start>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
    /// The same of a month.
    "usage_month" UsageMonth(org: Tenant; start: String) "USAGE_MONTH#<org>" "<start>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Org, erased: Partition,
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[ROLLUP];

/// Hours that have to be summed up, by from when on.
pub const ROLLUP: Entry = Entry {
    name: "hour of usage to sum up",
    on: "usage_todo",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#USAGE#<shard>",
    sk: "<due_at>#<hour>",
};

/// A key at which there is nothing: for who opens a connection by reading something.
pub fn nobodys(org_id: primitives::OrgId) -> table::Key {
    UsageTodo::key(Tenant::trusted(org_id), any_hour())
}

pub(crate) fn any_hour() -> Span {
    Span::of(Window::Hour, Timestamp::UNIX_EPOCH)
}
