//! One customer at Stripe, compared with what we know of its organization.

use ::access::Tenant;
use futures::future::try_join_all;
use jiff::Timestamp;
use primitives::OrgId;
use stripe_client::{
    Client, EventId, InvoiceChange, InvoiceStatus, ListedPayer, ListedSubscription, StartedSubscription,
    SubscriptionId,
};
use table::{Cause, Consistency, Decision, StoreError, Table};

use crate::{
    Account, BillingError, Brought, Fact, Invoice, ParkReason, Payments, Rules, StripeEvents, Subscription,
    news::claim,
    overview::load,
    payments::fetched,
    reconciliation::{Difference, DifferenceKind},
    stripe_events::whose,
    stripe_items::{StripeCustomer, customer_key},
    subscription::Phase,
};

/// Compares what Stripe has with what we know.
#[derive(Clone, Debug)]
pub struct Comparison {
    payments: Payments,
    events: StripeEvents,
}

/// What Stripe was asked anew about a customer's subscriptions, and when.
struct Asked {
    at: Timestamp,
    answers: Vec<StartedSubscription>,
    missing: Vec<SubscriptionId>,
}

/// What became of a customer, and of whose it is.
struct Learnt {
    org_id: Option<OrgId>,
    found: Vec<(DifferenceKind, Option<SubscriptionId>)>,
    /// It belongs to an organization now to which it did not before.
    is_linked: bool,
    /// Whether seats are paid for.
    lives: bool,
}

impl Learnt {
    fn nothing(org_id: Option<OrgId>) -> Self {
        Self { org_id, found: Vec::new(), is_linked: false, lives: false }
    }

    fn report(org_id: Option<OrgId>, kind: DifferenceKind, payer: &ListedPayer) -> Self {
        let shown = payer.subscriptions.first().map(|it| it.subscription.id.clone());
        Self { found: vec![(kind, shown)], ..Self::nothing(org_id) }
    }
}

impl Comparison {
    /// Over this table, with this client of the account that is about this kind of money.
    pub fn new(table: Table, stripe: Client, rules: Rules, livemode: bool) -> Self {
        let events = StripeEvents::new(table.clone(), stripe.clone(), rules, livemode);
        Self { payments: Payments::new(table, stripe, rules), events }
    }

    pub(crate) fn table(&self) -> &Table {
        &self.payments.table
    }

    pub(crate) fn stripe(&self) -> &Client {
        &self.payments.stripe
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.payments.now()
    }

    /// Compares a customer, and mends what was lost on its way.
    pub(crate) async fn compare<F>(
        &self,
        cause: &Cause,
        payer: &ListedPayer,
        counted: &(impl Fn(Tenant) -> F + Sync),
    ) -> Result<Vec<Difference>, BillingError>
    where
        F: Future<Output = Result<(u32, u64), StoreError>> + Send,
    {
        let learnt = self.table().decide(cause, |_| self.learn(payer)).await?;
        let Learnt { org_id, mut found, is_linked, lives } = learnt;
        if is_linked {
            self.events.take_in_waiting(cause, &payer.id).await?;
        }
        if let Some(org_id) = org_id.filter(|_| lives) {
            let brought = self.payments.bring_seats(cause, Tenant::trusted(org_id), counted).await?;
            if matches!(brought, Brought::Set(_)) {
                found.push((DifferenceKind::Seats, None));
            }
        }
        if payer.unreadable > 0 {
            found.push((DifferenceKind::Unreadable, None));
        }
        let difference =
            |(kind, subscription)| Difference { kind, org_id, customer: payer.id.clone(), subscription };
        Ok(found.into_iter().map(difference).collect())
    }

    async fn learn(&self, payer: &ListedPayer) -> Result<Decision<Learnt, BillingError>, BillingError> {
        let is_begun = |it: &&ListedSubscription| phase(it) != Phase::NotBegun;
        let is_empty = !payer.subscriptions.iter().any(|it| is_begun(&it));
        let key = customer_key(&payer.id);
        let mapping: Option<StripeCustomer> = self.table().get(&key, Consistency::Strong).await?;
        let claims = claims(payer);
        let org_id = match whose(&claims, mapping.as_ref()) {
            Ok(org_id) => org_id,
            _ if is_empty => return Ok(Decision::done(Learnt::nothing(None))),
            Err(reason) => {
                let kind = if reason == ParkReason::UnknownCustomer {
                    DifferenceKind::CustomerWithoutOrganization
                } else {
                    DifferenceKind::OrganizationMismatch
                };
                let org_id = mapping.map(|mapping| mapping.org_id);
                return Ok(Decision::done(Learnt::report(org_id, kind, payer)));
            }
        };
        let is_erased = mapping.as_ref().is_some_and(|mapping| mapping.erased_at.is_some());
        let account = if is_erased { None } else { load(self.table(), org_id).await? };
        let Some(account) = account else {
            let kind = if is_erased {
                DifferenceKind::OrganizationErased
            } else {
                DifferenceKind::OrganizationMissing
            };
            let learnt = Learnt::report(Some(org_id), kind, payer);
            return Ok(Decision::done(if is_empty { Learnt::nothing(Some(org_id)) } else { learnt }));
        };
        // a customer behind whom there is nothing yet belongs to whoever buys first
        if mapping.is_none() && is_empty {
            return Ok(Decision::done(Learnt::nothing(Some(org_id))));
        }
        self.taken_in(payer, (&account, mapping.is_none())).await
    }

    /// What is news of a customer of this organization.
    async fn taken_in(
        &self,
        payer: &ListedPayer,
        (account, is_new): (&Account, bool),
    ) -> Result<Decision<Learnt, BillingError>, BillingError> {
        let mut learnt = Learnt { is_linked: is_new, ..Learnt::nothing(Some(account.org_id)) };
        let asked = self.asked(payer, account).await?;
        let mut next = account.clone();
        if is_new {
            let event_id = EventId::from(&payer.id);
            let bought = payer.subscriptions.iter().map(|it| it.subscription.created).min();
            let at = bought.unwrap_or(asked.at);
            next = next.learn([Fact::Customer { id: payer.id.clone(), at, event_id }]);
            learnt.found.push((DifferenceKind::Customer, None));
        }
        for answer in &asked.answers {
            // what we have heard of since the page was made
            if next.stripe.knows(&Subscription::from(answer.subscription.clone())) {
                continue;
            }
            learnt.found.push((DifferenceKind::Subscription, Some(answer.subscription.id.clone())));
            next = next.learn([fetched(&next, answer, asked.at)]);
        }
        for listed in &payer.subscriptions {
            let Some(invoice) = invoice(listed, &next, asked.at) else { continue };
            let after = next.learn([Fact::Invoice(invoice)]);
            // what is settled stays so: then we knew more than the page shows
            if after != next {
                learnt.found.push((DifferenceKind::Invoice, Some(listed.subscription.id.clone())));
            }
            next = after;
        }
        if next.stripe.is_too_much_since(&account.stripe) {
            let learnt = Learnt::report(Some(account.org_id), DifferenceKind::TwoSubscriptions, payer);
            return Ok(Decision::done(learnt));
        }
        let missing = asked.missing.into_iter().map(|id| (DifferenceKind::SubscriptionMissing, Some(id)));
        learnt.found.extend(missing);
        if next.stripe.working() > 1 {
            learnt.found.push((DifferenceKind::TwoSubscriptions, None));
        }
        // one customer's page says nothing of another's seats
        learnt.lives = next.stripe.living().is_some_and(|living| living.customer == payer.id);
        let mut changes = self.payments.learnt(account, &next);
        if is_new {
            let (customer, org_id) = (payer.id.clone(), account.org_id);
            changes = changes.create(&StripeCustomer { customer, org_id, erased_at: None, version: 0 });
        }
        Ok(Decision::commit(changes, learnt))
    }

    /// What Stripe says now of those that look otherwise than we think, and of those that it does not show
    /// and we take for living: the page is a moment old, and we may have heard of it since.
    async fn asked(&self, payer: &ListedPayer, account: &Account) -> Result<Asked, BillingError> {
        let at = self.now();
        let others = payer.subscriptions.iter().filter(|it| !is_known(account, it));
        let mut ids: Vec<_> = others.map(|it| it.subscription.id.clone()).collect();
        let shown = |id: &SubscriptionId| payer.subscriptions.iter().any(|it| it.subscription.id == *id);
        ids.extend(account.stripe.living_of(&payer.id).filter(|id| !shown(id)).cloned());
        let whole = |id: SubscriptionId| async move {
            match self.stripe().whole_subscription(&id).await {
                Ok(answer) => Ok(Ok(answer)),
                Err(error) if error.is_missing() => Ok(Err(id)),
                Err(error) => Err(BillingError::of_call(error)),
            }
        };
        let mut asked = Asked { at, answers: Vec::new(), missing: Vec::new() };
        for answer in try_join_all(ids.into_iter().map(whole)).await? {
            match answer {
                Ok(answer) => asked.answers.push(answer),
                Err(id) => asked.missing.push(id),
            }
        }
        Ok(asked)
    }
}

fn phase(listed: &ListedSubscription) -> Phase {
    Subscription::from(listed.subscription.clone()).phase()
}

/// Whether we know of a subscription what Stripe shows of it. What was only tried is nobody's business.
fn is_known(account: &Account, listed: &ListedSubscription) -> bool {
    let shown = Subscription::from(listed.subscription.clone());
    shown.phase() == Phase::NotBegun || account.stripe.knows(&shown)
}

/// The newest invoice of a subscription, where we know less of it: at least whether it is paid.
fn invoice(listed: &ListedSubscription, account: &Account, at: Timestamp) -> Option<Invoice> {
    let shown = listed.latest_invoice.clone().filter(|_| phase(listed) != Phase::NotBegun)?;
    let status = shown.status.filter(|status| *status != InvoiceStatus::Draft)?;
    let change = if status == InvoiceStatus::Paid { InvoiceChange::Paid } else { InvoiceChange::Updated };
    let event_id = EventId::from(&shown.id);
    let seen = Invoice::seen(event_id, at.max(shown.created), change, shown)?;
    let known = account.stripe.invoice(&seen);
    known.is_none_or(|known| known.snapshot.status != status).then_some(seen)
}

/// The organizations that a customer and its subscriptions name.
fn claims(payer: &ListedPayer) -> Vec<OrgId> {
    let of_subscriptions = payer.subscriptions.iter().map(|it| &it.subscription.metadata);
    let all = [&payer.metadata].into_iter().chain(of_subscriptions);
    let mut claims: Vec<_> = all.filter_map(claim).collect();
    claims.sort_unstable();
    claims.dedup();
    claims
}
