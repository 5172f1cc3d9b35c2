use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{CustomerId, EventId, SubscriptionId};

use crate::{
    Invoice, Subscription,
    newest::{Known, Newest},
    stamp::Stamp,
    subscription::Phase,
    subscription_record::SubscriptionRecord,
    subscriptions::{Subscriptions, WORKING},
};

/// A year of monthly ones, to be shown, and so that each is told of once. Nothing is decided from
/// them: what they say of missing payments is kept with their subscription.
pub(crate) const INVOICES: usize = 12;

/// Somebody has to delete them one by one.
const GONE: usize = 8;

/// All we know from Stripe about one organization.
///
/// A join-semilattice: facts may come in any order and any number of times, and a lost one may come
/// later; the state depends only on which facts came. It is bounded: see [`Subscriptions`] for what
/// is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeState {
    customer: Option<Customer>,
    subscriptions: Subscriptions,
    invoices: Newest<Invoice, INVOICES>,
    /// Customers that were deleted at Stripe.
    #[serde(default)]
    gone: Newest<Gone, GONE>,
}

/// A customer that was deleted at Stripe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Gone {
    at: Timestamp,
    id: CustomerId,
}

impl Known for Gone {
    type Key = (Timestamp, CustomerId);

    fn key(&self) -> Self::Key {
        (self.at, self.id.clone())
    }

    fn join(&mut self, _: Self) {}
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
        id: CustomerId,
        /// When that was so.
        at: Timestamp,
        event_id: EventId,
    },
    /// This customer was deleted.
    CustomerGone {
        id: CustomerId,
        /// When.
        at: Timestamp,
    },
}

impl StripeState {
    /// Adds a fact.
    pub fn add(&mut self, fact: Fact) {
        match fact {
            Fact::Subscription(subscription, stamp) => self.subscriptions.hear(subscription, stamp),
            Fact::Invoice(news) => {
                self.subscriptions.hear_invoice(&news);
                self.invoices.add(news);
            }
            Fact::Customer { id, at, event_id } => {
                self.customer = self.customer.take().max(Some(Customer { at, event_id, id }));
            }
            Fact::CustomerGone { id, at } => self.gone.add(Gone { at, id }),
        }
    }

    /// Whether only Stripe can say what to make of this snapshot: see
    /// [`Subscriptions::is_doubtful`]. Adding the answer with [`crate::Rank::Fetched`] settles it.
    pub fn is_doubtful(&self, fact: &Fact) -> bool {
        matches!(fact, Fact::Subscription(seen, stamp) if self.subscriptions.is_doubtful(seen, stamp))
    }

    /// Whether what was added since `before` makes more subscriptions work than we keep.
    pub fn is_too_much_since(&self, before: &Self) -> bool {
        self.working() > before.working().max(WORKING)
    }

    /// The subscription that counts: the one in the best standing, and of those the newest.
    pub fn subscription(&self) -> Option<&Subscription> {
        self.subscriptions.shown()
    }

    /// Who pays.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.subscription()
            .map(|subscription| &subscription.customer)
            .or(self.customer.as_ref().map(|customer| &customer.id))
    }

    /// Who would pay for what is bought now: nobody where that customer is no more.
    pub(crate) fn payer(&self) -> Option<&CustomerId> {
        let named =
            [self.subscription().map(|shown| &shown.customer), self.customer.as_ref().map(|it| &it.id)];
        named.into_iter().flatten().find(|id| !self.gone.iter().any(|gone| gone.id == **id))
    }

    /// The customer that was deleted last.
    pub(crate) fn last_gone(&self) -> Option<&CustomerId> {
        self.gone.iter().next().map(|gone| &gone.id)
    }

    /// The subscription that lives, paid or not: the one that counts.
    pub(crate) fn living(&self) -> Option<&Subscription> {
        let lives = matches!(self.phase(), Phase::Working | Phase::Failing | Phase::Paused);
        self.subscription().filter(|_| lives)
    }

    /// Those of this customer's subscriptions that we take for living.
    pub(crate) fn living_of<'a>(
        &'a self,
        customer: &'a CustomerId,
    ) -> impl Iterator<Item = &'a SubscriptionId> {
        let lives = |record: &&SubscriptionRecord| {
            matches!(record.phase(), Phase::Working | Phase::Failing | Phase::Paused)
        };
        let shown = self.records().filter(lives).filter_map(|record| record.snapshot.as_ref());
        let shown = shown.map(|snapshot| &snapshot.subscription);
        shown.filter(move |shown| shown.customer == *customer).map(|shown| &shown.id)
    }

    /// Whether what we know of a subscription is this.
    pub(crate) fn knows(&self, shown: &Subscription) -> bool {
        let known = self.subscriptions.find(&shown.id).and_then(|record| record.snapshot.as_ref());
        known.is_some_and(|known| known.subscription == *shown)
    }

    /// When this subscription was heard of last; nothing where it was not.
    pub(crate) fn heard_of(&self, id: &SubscriptionId) -> Option<Timestamp> {
        self.stamp_of(id).map(|stamp| stamp.at)
    }

    /// The latest word on this subscription; nothing where there was none.
    pub(crate) fn stamp_of(&self, id: &SubscriptionId) -> Option<&Stamp> {
        self.subscriptions.find(id)?.snapshot.as_ref().map(|snapshot| &snapshot.stamp)
    }

    /// The newest invoice of the subscription that counts.
    pub fn latest_invoice(&self) -> Option<&Invoice> {
        let current = self.subscription()?;
        self.invoices.iter().find(|invoice| invoice.snapshot.subscription == current.id)
    }

    /// Whether there is or was a subscription that was more than an attempt.
    pub fn has_begun(&self) -> bool {
        self.phase() != Phase::NotBegun
    }

    /// How many subscriptions work. More than one is a mistake: somebody pays twice.
    pub fn working(&self) -> usize {
        self.records().filter(|record| record.phase() == Phase::Working).count()
    }

    /// Whether a subscription goes on until somebody cancels it, paid or not.
    pub(crate) fn goes_on(&self) -> bool {
        self.records().any(SubscriptionRecord::goes_on)
    }

    /// Everybody who paid, or was to.
    pub(crate) fn customers(&self) -> BTreeSet<&CustomerId> {
        let of_records = self.records().filter_map(|record| record.snapshot.as_ref());
        let of_records = of_records.map(|snapshot| &snapshot.subscription.customer);
        of_records.chain(self.customer.as_ref().map(|customer| &customer.id)).collect()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.subscriptions.phase()
    }

    /// Since when payments for the subscription that counts have been failing.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        let current = self.subscriptions.current().filter(|record| record.phase() == Phase::Failing)?;
        current.episode.failing_since()
    }

    /// Whether all we know of this subscription is that somebody tried.
    pub(crate) fn is_attempt(&self, id: &SubscriptionId) -> bool {
        self.subscriptions.is_attempt(id)
    }

    /// Whether this subscription was ever more than an attempt.
    pub(crate) fn began(&self, id: &SubscriptionId) -> bool {
        self.subscriptions.find(id).is_some_and(|record| record.episode.begun)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &SubscriptionRecord> {
        self.subscriptions.iter()
    }

    pub(crate) fn invoice(&self, invoice: &Invoice) -> Option<&Invoice> {
        self.invoices.iter().find(|known| known.id == invoice.id)
    }

    pub(crate) fn invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter()
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
