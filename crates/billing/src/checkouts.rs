//! How somebody subscribes.

use ::access::{
    Permit, Tenant,
    needs::{ReadBilling, WriteBilling},
};
use events::NewEvent;
use jiff::{SignedDuration, Timestamp};
use primitives::{CheckoutId, Secret};
use stripe_client::{NewCheckout, NewSubscription, PageStatus, StripeError};
use table::{Cause, Changes, Consistency, Decision, Item, Keep};

use crate::{
    Account, BillingError, Overview,
    checkout::{self, Begun, Checkout, LEASE, Next, Order, Stage, Way, Wish},
    events::{CheckoutCompleted, CheckoutStarted},
    keys,
    payments::{Payer, Payments, unchanged},
    subscription::Phase,
};

/// Stripe gives up on a subscription whose first payment does not come by then.
const FORM_IS_OPEN: SignedDuration = SignedDuration::from_hours(23);

/// So often what is there is looked at anew, where others are in the way.
const ROUNDS: usize = 4;

/// A checkout that is open.
#[derive(Clone, Debug)]
pub struct Opened {
    pub checkout: Checkout,
    /// Whether it was opened for this wish, and not before.
    pub is_new: bool,
    /// What a page of ours pays with.
    pub client_secret: Option<Secret<String>>,
    /// When this was so.
    pub as_of: Timestamp,
}

/// What is to be done next for somebody who wants to subscribe.
enum Step {
    Give(Checkout),
    /// Who pays, what and how has to be found out.
    Resolve(Box<Account>),
    /// This is to be opened at Stripe, by us alone for a while.
    Open(Checkout),
}

impl Payments {
    /// Opens what somebody wants, or gives what is open. `seats` are taken in the organization.
    pub async fn begin_checkout(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        (wish, seats): (Wish, u32),
        keep: &Keep<'_, Opened>,
    ) -> Result<Opened, BillingError> {
        let tenant = permit.tenant();
        let (plan, _) = checkout::priced(&wish.plan, wish.interval).ok_or(BillingError::UnknownPlan)?;
        checkout::require_seats(plan, seats)?;
        let wanted = (&wish, seats.max(1));
        let mut order = None;
        for _ in 0..ROUNDS {
            match self.step(cause, tenant, wanted, order.as_ref()).await? {
                Step::Resolve(account) => order = Some(self.order(&account, wanted).await?),
                Step::Give(found) => return self.give(cause, found, keep).await,
                Step::Open(begun) => {
                    let is_ours = begun.wish == wish;
                    match self.open(cause, begun, is_ours.then_some(keep)).await? {
                        opened if is_ours => return Ok(opened),
                        // that was left over from somebody else, and is replaced in the next round
                        _ => {}
                    }
                }
            }
        }
        Err(BillingError::Contended)
    }

    async fn step(
        &self,
        cause: &Cause,
        tenant: Tenant,
        wanted: (&Wish, u32),
        order: Option<&(Payer, Order)>,
    ) -> Result<Step, BillingError> {
        let step = |_| async move {
            let (account, before) = self.account_and_checkout(tenant).await?;
            let now = self.now();
            let until = Some(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX));
            let replaces = match checkout::next(&account, before.as_ref(), wanted, now)? {
                Next::Give(found) => return Ok(Decision::done(Step::Give(found))),
                Next::Wait => return Ok(Decision::wait()),
                Next::Finish(left) => {
                    let ours = Checkout { stage: Stage::Opening { until }, ..left };
                    let written = Checkout { version: ours.next_version(), ..ours.clone() };
                    return Ok(Decision::commit(Changes::new().replace(&ours), Step::Open(written)));
                }
                Next::Begin(replaces) => replaces,
            };
            let promised = checkout::promised(&account, now);
            let known = account.stripe.payer();
            let still_holds = |(payer, order): &&(Payer, Order)| {
                order.promised == promised && known.is_none_or(|known| *known == payer.id)
            };
            let Some((payer, order)) = order.filter(still_holds) else {
                return Ok(Decision::done(Step::Resolve(Box::new(account))));
            };
            let (linked, _) = payer.changes(&account);
            let new = Checkout {
                org_id: tenant.org_id(),
                checkout_id: self.table.ids().next(),
                wish: wanted.0.clone(),
                order: order.clone(),
                created_at: now,
                stage: Stage::Opening { until },
                replaces,
                version: before.map_or(0, |before| before.version),
            };
            // nobody becomes subscribed in between, or loses who pays
            let linked = if linked.is_empty() { unchanged(&account) } else { linked };
            let written = Checkout { version: new.next_version(), ..new.clone() };
            Ok(Decision::commit(linked.replace(&new), Step::Open(written)))
        };
        self.table.decide(cause, step).await
    }

    /// Finds out who pays, what, and how.
    async fn order(
        &self,
        account: &Account,
        (wish, seats): (&Wish, u32),
    ) -> Result<(Payer, Order), BillingError> {
        let promotion_code = match &wish.promotion_code {
            Some(code) => {
                let found = self.stripe.promotion_code(code).await.map_err(BillingError::of_call)?;
                Some(found.ok_or(BillingError::UnknownPromotionCode)?)
            }
            None => None,
        };
        let price = self.price(&wish.plan, wish.interval).await?;
        let payer = self.payer(account).await?;
        let now = self.now();
        let promised = checkout::promised(account, now);
        let trial_end = checkout::trial_end(promised, now);
        let order = Order { customer: payer.id.clone(), price, promotion_code, seats, promised, trial_end };
        Ok((payer, order))
    }

    async fn give(
        &self,
        cause: &Cause,
        checkout: Checkout,
        keep: &Keep<'_, Opened>,
    ) -> Result<Opened, BillingError> {
        let client_secret = match checkout.of_form() {
            Some(subscription) => self.whole(subscription).await?.client_secret,
            None => None,
        };
        let opened = Opened { checkout, is_new: false, client_secret, as_of: self.now() };
        let give = |_| async { Ok(Decision::done(opened.clone())) };
        self.table.decide_once(cause, keep, give).await
    }

    /// Opens at Stripe what is written down, and writes down that it is. Where that fails, the next one goes
    /// on with the same; where Stripe refuses it for good, with another.
    async fn open(
        &self,
        cause: &Cause,
        checkout: Checkout,
        keep: Option<&Keep<'_, Opened>>,
    ) -> Result<Opened, BillingError> {
        let (begun, expires_at, client_secret) = match self.at_stripe(&checkout).await {
            Ok(opened) => opened,
            Err(error) => {
                self.leave(cause, &checkout, &error).await;
                return Err(error);
            }
        };
        let as_of = self.now();
        let open = Checkout { stage: Stage::Open { begun, expires_at }, replaces: None, ..checkout };
        let event = CheckoutStarted { checkout: open.told(as_of) };
        let event = NewEvent::new(Some(open.org_id), &open.checkout_id, open.next_version(), &event);
        let written = Checkout { version: open.next_version(), ..open.clone() };
        let opened = Opened { checkout: written, is_new: true, client_secret, as_of };
        let write = |_| async {
            let changes = Changes::new().replace(&open).publish(event.clone());
            let decision = Decision::commit(changes, opened.clone());
            // it took longer than we had it for ourselves: whoever took it over has opened the same
            Ok(decision.unless(&open.key(), Err(BillingError::Contended)))
        };
        match keep {
            Some(keep) => self.table.decide_once(cause, keep, write).await,
            None => self.table.decide(cause, write).await,
        }
    }

    async fn at_stripe(
        &self,
        checkout: &Checkout,
    ) -> Result<(Begun, Timestamp, Option<Secret<String>>), BillingError> {
        if let Some(before) = &checkout.replaces {
            self.close(before).await?;
        }
        let (org_id, checkout_id) = (checkout.org_id.to_string(), checkout.checkout_id.to_string());
        let Order { customer, price, promotion_code, seats, trial_end, .. } = &checkout.order;
        let (org_id, checkout_id) = (org_id.as_str(), checkout_id.as_str());
        let (promotion_code, trial_end, quantity) = (promotion_code.as_ref(), *trial_end, *seats);
        let key = format!("checkout-{checkout_id}");
        let new =
            NewSubscription { customer, org_id, checkout_id, price, quantity, trial_end, promotion_code };
        match &checkout.wish.way {
            Way::Page { success_url, cancel_url } => {
                let page = NewCheckout { new: &new, success_url, cancel_url };
                let page = self.stripe.open_checkout(&page, &key).await.map_err(BillingError::of_call)?;
                Ok((Begun::Page { session: page.id, url: page.url }, page.expires_at, None))
            }
            Way::Form => {
                let started =
                    self.stripe.start_subscription(&new, &key).await.map_err(BillingError::of_call)?;
                let expires_at = checkout.created_at.saturating_add(FORM_IS_OPEN).unwrap_or(Timestamp::MAX);
                let begun = Begun::Form { subscription: started.subscription.id };
                Ok((begun, expires_at, started.client_secret))
            }
        }
    }

    /// Closes what was open, so that nobody pays twice. What was paid at the last moment stays.
    async fn close(&self, begun: &Begun) -> Result<(), BillingError> {
        match begun {
            Begun::Page { session, .. } => match self.stripe.expire_checkout(session).await {
                Ok(_) => Ok(()),
                Err(StripeError::Refused { .. }) => {
                    let page = self.stripe.checkout(session).await.map_err(BillingError::of_call)?;
                    let is_paid = page.status == Some(PageStatus::Complete);
                    if is_paid { Err(BillingError::AlreadySubscribed) } else { Ok(()) }
                }
                Err(error) => Err(BillingError::of_call(error)),
            },
            Begun::Form { subscription } => {
                let there = self.whole(subscription).await?.subscription;
                match crate::Subscription::from(there).phase() {
                    Phase::NotBegun => {
                        let ended = self.stripe.end_subscription(subscription).await;
                        // what expired by itself is ended
                        ended.map(drop).or_else(|error| match error {
                            StripeError::Refused { .. } => Ok(()),
                            error => Err(BillingError::of_call(error)),
                        })
                    }
                    Phase::Over => Ok(()),
                    Phase::Working | Phase::Failing | Phase::Paused => Err(BillingError::AlreadySubscribed),
                }
            }
        }
    }

    /// Leaves what could not be opened to the next one who comes.
    async fn leave(&self, cause: &Cause, checkout: &Checkout, error: &BillingError) {
        let left = match error {
            BillingError::AlreadySubscribed => checkout.completed(None, self.now()),
            error if error.is_final() => None,
            _ => Some(Checkout { stage: Stage::Opening { until: None }, ..checkout.clone() }),
        };
        let left = left.as_ref();
        let leave = |_| async move {
            let changes = Changes::new();
            let changes = left.map_or_else(|| Changes::new().delete(checkout), |left| changes.replace(left));
            let decision = Decision::commit(changes, ());
            Ok::<_, BillingError>(decision.unless(&checkout.key(), Ok(())))
        };
        if let Err(error) = self.table.decide(cause, leave).await {
            // its lease ends by itself
            tracing::warn!(error = &error as &dyn std::error::Error, "a checkout is not left");
        }
    }

    /// The subscription that a page of ours was to begin, now that it is paid there.
    pub async fn confirm(
        &self,
        cause: &Cause,
        permit: &Permit<WriteBilling>,
        id: CheckoutId,
    ) -> Result<Overview, BillingError> {
        let tenant = permit.tenant();
        let (account, before) = self.account_and_checkout(tenant).await?;
        let before = before.filter(|before| before.checkout_id == id && before.wish.way == Way::Form);
        let before = before.ok_or(BillingError::NotThere)?;
        if matches!(before.stage, Stage::Completed { .. }) {
            return Ok(self.overview(account));
        }
        let subscription = before.of_form().ok_or(BillingError::PaymentIncomplete)?;
        let asked_at = self.now();
        let answer = self.whole(subscription).await?;
        if crate::Subscription::from(answer.subscription.clone()).phase() != Phase::Working {
            return Err(BillingError::PaymentIncomplete);
        }
        let (answer, subscription) = (&answer, &answer.subscription.id);
        let confirm = |_| async move {
            let (account, before) = self.account_and_checkout(tenant).await?;
            let (next, changes) = self.taking_in(&account, answer, asked_at);
            let before = before.filter(|before| before.checkout_id == id);
            let completed =
                before.and_then(|before| completion(&before, Some(subscription.clone()), self.now()));
            Ok(Decision::commit(changes.and(completed.unwrap_or_default()), self.overview(next)))
        };
        self.table.decide(cause, confirm).await
    }
}

/// What writes down that a checkout is paid, and tells of it; nothing if that was done.
pub(crate) fn completion(
    checkout: &Checkout,
    subscription: Option<stripe_client::SubscriptionId>,
    now: Timestamp,
) -> Option<Changes> {
    let paid = checkout.completed(subscription, now)?;
    let event = CheckoutCompleted { checkout: paid.told(now) };
    let event = NewEvent::new(Some(paid.org_id), &paid.checkout_id, paid.next_version(), &event);
    Some(Changes::new().replace(&paid).publish(event))
}

/// A checkout of the organization, as long as no other one follows it.
pub async fn checkout(
    table: &table::Table,
    reader: &Permit<ReadBilling>,
    id: CheckoutId,
) -> Result<Checkout, BillingError> {
    let key = keys::Checkout::key(reader.tenant());
    for consistency in [Consistency::Eventual, Consistency::Strong] {
        let found: Option<Checkout> = table.get(&key, consistency).await?;
        if let Some(found) = found.filter(|found| found.checkout_id == id) {
            return Ok(found);
        }
    }
    Err(BillingError::NotThere)
}
