use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{EventId, InvoiceChange, InvoiceId, InvoiceStatus, SubscriptionId};

use crate::newest::Record;

/// What is known of one invoice of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id at Stripe.
    pub id: InvoiceId,
    /// When it was created.
    pub created: Timestamp,
    /// The subscription it is for.
    pub subscription: SubscriptionId,
    /// What the latest snapshot says.
    pub(crate) snapshot: InvoiceSnapshot,
    /// When the first payment for it failed.
    pub first_failed_at: Option<Timestamp>,
    /// How many payments for it failed.
    pub failed_attempts: u32,
}

/// The order of the fields is the order of snapshots: once an invoice is settled no earlier word unsettles it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct InvoiceSnapshot {
    settled: bool,
    at: Timestamp,
    change: Change,
    event_id: EventId,
    pub(crate) status: InvoiceStatus,
    pub(crate) amount_due: i64,
    pub(crate) amount_paid: i64,
    pub(crate) currency: String,
}

/// The order of snapshots within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Updated,
    PaymentFailed,
    Paid,
}

impl Invoice {
    /// What one event says; nothing if the invoice is a preview or for no subscription.
    pub fn seen(
        event_id: EventId,
        at: Timestamp,
        change: InvoiceChange,
        seen: stripe_client::Invoice,
    ) -> Option<Self> {
        let status = seen.status?;
        let failed = change == InvoiceChange::PaymentFailed;
        Some(Self {
            id: seen.id,
            created: seen.created,
            subscription: seen.subscription?,
            snapshot: InvoiceSnapshot {
                settled: matches!(status, InvoiceStatus::Paid | InvoiceStatus::Void),
                at,
                change: match change {
                    InvoiceChange::Updated => Change::Updated,
                    InvoiceChange::PaymentFailed => Change::PaymentFailed,
                    InvoiceChange::Paid => Change::Paid,
                },
                event_id,
                status,
                amount_due: seen.amount_due,
                amount_paid: seen.amount_paid,
                currency: seen.currency,
            },
            first_failed_at: failed.then_some(at),
            failed_attempts: if failed { seen.attempt_count.max(1) } else { 0 },
        })
    }

    /// Where it stands.
    pub fn status(&self) -> InvoiceStatus {
        self.snapshot.status
    }

    /// What is to be paid, in the currency's smallest unit.
    pub fn amount_due(&self) -> i64 {
        self.snapshot.amount_due
    }

    /// What was paid, in the currency's smallest unit.
    pub fn amount_paid(&self) -> i64 {
        self.snapshot.amount_paid
    }

    /// ISO 4217, lower case.
    pub fn currency(&self) -> &str {
        &self.snapshot.currency
    }

    pub(crate) fn is_paid(&self) -> bool {
        self.snapshot.status == InvoiceStatus::Paid
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.snapshot.settled
    }
}

impl Record for Invoice {
    type Key = (Timestamp, InvoiceId);

    fn key(&self) -> Self::Key {
        (self.created, self.id.clone())
    }

    fn join(&mut self, other: Self) {
        self.first_failed_at = match (self.first_failed_at, other.first_failed_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.failed_attempts = self.failed_attempts.max(other.failed_attempts);
        if other.snapshot > self.snapshot {
            self.subscription = other.subscription;
            self.snapshot = other.snapshot;
        }
    }
}
