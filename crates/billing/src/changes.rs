//! What becomes of a subscription that there is. Stripe decides; we learn of it from the answer, and where
//! that is lost from the webhook.

use ::access::{
    Interval, Permit, Plan,
    needs::{ReadBilling, WriteBilling},
};
use futures::future::try_join;
use jiff::Timestamp;
use primitives::Time;
use stripe_client::{PlanChange, StartedSubscription, key_of};
use table::{Cause, Item, Keep};

use crate::{Account, BillingError, Overview, api, checkout, payments::Payments, subscription::Subscription};

/// Another plan, another interval, or both. What is not said stays.
#[derive(Clone, Debug, Default)]
pub struct NewPlan {
    /// The plan's name for programs.
    pub plan: Option<String>,
    /// What is paid for at a time.
    pub interval: Option<Interval>,
    /// Up to when the time before is reckoned by the price before: what a preview said.
    pub proration_at: Option<Timestamp>,
}

/// Why somebody ends a subscription.
#[derive(Clone, Debug, Default)]
pub struct Farewell {
    /// In a word of Stripe's.
    pub reason: Option<&'static str>,
    /// In words of one's own.
    pub comment: Option<String>,
}

impl NewPlan {
    /// Which plan that is, for which interval.
    fn of(&self, now: &Subscription) -> Result<(&'static Plan, Interval), BillingError> {
        let known = Plan::of_price(now.lookup_key.as_deref());
        let price = known.prices.iter().find(|price| Some(price.lookup_key) == now.lookup_key.as_deref());
        let interval = self.interval.or(price.map(|price| price.interval)).unwrap_or(Interval::Month);
        let plan = self.plan.as_deref().unwrap_or(known.id);
        let (plan, _) = checkout::priced(plan, interval).ok_or(BillingError::UnknownPlan)?;
        Ok((plan, interval))
    }
}

/// Another plan for an organization that subscribes.
#[derive(Clone, Debug)]
pub struct Planned {
    account: Account,
    plan: &'static Plan,
    interval: Interval,
    proration_at: Option<Timestamp>,
}

impl Planned {
    /// How many people may belong to an organization on this plan; nothing where that has no end.
    pub fn seats(&self) -> Option<u32> {
        self.plan.seats
    }

    /// Refuses it where so many seats are taken, which are too many for it.
    pub fn refused(&self, used: u32) -> BillingError {
        let (plan, most) = (self.plan.name, self.plan.seats.unwrap_or(u32::MAX));
        BillingError::TooManySeats { plan, most, used }
    }
}

fn living(account: &Account) -> Result<&Subscription, BillingError> {
    account.stripe.living().ok_or(BillingError::NoSubscription)
}

impl Payments {
    /// What another plan would cost now.
    pub async fn preview(
        &self,
        permit: &Permit<ReadBilling>,
        new: &NewPlan,
    ) -> Result<api::ChangePreview, BillingError> {
        let account = self.account(permit.tenant()).await?;
        let known = living(&account)?;
        let (plan, interval) = new.of(known)?;
        let (whole, price) = try_join(self.whole(&known.id), self.price(plan.id, interval)).await?;
        let item = whole.item.ok_or(BillingError::NoSubscription)?;
        // Stripe's times are whole seconds
        let at = Timestamp::from_second(self.now().as_second()).unwrap_or_default();
        let change =
            PlanChange { subscription: &known.id, item: &item, price: &price, proration_date: Some(at) };
        let shown = self.stripe.preview(&known.customer, &change).await.map_err(BillingError::of_call)?;
        let line = |line: stripe_client::PreviewLine| api::PreviewLine {
            description: line.description,
            amount: line.amount,
        };
        Ok(api::ChangePreview {
            lines: shown.lines.into_iter().map(line).collect(),
            amount_due: shown.amount_due,
            currency: shown.currency,
            proration_at: Time::from(at),
        })
    }

    /// What the organization is to have from now on, as it stands. Nobody is to come in beyond the seats of
    /// it before it is asked for: what Stripe has sold is sold, and seats are taken all the time.
    pub async fn plan_change(
        &self,
        permit: &Permit<WriteBilling>,
        new: NewPlan,
    ) -> Result<Planned, BillingError> {
        let account = self.account(permit.tenant()).await?;
        let (plan, interval) = new.of(living(&account)?)?;
        Ok(Planned { account, plan, interval, proration_at: new.proration_at })
    }

    /// Gives the organization another plan, from now on.
    pub async fn change(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        planned: &Planned,
        keep: &Keep<'_, Overview>,
    ) -> Result<Overview, BillingError> {
        let Planned { account, plan, interval, proration_at } = planned;
        let (known, interval) = (living(account)?, *interval);
        let asked_at = self.now();
        let (whole, price) = try_join(self.whole(&known.id), self.price(plan.id, interval)).await?;
        let answer = match &whole.item {
            // so it was asked for before, and the answer was lost
            _ if whole.subscription.price.as_ref() == Some(&price) => whole,
            None => return Err(BillingError::NoSubscription),
            Some(item) => {
                let at = proration_at.map(|at| at.as_second().to_string()).unwrap_or_default();
                let version = account.version().to_string();
                let key = key_of(&["plan", known.id.as_str(), price.as_str(), &at, &version]);
                let proration_date = *proration_at;
                let change = PlanChange { subscription: &known.id, item, price: &price, proration_date };
                self.stripe.change_plan(&change, &key).await.map_err(BillingError::of_call)?
            }
        };
        self.take_in(cause, permit.tenant(), (&answer, asked_at), keep).await
    }

    /// Has the subscription end with the period that is paid for.
    pub async fn cancel(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        farewell: &Farewell,
    ) -> Result<Overview, BillingError> {
        let account = self.account(permit.tenant()).await?;
        let known = living(&account)?;
        if known.cancel_at_period_end {
            return Ok(self.overview(account));
        }
        let version = account.version().to_string();
        let (reason, comment) = (farewell.reason, farewell.comment.as_deref());
        let words = [reason.unwrap_or_default(), comment.unwrap_or_default()];
        let key = key_of(&["cancel", known.id.as_str(), &version, words[0], words[1]]);
        let asked_at = self.now();
        let answer = self.stripe.end_with_period(&known.id, (reason, comment), &key).await;
        self.taken(cause, permit, (answer, asked_at)).await
    }

    /// Has a subscription go on that was to end.
    pub async fn resume(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
    ) -> Result<Overview, BillingError> {
        let account = self.account(permit.tenant()).await?;
        let Some(known) = account.stripe.living() else {
            let was_there = account.stripe.has_begun();
            return Err(if was_there {
                BillingError::SubscriptionEnded
            } else {
                BillingError::NoSubscription
            });
        };
        if !known.cancel_at_period_end && known.cancel_at.is_none() {
            return Ok(self.overview(account));
        }
        let key = key_of(&["resume", known.id.as_str(), &account.version().to_string()]);
        let asked_at = self.now();
        let answer = self.stripe.go_on(&known.id, known.cancel_at_period_end, &key).await;
        self.taken(cause, permit, (answer, asked_at)).await
    }

    async fn taken(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        (answer, asked_at): (Result<StartedSubscription, stripe_client::StripeError>, Timestamp),
    ) -> Result<Overview, BillingError> {
        let answer = answer.map_err(BillingError::of_call)?;
        self.take_in(cause, permit.tenant(), (&answer, asked_at), &Keep::nothing()).await
    }
}
