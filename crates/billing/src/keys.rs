//! The kinds of items of billing.

use crate::CompanyHash;
use access::Tenant;
use jiff::Timestamp;
use stripe_client::{CustomerId, EventId};
use table::{Entry, Index, Indexed, Query, sortable};

table::kinds! {
    /// What an organization's trial and subscription are. Written by create organization, the acts of
    /// billing, `hook-stripe`, `cron-trial-expiry`; read by the routes of billing and the last two.
    "subscription" Subscription(org: Tenant;) "BILL#<org>" "SUBSCRIPTION" {
        store: Main, most_kb: 150, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That somebody is about to subscribe, the latest time: what was asked for, and what came of it.
    /// Written by whoever begins that, and by `hook-stripe` when it is paid; read by the same.
    "checkout" Checkout(org: Tenant;) "BILL#<org>" "CHECKOUT" {
        store: Main, most_kb: 12, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That an organization's payments fail or did the last time, and of what it was reminded. Written by
    /// whoever writes the subscription, and by `cron-trial-expiry`, which reads it.
    "grace" Grace(org: Tenant;) "BILL#<org>" "GRACE" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// That a company, known by the hash of an address or a domain, has had its trial, and until when.
    /// Written and read by create organization.
    "trial_owner" TrialOwner(company: CompanyHash;) "TRIAL#<company>" "OWNER" {
        store: Main, most_kb: 1, kept: Until("two years after the trial began"), owner: Address,
        erased: Stays("a hash and times, for two years: else erasing would begin a trial anew"),
    }
    /// What a change of accounts made of trials and revenue in a month, in UTC: a part of it. Written with
    /// each such change by create organization, the acts of billing, `hook-stripe` and `cron-trial-expiry`;
    /// read by our staff.
    "revenue" Revenue(shard: u8; month: String) "REVENUE#<shard>" "<month>" {
        store: Main, most_kb: 1, kept: ForGood, owner: Nobody, erased: Stays("sums over all organizations"),
    }
    /// Which organizations have a card, which is known by the hash of Stripe's fingerprint of it. Written
    /// and read by `hook-stripe`; read by our staff, through the index where there are several.
    "card" Card(card: CompanyHash;) "CARD#<card>" "CARD" {
        store: Main, most_kb: 3, kept: Until("two years after the latest of them had it"), owner: Nobody,
        erased: Stays("a hash, times and ids of organizations, for two years"),
    }
    /// For how many seats Stripe was asked to charge last, and whether it has answered. Written and read by
    /// `queue-seats` and `cron-reconcile`.
    "seat_order" SeatOrder(org: Tenant;) "BILL#<org>" "SEAT_ORDER" {
        store: Main, most_kb: 1, kept: ForGood, owner: Org, erased: Partition,
    }
    /// Which organization a customer at Stripe is, or was: of one that is erased, what Stripe tells late has
    /// no effect. Written and read by `hook-stripe`; written by the first act of
    /// billing, and by `cron-account-erasure`.
    "stripe_customer" StripeCustomer(customer: CustomerId;) "STRIPE_CUSTOMER#<customer>" "STRIPE_CUSTOMER" {
        store: Main, most_kb: 1, kept: Until("90 days after its organization was erased"), owner: Org,
        erased: Stays("an id of Stripe's and the organization's, for 90 days"),
    }
    /// That an event from Stripe was applied. Written and read by `hook-stripe`.
    "stripe_event" StripeEvent(event: EventId;) "STRIPE_EVENT#<event>" "STRIPE_EVENT" {
        store: Main, most_kb: 1, kept: Days(90, "90 days"), owner: Org,
        erased: Stays("ids of Stripe and of the organization alone, for 90 days"),
    }
    /// An event from Stripe that could not be applied yet, filed under what it waits for. Written
    /// and read by `hook-stripe`; read by `operator`, through the index.
    "parked_stripe_event" ParkedStripeEvent(waits_for: String; event: EventId)
    "STRIPE_PARKED#<waits_for>" "EVENT#<event>" {
        store: Main, most_kb: 310, kept: Days(365, "365 days"), owner: Org,
        erased: NamedIn("stripe_customer"),
    }
    /// A nightly comparison of Stripe and us: how far it is, and what it found. Written and read by
    /// `cron-reconcile`; read by `api-admin`.
    "reconciliation" Reconciliation(; night: String) "RECONCILIATIONS" "<night>" {
        store: Main, most_kb: 20, kept: Days(400, "400 days"), owner: Nobody,
        erased: Stays("ids alone, of organizations and of Stripe's, for 400 days"),
    }
}

/// The sorts of entries that this domain has in the index.
pub const ENTRIES: &[Entry] = &[TRIAL_NOTICE, GRACE_NOTICE, PARKED, FAILING, SHARED_CARD];

/// Trials that have a notice to send, by when it is due.
pub(crate) const TRIAL_NOTICE: Entry = Entry {
    name: "trial notice",
    on: "subscription",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#TRIAL#<shard>",
    sk: "<due_at>#<org>",
};

/// Organizations whose payments fail, by when they are to be reminded.
pub(crate) const GRACE_NOTICE: Entry = Entry {
    name: "grace notice",
    on: "grace",
    indexed: Indexed::Due { shards: 4 },
    pk: "DUE#GRACE#<shard>",
    sk: "<due_at>#<org>",
};

/// Events from Stripe that wait or were given up, by when they were put aside: what an operator
/// looks at.
const PARKED: Entry = Entry {
    name: "parked Stripe event",
    on: "parked_stripe_event",
    indexed: Indexed::List,
    pk: "STRIPE_PARKED",
    sk: "<parked_at>#<event>",
};

/// Organizations whose payments fail, by since when: what our staff looks at. Nobody whose payments fail has
/// a trial notice to send.
const FAILING: Entry = Entry {
    name: "failing payment",
    on: "subscription",
    indexed: Indexed::List,
    pk: "PAYMENT_FAILING",
    sk: "<since>#<org>",
};

/// Cards that several organizations have, by when the latest of them had it.
const SHARED_CARD: Entry = Entry {
    name: "shared card",
    on: "card",
    indexed: Indexed::List,
    pk: "SHARED_CARDS",
    sk: "<since>#<card>",
};

pub(crate) fn failing(since: Timestamp, org: Tenant) -> Index {
    FAILING.listed(&[], &[&sortable(since), &org], org.org_id().to_string())
}

/// Asks for the organizations whose payments fail.
pub(crate) fn all_failing() -> Query {
    Query::list_prefix(FAILING.on, FAILING.pk, "")
}

pub(crate) fn shared_card(since: Timestamp, card: &CompanyHash) -> Index {
    SHARED_CARD.listed(&[], &[&sortable(since), card], card.to_string())
}

/// Asks for the cards that several organizations have.
pub(crate) fn shared_cards() -> Query {
    Query::list_prefix(SHARED_CARD.on, SHARED_CARD.pk, "")
}

pub(crate) fn trial_notice(due_at: Timestamp, org: Tenant) -> Index {
    TRIAL_NOTICE.due(due_at, &org)
}

pub(crate) fn grace_notice(due_at: Timestamp, org: Tenant) -> Index {
    GRACE_NOTICE.due(due_at, &org)
}

pub(crate) fn parked(parked_at: Timestamp, event: &EventId, summary: String) -> Index {
    PARKED.listed(&[], &[&sortable(parked_at), event], summary)
}

/// Asks for the events that were put aside up to this place in their list.
pub(crate) fn parked_up_to(place: &str) -> Query {
    Query::list_up_to(PARKED.on, PARKED.pk, place)
}

/// Behind every entry for this instant: ids are letters and digits.
pub(crate) fn behind(now: Timestamp) -> String {
    format!("{}#~", sortable(now))
}
