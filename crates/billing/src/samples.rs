//! Small builders for the tests of the pure rules.

use jiff::Timestamp;
use primitives::OrgId;
use stripe_client::{BillingReason, InvoiceChange, InvoiceStatus, SubscriptionStatus};

use crate::{Account, Fact, Invoice, Rank, Rules, Stamp, Subscription};

/// Seconds after the organization was created.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) const DAY: i64 = 86_400;

pub(crate) fn account() -> Account {
    let org_id: OrgId = "org_01h2xcejqtf2nbrexx3vqjhp41".parse().unwrap();
    Account::open(org_id, at(0), &Rules::default())
}

pub(crate) fn subscription(id: &str, created: i64, status: SubscriptionStatus) -> Subscription {
    Subscription {
        id: id.parse().unwrap(),
        customer: "cus_1".parse().unwrap(),
        status,
        created: at(created),
        cancel_at_period_end: false,
        cancel_at: None,
        ended_at: None,
        trial_end: None,
        current_period_start: None,
        current_period_end: None,
        pause_collection: None,
        price: None,
        lookup_key: None,
        quantity: Some(1),
        awaits_setup: false,
    }
}

pub(crate) fn stamp(second: i64, rank: Rank, event: &str) -> Stamp {
    Stamp { at: at(second), rank, event_id: event.parse().unwrap() }
}

/// `sub_1`, created at the account's opening, was updated to this status.
pub(crate) fn updated(second: i64, status: SubscriptionStatus) -> Fact {
    let event = format!("evt_{second}_{}", status.as_str());
    Fact::Subscription(subscription("sub_1", 0, status), stamp(second, Rank::Updated, &event))
}

/// An invoice of `sub_1`, created when its number says.
pub(crate) fn invoice(number: i64, second: i64, change: InvoiceChange, status: InvoiceStatus) -> Fact {
    invoice_of("sub_1", None, number, second, change, status)
}

pub(crate) fn invoice_of(
    subscription: &str,
    billing_reason: Option<BillingReason>,
    number: i64,
    second: i64,
    change: InvoiceChange,
    status: InvoiceStatus,
) -> Fact {
    let seen = stripe_client::Invoice {
        id: format!("in_{number}").parse().unwrap(),
        customer: None,
        subscription: Some(subscription.parse().unwrap()),
        status: Some(status),
        created: at(number),
        amount_due: 4900,
        amount_paid: if status == InvoiceStatus::Paid { 4900 } else { 0 },
        currency: "eur".to_owned(),
        attempt_count: u32::try_from(second / DAY).unwrap(),
        billing_reason,
        pay_url: None,
        metadata: std::collections::BTreeMap::new(),
        subscription_metadata: std::collections::BTreeMap::new(),
    };
    let event = format!("evt_{number}_{second}_{}_{change:?}", status.as_str()).parse().unwrap();
    Fact::Invoice(Invoice::seen(event, at(second), change, seen).unwrap())
}

pub(crate) fn failed(number: i64, second: i64) -> Fact {
    invoice(number, second, InvoiceChange::PaymentFailed, InvoiceStatus::Open)
}

/// A period's invoice, paid.
pub(crate) fn paid(number: i64, second: i64) -> Fact {
    let cycle = Some(BillingReason::SubscriptionCycle);
    invoice_of("sub_1", cycle, number, second, InvoiceChange::Paid, InvoiceStatus::Paid)
}

/// This snapshot, as an event of this second shows it.
pub(crate) fn seen(subscription: Subscription, second: i64) -> Fact {
    let event = format!("evt_{}_{second}_{}", subscription.id, subscription.status.as_str());
    Fact::Subscription(subscription, stamp(second, Rank::Updated, &event))
}
