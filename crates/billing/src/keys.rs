//! The kinds of items of billing.

use access::Tenant;
use jiff::Timestamp;
use stripe_client::{CustomerId, EventId};
use table::{Entry, Index, Query, sortable};

table::kinds! {
    /// What an organization's trial and subscription are. Written by create organization, `hook-stripe`,
    /// `cron-trial-expiry`; read by `GET /v1/billing/subscription` and the last two.
    "subscription" Subscription(org: Tenant;) "BILL#<org>" "SUBSCRIPTION" {
        store: Main, most_kb: 150, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which organization a customer at Stripe is. Written and read by `hook-stripe`.
    "stripe_customer" StripeCustomer(customer: CustomerId;) "STRIPE_CUSTOMER#<customer>" "STRIPE_CUSTOMER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: NamedIn("subscription"),
    }
    /// That an event from Stripe was applied. Written and read by `hook-stripe`.
    "stripe_event" StripeEvent(event: EventId;) "STRIPE_EVENT#<event>" "STRIPE_EVENT" {
        store: Main, most_kb: 1, kept: Days(90, "90 days"), owner: Org,
        erased: Stays("ids of Stripe and of the organization alone, for 90 days"),
    }
    /// An event from Stripe that could not be applied yet, filed under what it waits for. Written and read by
    /// `hook-stripe`; read by `operator`, through the index.
    "parked_stripe_event" ParkedStripeEvent(waits_for: String; event: EventId)
    "STRIPE_PARKED#<waits_for>" "EVENT#<event>" {
        store: Main, most_kb: 310, kept: Days(365, "365 days"), owner: Org,
        erased: NamedIn("stripe_customer"),
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[TRIAL_NOTICE, PARKED];

/// Trials that have a notice to send, by when it is due.
const TRIAL_NOTICE: Entry =
    Entry { name: "trial notice", on: "subscription", pk: "TRIAL_NOTICE", sk: "<due_at>#<org>" };

/// Events from Stripe that wait or were given up, by when they were put aside: what an operator looks at.
const PARKED: Entry = Entry {
    name: "parked Stripe event",
    on: "parked_stripe_event",
    pk: "STRIPE_PARKED",
    sk: "<parked_at>#<event>",
};

pub(crate) fn trial_notice(due_at: Timestamp, org: Tenant) -> Index {
    TRIAL_NOTICE.index(&[], &[&sortable(due_at), &org])
}

pub(crate) fn parked(parked_at: Timestamp, event: &EventId) -> Index {
    PARKED.index(&[], &[&sortable(parked_at), event])
}

/// Asks for the trials whose notice is due at this time.
pub(crate) fn due_notices(now: Timestamp) -> Query {
    Query::index_up_to(TRIAL_NOTICE.on, TRIAL_NOTICE.pk, behind(now))
}

/// Asks for the events that were put aside up to this place in their list.
pub(crate) fn parked_up_to(place: &str) -> Query {
    Query::index_up_to(PARKED.on, PARKED.pk, place)
}

/// Behind every entry for this instant: ids are letters and digits.
pub(crate) fn behind(now: Timestamp) -> String {
    format!("{}#~", sortable(now))
}
