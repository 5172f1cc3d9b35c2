use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{BillingReason, EventId, InvoiceChange, InvoiceId, InvoiceStatus, SubscriptionId};

use crate::{newest::Known, stamp::earliest};

/// What is known of one invoice of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id at Stripe.
    pub id: InvoiceId,
    /// When it was created.
    pub created: Timestamp,
    /// What the latest snapshot says.
    pub snapshot: InvoiceSnapshot,
    /// When the first payment for it failed.
    pub first_failed_at: Option<Timestamp>,
    /// How many payments for it failed.
    pub failed_attempts: u32,
    /// When it was first said to be overdue.
    #[serde(default)]
    pub overdue_at: Option<Timestamp>,
    /// When it was first said to be paid.
    #[serde(default)]
    pub paid_at: Option<Timestamp>,
    /// When it was first said to be written.
    #[serde(default)]
    pub finalized_at: Option<Timestamp>,
    /// When it was last said that the bank asks for something.
    #[serde(default)]
    pub action_required_at: Option<Timestamp>,
    /// Where that is done, as long as the invoice is open.
    #[serde(default)]
    pub pay_url: Option<String>,
}

/// An invoice at one time. The order of the fields is the order of snapshots: once an invoice is
/// settled no earlier word unsettles it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InvoiceSnapshot {
    settled: bool,
    at: Timestamp,
    change: Change,
    event_id: EventId,
    pub subscription: SubscriptionId,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    pub amount_paid: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Why it was made, where that matters.
    #[serde(default)]
    pub billing_reason: Option<BillingReason>,
}

/// The order of snapshots within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Updated,
    Finalized,
    ActionRequired,
    Overdue,
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
        let when = |what| (change == what).then_some(at);
        Some(Self {
            id: seen.id,
            created: seen.created,
            first_failed_at: when(InvoiceChange::PaymentFailed),
            failed_attempts: match change {
                InvoiceChange::PaymentFailed => seen.attempt_count.max(1),
                InvoiceChange::Paid => seen.attempt_count.saturating_sub(1),
                InvoiceChange::Updated
                | InvoiceChange::Finalized
                | InvoiceChange::ActionRequired
                | InvoiceChange::Overdue => 0,
            },
            overdue_at: when(InvoiceChange::Overdue),
            paid_at: when(InvoiceChange::Paid),
            finalized_at: when(InvoiceChange::Finalized),
            action_required_at: when(InvoiceChange::ActionRequired),
            pay_url: seen.pay_url.filter(|_| change == InvoiceChange::ActionRequired),
            snapshot: InvoiceSnapshot {
                settled: matches!(status, InvoiceStatus::Paid | InvoiceStatus::Void),
                at,
                change: match change {
                    InvoiceChange::Updated => Change::Updated,
                    InvoiceChange::Finalized => Change::Finalized,
                    InvoiceChange::ActionRequired => Change::ActionRequired,
                    InvoiceChange::Overdue => Change::Overdue,
                    InvoiceChange::PaymentFailed => Change::PaymentFailed,
                    InvoiceChange::Paid => Change::Paid,
                },
                event_id,
                subscription: seen.subscription?,
                status,
                amount_due: seen.amount_due,
                amount_paid: seen.amount_paid,
                currency: seen.currency,
                billing_reason: seen.billing_reason,
            },
        })
    }

    pub(crate) fn is_paid(&self) -> bool {
        self.snapshot.status == InvoiceStatus::Paid
    }

    /// Whether nothing is to be paid any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.snapshot.settled
    }

    /// Whether it is the one with which a subscription is to begin. As long as that is not paid
    /// nobody is in default.
    pub(crate) fn is_first(&self) -> bool {
        self.snapshot.billing_reason == Some(BillingReason::SubscriptionCreate)
    }

    /// When it was said that a payment is missing.
    pub(crate) fn failures(&self) -> impl Iterator<Item = Timestamp> {
        let counts = !self.is_first();
        [self.first_failed_at, self.overdue_at].into_iter().flatten().filter(move |_| counts)
    }

    /// When money came in for what was due: a period, or what could not be paid at the first
    /// attempt. The small invoice for another seat, paid at once, settles nothing.
    pub(crate) fn settled_at(&self) -> Option<Timestamp> {
        let was_due = self.snapshot.billing_reason.is_some() || self.failed_attempts > 0;
        self.paid_at.filter(|_| was_due && self.snapshot.amount_paid > 0)
    }
}

impl Known for Invoice {
    type Key = (Timestamp, InvoiceId);

    fn key(&self) -> Self::Key {
        (self.created, self.id.clone())
    }

    fn join(&mut self, other: Self) {
        self.first_failed_at = earliest(self.first_failed_at, other.first_failed_at);
        self.overdue_at = earliest(self.overdue_at, other.overdue_at);
        self.paid_at = earliest(self.paid_at, other.paid_at);
        self.finalized_at = earliest(self.finalized_at, other.finalized_at);
        self.action_required_at = self.action_required_at.max(other.action_required_at);
        self.failed_attempts = self.failed_attempts.max(other.failed_attempts);
        self.pay_url = self.pay_url.take().max(other.pay_url);
        self.snapshot = other.snapshot.max(self.snapshot.clone());
    }
}
