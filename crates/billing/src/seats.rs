//! That Stripe charges for as many seats as an organization has.
//!
//! How many there are is counted elsewhere, in the transaction of what is counted. Here the number is brought
//! to Stripe, by one at a time for an organization: what Stripe is about to be asked for is written down
//! before, and whoever comes after one that died asks for the same, under the same key, before it asks for
//! anything else. So of two numbers the later one is the last that Stripe hears, in whatever order events
//! come, and however late an answer is.

use ::access::Tenant;
use jiff::{SignedDuration, Timestamp};
use primitives::OrgId;
use serde::{Deserialize, Serialize};
use stripe_client::{StartedSubscription, SubscriptionId, SubscriptionItemId, key_of};
use table::{Cause, Changes, Consistency, Decision, Item, Key, StoreError};

use crate::{Account, BillingError, keys, payments::Payments};

/// For how long whoever asks has it for itself: longer than a call takes, with all its attempts.
const LEASE: SignedDuration = SignedDuration::from_secs(25);

/// What was asked for longer ago is under way no more: it need not be asked for again before another.
const IS_OVER: SignedDuration = SignedDuration::from_hours(1);

/// So often the number is brought there anew that changes meanwhile.
const ROUNDS: usize = 4;

/// What Stripe was asked for last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeatOrder {
    org_id: OrgId,
    subscription: SubscriptionId,
    item: SubscriptionItemId,
    quantity: u32,
    /// Of which of its changes this was the number.
    counted: u64,
    /// The how many-th order this is: the same number may have to be asked for twice.
    number: u64,
    asked_at: Timestamp,
    stage: Stage,
    #[serde(default)]
    version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Somebody asks, and has it alone until then.
    Asking { until: Option<Timestamp> },
    /// Stripe has answered.
    Answered,
}

impl Item for SeatOrder {
    fn key(&self) -> Key {
        keys::SeatOrder::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl SeatOrder {
    /// One key for each order, made of what it is.
    fn idempotency_key(&self) -> String {
        let org_id = self.org_id.to_string();
        let numbers = [self.counted, self.number, u64::from(self.quantity)].map(|number| number.to_string());
        let [counted, number, quantity] = &numbers;
        key_of(&["seats", &org_id, self.subscription.as_str(), counted, number, quantity])
    }

    /// What is to be done about it before anything else is asked for.
    fn state(&self, now: Timestamp) -> State {
        match self.stage {
            Stage::Answered => State::Over,
            Stage::Asking { until: Some(until) } if now < until => State::BeingAsked,
            Stage::Asking { .. } if now.duration_since(self.asked_at) >= IS_OVER => State::Over,
            Stage::Asking { .. } => State::Left,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Over,
    BeingAsked,
    /// Whoever asked has not come back.
    Left,
}

/// What became of an organization's seats at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Brought {
    /// Nobody pays for them by number.
    Nothing,
    /// They were right.
    Same,
    /// They are so many now.
    Set(u32),
}

enum Step {
    Done,
    Nothing,
    Ask {
        order: SeatOrder,
        /// Somebody else has asked for it before, and whoever asks again may be given the answer of then.
        again: bool,
    },
}

impl Payments {
    /// Has Stripe charge for as many seats as are taken. `counted` says how many those are as of now, and of
    /// which of its changes that is the number.
    pub async fn bring_seats<F>(
        &self,
        cause: &Cause,
        tenant: Tenant,
        counted: impl Fn(Tenant) -> F + Sync,
    ) -> Result<Brought, BillingError>
    where
        F: Future<Output = Result<(u32, u64), StoreError>> + Send,
    {
        let mut brought = Brought::Same;
        for _ in 0..ROUNDS {
            match self.next_order(cause, tenant, &counted).await? {
                Step::Nothing => return Ok(Brought::Nothing),
                Step::Done => return Ok(brought),
                Step::Ask { order, again } => {
                    self.place(cause, &order, again).await?;
                    brought = Brought::Set(order.quantity);
                }
            }
        }
        Err(BillingError::Contended)
    }

    async fn next_order<F>(
        &self,
        cause: &Cause,
        tenant: Tenant,
        counted: &(impl Fn(Tenant) -> F + Sync),
    ) -> Result<Step, BillingError>
    where
        F: Future<Output = Result<(u32, u64), StoreError>> + Send,
    {
        let decide = |_| async move {
            let Some((account, before)) = self.account_and_order(tenant).await? else {
                return Ok(Decision::done(Step::Nothing));
            };
            let Some(known) = account.stripe.living() else { return Ok(Decision::done(Step::Nothing)) };
            let now = self.now();
            let until = Some(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX));
            match before.as_ref().map(|before| (before, before.state(now))) {
                Some((_, State::BeingAsked)) => return Ok(Decision::wait()),
                Some((left, State::Left)) => {
                    let ours = SeatOrder { stage: Stage::Asking { until }, ..left.clone() };
                    let order = SeatOrder { version: ours.next_version(), ..ours.clone() };
                    let step = Step::Ask { order, again: true };
                    return Ok(Decision::commit(Changes::new().replace(&ours), step));
                }
                Some((_, State::Over)) | None => {}
            }
            let (used, change) = counted(tenant).await?;
            let quantity = used.max(1);
            if known.quantity == Some(u64::from(quantity)) {
                return Ok(Decision::done(Step::Done));
            }
            // what we know of it may be old
            let there = self.whole(&known.id).await?;
            let (next, changes) = if account.stripe.knows(&there.subscription.clone().into()) {
                (account.clone(), Changes::new())
            } else {
                self.taking_in(&account, &there, now)
            };
            let is_right = there.subscription.quantity == Some(u64::from(quantity));
            let lives = next.stripe.living().is_some_and(|living| living.id == known.id);
            let Some(item) = there.item.filter(|_| lives) else {
                return Ok(Decision::commit(changes, Step::Nothing));
            };
            if is_right {
                return Ok(Decision::commit(changes, Step::Done));
            }
            let order = SeatOrder {
                org_id: tenant.org_id(),
                subscription: known.id.clone(),
                item,
                quantity,
                counted: change,
                number: before.as_ref().map_or(1, |before| before.number + 1),
                asked_at: now,
                stage: Stage::Asking { until },
                version: before.as_ref().map_or(0, Item::version),
            };
            let written = SeatOrder { version: order.next_version(), ..order.clone() };
            let step = Step::Ask { order: written, again: false };
            Ok(Decision::commit(changes.replace(&order), step))
        };
        self.table.decide(cause, decide).await
    }

    async fn account_and_order(
        &self,
        tenant: Tenant,
    ) -> Result<Option<(Account, Option<SeatOrder>)>, BillingError> {
        let keys = [keys::Subscription::key(tenant), keys::SeatOrder::key(tenant)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        let Some(account) = found.take(&keys[0])? else { return Ok(None) };
        Ok(Some((account, found.take(&keys[1])?)))
    }

    /// Asks Stripe for what is written down, and writes down what it answered.
    async fn place(&self, cause: &Cause, order: &SeatOrder, again: bool) -> Result<(), BillingError> {
        let asked_at = self.now();
        let what = (&order.item, order.quantity);
        let answer = self.stripe.set_quantity(&order.subscription, what, &order.idempotency_key()).await;
        match answer.map_err(BillingError::of_call) {
            Ok(answer) if !again => self.answered(cause, order, (&answer, asked_at)).await,
            Ok(_) => {
                let asked_at = self.now();
                let there = self.whole(&order.subscription).await?;
                self.answered(cause, order, (&there, asked_at)).await
            }
            Err(error) => {
                self.leave_order(cause, order, &error).await;
                Err(error)
            }
        }
    }

    async fn answered(
        &self,
        cause: &Cause,
        order: &SeatOrder,
        (answer, asked_at): (&StartedSubscription, Timestamp),
    ) -> Result<(), BillingError> {
        let tenant = Tenant::trusted(order.org_id);
        let write = |_| async move {
            let found = self.account_and_order(tenant).await?;
            let Some((account, there)) = found else { return Ok(Decision::done(())) };
            let (_, changes) = self.taking_in(&account, answer, asked_at);
            let is_ours = |there: &SeatOrder| there.number == order.number && there.stage != Stage::Answered;
            let changes = match there.filter(is_ours) {
                Some(there) => changes.replace(&SeatOrder { stage: Stage::Answered, ..there }),
                None => changes,
            };
            Ok::<_, BillingError>(Decision::commit(changes, ()))
        };
        self.table.decide(cause, write).await
    }

    /// Leaves what was not answered to the next one who comes: to ask for it again, or, where Stripe refuses
    /// it, for something else.
    async fn leave_order(&self, cause: &Cause, order: &SeatOrder, error: &BillingError) {
        let stage = if error.is_final() { Stage::Answered } else { Stage::Asking { until: None } };
        let left = SeatOrder { stage, ..order.clone() };
        let left = &left;
        let leave = |_| async move {
            let decision = Decision::commit(Changes::new().replace(left), ());
            Ok::<_, BillingError>(decision.unless(&left.key(), Ok(())))
        };
        if let Err(error) = self.table.decide(cause, leave).await {
            // its lease ends by itself
            tracing::warn!(error = &error as &dyn std::error::Error, "an order of seats is not left");
        }
    }
}
