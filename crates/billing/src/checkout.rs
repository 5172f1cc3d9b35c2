//! That somebody is about to subscribe: one thing at a time for an organization, kept until it is paid, so
//! that many clicks, and a process that dies half-way, end with one page at Stripe.

use ::access::{Interval, Plan, Price, Tenant};
use jiff::{SignedDuration, Timestamp};
use primitives::{CheckoutId, OrgId, Time};
use serde::{Deserialize, Serialize};
use stripe_client::{CheckoutSessionId, CustomerId, PriceId, PromotionCodeId, SubscriptionId};
use table::{Item, Key};

use crate::{Account, BillingError, api, keys};

/// For how long whoever opens it at Stripe has it for itself: longer than that takes, and not so long that
/// anybody waits for one that died.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// A page is not given to anybody that is over before it is read.
const SOON_OVER: SignedDuration = SignedDuration::from_mins(2);

/// For so long after a payment nobody is let pay once more, although nothing was heard of the subscription
/// yet.
const HEARD_BY_THEN: SignedDuration = SignedDuration::from_hours(1);

/// Stripe wants the end of a trial 48 hours ahead; what passes between our clock and Stripe's is added.
const LEAST_TRIAL: SignedDuration = SignedDuration::from_secs(48 * 3600 + 300);

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The plan's name for programs.
    pub plan: String,
    /// What is paid for at a time.
    pub interval: Interval,
    /// What a buyer types to pay less.
    pub promotion_code: Option<String>,
    /// Where it is paid.
    pub way: Way,
}

/// Where somebody pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// On a page of Stripe's.
    Page {
        /// Where the buyer is sent who has paid.
        success_url: String,
        /// Where the buyer is sent who does not want to.
        cancel_url: String,
    },
    /// On a page of ours.
    Form,
}

/// All that Stripe is asked for. It is written down before: under one key it has to be the same each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) customer: CustomerId,
    pub(crate) price: PriceId,
    pub(crate) promotion_code: Option<PromotionCodeId>,
    pub(crate) seats: u32,
    /// When the free trial ends that was promised.
    pub(crate) promised: Option<Timestamp>,
    /// Until when nothing is paid.
    pub(crate) trial_end: Option<Timestamp>,
}

/// What there is at Stripe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begun {
    Page { session: CheckoutSessionId, url: Option<String> },
    Form { subscription: SubscriptionId },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Somebody opens it at Stripe, and has it alone until then.
    Opening { until: Option<Timestamp> },
    /// It is there.
    Open { begun: Begun, expires_at: Timestamp },
    /// It is paid.
    Completed { at: Timestamp, subscription: Option<SubscriptionId> },
}

/// That somebody is about to subscribe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    pub(crate) org_id: OrgId,
    pub(crate) checkout_id: CheckoutId,
    pub(crate) wish: Wish,
    pub(crate) order: Order,
    pub(crate) created_at: Timestamp,
    pub(crate) stage: Stage,
    /// What was there before, and is closed before this one is opened.
    pub(crate) replaces: Option<Begun>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for Checkout {
    fn key(&self) -> Key {
        keys::Checkout::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// What to do for somebody who wants to subscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is there already.
    Give(Checkout),
    /// Somebody is just opening one.
    Wait,
    /// One was to be opened, and whoever did so has not come back.
    Finish(Checkout),
    /// A new one, after this one was closed.
    Begin(Option<Begun>),
}

/// Decides that. `seats` is for how many people it would be.
pub(crate) fn next(
    account: &Account,
    before: Option<&Checkout>,
    (wish, seats): (&Wish, u32),
    now: Timestamp,
) -> Result<Next, BillingError> {
    if account.stripe.living().is_some() {
        return Err(BillingError::AlreadySubscribed);
    }
    let Some(before) = before else { return Ok(Next::Begin(None)) };
    match &before.stage {
        Stage::Completed { at, subscription } => {
            let is_heard = subscription.as_ref().is_some_and(|id| account.stripe.heard_of(id).is_some());
            if !is_heard && now.duration_since(*at) < HEARD_BY_THEN {
                return Err(BillingError::AlreadySubscribed);
            }
            Ok(Next::Begin(None))
        }
        Stage::Opening { until } if until.is_some_and(|until| now < until) => Ok(Next::Wait),
        Stage::Opening { .. } => Ok(Next::Finish(before.clone())),
        Stage::Open { begun, expires_at } => {
            let is_over = now.duration_since(*expires_at) >= -SOON_OVER;
            let is_same = before.wish == *wish
                && before.order.seats == seats
                && before.order.promised == promised(account, now)
                && Some(&before.order.customer) == account.stripe.payer();
            match begun {
                _ if is_same && !is_over => Ok(Next::Give(before.clone())),
                // Stripe's page is over by itself; what was begun on ours may go on with its trial
                Begun::Page { .. } if now >= *expires_at => Ok(Next::Begin(None)),
                Begun::Page { .. } | Begun::Form { .. } => Ok(Next::Begin(Some(begun.clone()))),
            }
        }
    }
}

/// When the free trial ends, if it still runs.
pub(crate) fn promised(account: &Account, now: Timestamp) -> Option<Timestamp> {
    Some(account.trial.ends_at).filter(|_| account.trial.is_active(now))
}

/// Until when nothing is to be paid: never before the end that was promised, and where that is nearer than
/// Stripe takes, up to two days later than that.
pub(crate) fn trial_end(promised: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    promised.map(|promised| promised.max(now.saturating_add(LEAST_TRIAL).unwrap_or(Timestamp::MAX)))
}

/// The plan of this name, and its price for this interval.
pub(crate) fn priced(plan: &str, interval: Interval) -> Option<(&'static Plan, &'static Price)> {
    let plan = ::access::PLANS.iter().find(|known| known.id == plan)?;
    Some((plan, plan.prices.iter().find(|price| price.interval == interval)?))
}

/// Refuses a plan that is for fewer people than there are.
pub(crate) fn require_seats(plan: &'static Plan, used: u32) -> Result<(), BillingError> {
    match plan.seats.filter(|most| *most < used) {
        Some(most) => Err(BillingError::TooManySeats { plan: plan.name, most, used }),
        None => Ok(()),
    }
}

impl Checkout {
    /// The checkout as the API shows it at a time.
    pub fn shown(&self, now: Timestamp) -> api::Checkout {
        let (status, url, expires_at, completed_at) = match &self.stage {
            Stage::Opening { .. } => ("open", None, None, None),
            Stage::Open { expires_at, .. } if now >= *expires_at => {
                ("expired", None, Some(*expires_at), None)
            }
            Stage::Open { begun, expires_at } => {
                let url = match begun {
                    Begun::Page { url, .. } => url.clone(),
                    Begun::Form { .. } => None,
                };
                ("open", url, Some(*expires_at), None)
            }
            Stage::Completed { at, .. } => ("completed", None, None, Some(*at)),
        };
        api::Checkout {
            id: self.checkout_id,
            status: status.to_owned(),
            plan: self.wish.plan.clone(),
            interval: self.wish.interval,
            seats: self.order.seats,
            url,
            created_at: self.created_at.into(),
            expires_at: expires_at.map(Time::from),
            completed_at: completed_at.map(Time::from),
        }
    }

    /// The same as others are told of it: whoever has the page's address can pay there.
    pub(crate) fn told(&self, now: Timestamp) -> api::Checkout {
        api::Checkout { url: None, ..self.shown(now) }
    }

    /// The checkout once it is paid; nothing if it was already.
    pub(crate) fn completed(&self, subscription: Option<SubscriptionId>, at: Timestamp) -> Option<Self> {
        let is_paid = matches!(self.stage, Stage::Completed { .. });
        (!is_paid).then(|| Self {
            stage: Stage::Completed { at, subscription },
            replaces: None,
            ..self.clone()
        })
    }

    /// The subscription that it began, where it is paid on a page of ours.
    pub(crate) fn of_form(&self) -> Option<&SubscriptionId> {
        match &self.stage {
            Stage::Open { begun: Begun::Form { subscription }, .. } => Some(subscription),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
