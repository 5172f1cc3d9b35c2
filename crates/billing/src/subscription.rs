use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stripe_client::{
    CustomerId, PauseBehavior, PauseCollection, PriceId, SubscriptionId, SubscriptionStatus,
};

/// A Stripe subscription as one event, or Stripe's own answer, showed it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id at Stripe.
    pub id: SubscriptionId,
    /// Who pays.
    pub customer: CustomerId,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When it is going to end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// When the trial that Stripe runs ends or ended.
    pub trial_end: Option<Timestamp>,
    /// Begin of the period paid for.
    pub current_period_start: Option<Timestamp>,
    /// End of the period paid for.
    pub current_period_end: Option<Timestamp>,
    /// Whether its invoices are not collected for now.
    #[serde(default)]
    pub pause_collection: Option<PauseCollection>,
    /// What is subscribed to.
    pub price: Option<PriceId>,
    /// What that price is called in each of Stripe's accounts: what leads to the plan.
    #[serde(default)]
    pub lookup_key: Option<String>,
    /// How many of it.
    pub quantity: Option<u64>,
    /// Whether it was begun on a page of ours, in a trial, and nobody has given a means of payment yet.
    #[serde(default)]
    pub awaits_setup: bool,
}

impl From<stripe_client::Subscription> for Subscription {
    fn from(seen: stripe_client::Subscription) -> Self {
        Self {
            id: seen.id,
            customer: seen.customer,
            status: seen.status,
            created: seen.created,
            cancel_at_period_end: seen.cancel_at_period_end,
            cancel_at: seen.cancel_at,
            ended_at: seen.ended_at,
            trial_end: seen.trial_end,
            current_period_start: seen.current_period_start,
            current_period_end: seen.current_period_end,
            pause_collection: seen.pause_collection,
            price: seen.price,
            lookup_key: seen.lookup_key,
            quantity: seen.quantity,
            awaits_setup: seen.awaits_setup,
        }
    }
}

/// What a subscription means for the organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing was ever paid or tried out; as good as no subscription.
    #[default]
    NotBegun,
    /// It ended.
    Over,
    /// Stripe's trial ended without a payment method, or its invoices are cancelled for now.
    Paused,
    /// A payment is due and was not made.
    Failing,
    /// In good standing.
    Working,
}

impl Phase {
    /// All of them, the best last.
    pub(crate) const ALL: [Self; 5] =
        [Self::NotBegun, Self::Over, Self::Paused, Self::Failing, Self::Working];

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            Self::Over => "over",
            Self::Paused => "paused",
            Self::Failing => "failing",
            Self::Working => "working",
        }
    }
}

impl Subscription {
    pub(crate) fn phase(&self) -> Phase {
        match self.status {
            SubscriptionStatus::Incomplete | SubscriptionStatus::IncompleteExpired => Phase::NotBegun,
            // Stripe calls it a trial at once; to us it is an attempt until somebody has given a means of
            // payment
            SubscriptionStatus::Trialing if self.awaits_setup => Phase::NotBegun,
            SubscriptionStatus::Canceled => Phase::Over,
            SubscriptionStatus::Paused => Phase::Paused,
            SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid => Phase::Failing,
            SubscriptionStatus::Trialing | SubscriptionStatus::Active if self.is_given_no_service() => {
                Phase::Paused
            }
            SubscriptionStatus::Trialing | SubscriptionStatus::Active => Phase::Working,
        }
    }

    /// Stripe's word for invoices that are cancelled one after the other: the seller is "unable to
    /// provide services". The other two behaviours are a seller's gift
    /// (docs/decisions/0019-what-a-subscription-gives.md).
    fn is_given_no_service(&self) -> bool {
        self.pause_collection.is_some_and(|pause| pause.behavior == PauseBehavior::Void)
    }
}
