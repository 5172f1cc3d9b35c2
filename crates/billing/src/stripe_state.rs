use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{CustomerId, EventId, SubscriptionId};

use crate::{
    Invoice, Subscription,
    newest::Newest,
    stamp::{Rank, Stamp},
    subscription::{Phase, SubscriptionRecord},
};

/// More than one subscription at a time is a mistake that happens (two tabs, two administrators); more than this many
/// is not one we can describe.
const SUBSCRIPTIONS: usize = 4;

/// A year of monthly ones. Failures further back than this do not count any more.
const INVOICES: usize = 12;

/// All we know from Stripe about one organization.
///
/// A join-semilattice: facts may come in any order and any number of times, and a lost one may come later; the state
/// depends only on which facts came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeState {
    customer: Option<Customer>,
    subscriptions: Newest<SubscriptionRecord, SUBSCRIPTIONS>,
    invoices: Newest<Invoice, INVOICES>,
}

/// Who pays, by the latest word. Fields compare in the order they are written in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Customer {
    at: Timestamp,
    event_id: EventId,
    id: CustomerId,
}

/// One thing that Stripe told us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A subscription looked like this.
    Subscription(Subscription, Stamp),
    /// An invoice looked like this.
    Invoice(Invoice),
    /// This customer pays.
    Customer {
        /// The customer.
        id: CustomerId,
        /// When that was so.
        at: Timestamp,
        /// The event that said it.
        event_id: EventId,
    },
}

impl StripeState {
    /// Adds a fact.
    pub fn add(&mut self, fact: Fact) {
        match fact {
            Fact::Subscription(subscription, stamp) => {
                self.subscriptions.add(SubscriptionRecord { subscription, stamp });
            }
            Fact::Invoice(invoice) => self.invoices.add(invoice),
            Fact::Customer { id, at, event_id } => {
                self.customer = self.customer.take().max(Some(Customer { at, event_id, id }));
            }
        }
    }

    /// Whether this snapshot and the one we have are of the same second and contradict each other, so that only Stripe
    /// can say which is the later. Adding the answer with [`Rank::Fetched`] settles it.
    pub fn is_ambiguous(&self, fact: &Fact) -> bool {
        let Fact::Subscription(subscription, stamp) = fact else { return false };
        self.subscriptions.iter().any(|known| {
            known.subscription.id == subscription.id
                && known.stamp.at == stamp.at
                && known.stamp.event_id != stamp.event_id
                && stamp.rank == Rank::Updated
                && matches!(known.stamp.rank, Rank::Updated | Rank::Fetched(_))
                && known.subscription != *subscription
        })
    }

    /// The subscription that counts: the one in the best standing, and of those the newest.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.current().map(|record| &record.subscription)
    }

    /// Who pays.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.subscription()
            .map(|subscription| &subscription.customer)
            .or(self.customer.as_ref().map(|customer| &customer.id))
    }

    /// The newest invoice of the subscription that counts.
    pub fn latest_invoice(&self) -> Option<&Invoice> {
        let current = self.subscription()?;
        self.invoices_of(&current.id).next()
    }

    /// Whether there is or was a subscription that anybody paid for or tried.
    pub fn has_begun(&self) -> bool {
        self.subscription().is_some_and(|subscription| subscription.phase() != Phase::NotBegun)
    }

    /// Since when payments have been failing without one that succeeded, if the subscription that counts says they are.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        let current = self.current().filter(|record| record.subscription.phase() == Phase::Failing)?;
        let first_failure = self
            .invoices_of(&current.subscription.id)
            .take_while(|invoice| !invoice.is_paid())
            .filter_map(|invoice| invoice.first_failed_at)
            .min();
        // The event about the failed payment may still be on its way.
        Some(first_failure.unwrap_or(current.stamp.at))
    }

    pub(crate) fn current(&self) -> Option<&SubscriptionRecord> {
        // The newest comes first, and `max_by_key` takes the last of equals: hence the other way around.
        self.subscriptions.iter().rev().max_by_key(|record| record.subscription.phase())
    }

    pub(crate) fn invoice(&self, invoice: &Invoice) -> Option<&Invoice> {
        self.invoices.iter().find(|known| known.id == invoice.id)
    }

    pub(crate) fn invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter()
    }

    fn invoices_of(&self, id: &SubscriptionId) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(move |invoice| invoice.subscription == *id)
    }
}

#[cfg(test)]
mod tests;
