//! Every night, all customers at Stripe are gone through and compared with what we know. What was lost on its
//! way is learnt; what only people can decide is told to them.

use std::time::Duration;

use ::access::Tenant;
use events::NewEvent;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use stripe_client::{CustomerId, ListedPayer, PayerPage, StripeError};
use table::{Cause, Changes, Decision, Item, StoreError, time_left};

use crate::{
    BillingError,
    compare::Comparison,
    events::ReconciliationFinished,
    keys,
    reconciliation::{Difference, DifferenceKind, Reconciliation},
};

/// Customers of one step: what is compared in some seconds.
const PAGE: usize = 50;
/// How many of them are compared at a time: far below what Stripe takes.
const PARALLEL: usize = 4;
/// With less time than this left no page is begun; the next run goes on.
const RESERVE: Duration = Duration::from_secs(20);
/// For how long a page is nobody else's.
const LEASE: SignedDuration = SignedDuration::from_mins(6);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReconcileRun {
    /// Customers that were compared.
    pub customers: u64,
    /// What was mended.
    pub mended: u64,
    /// What people have to look at.
    pub differing: u64,
    /// Whether this night's comparison is done, by this run or one before.
    pub complete: bool,
    /// Whether another run is at it, which began before.
    pub is_elsewhere: bool,
}

impl ReconcileRun {
    /// Whether it left nothing to do that another run does not do.
    pub fn is_good(&self) -> bool {
        self.complete || self.is_elsewhere
    }
}

/// Whether there is something to do.
enum Begun {
    Mine(Reconciliation),
    /// Another run is at it.
    NotMine,
    Done,
}

impl Comparison {
    /// Goes on with the comparison of this night, or one that was left before; `counted` says how many seats
    /// an organization has.
    ///
    /// It is made of steps, each of them a write on the version that was seen: of two runs one gets on, and
    /// one that stops anywhere is gone on with by the next, from its last step on. What a step mends is
    /// mended once, however often the step is made.
    pub async fn run<F>(
        &self,
        cause: &Cause,
        counted: impl Fn(Tenant) -> F + Sync,
    ) -> Result<ReconcileRun, BillingError>
    where
        F: Future<Output = Result<(u32, u64), StoreError>> + Send,
    {
        let mut run = ReconcileRun::default();
        loop {
            let mut at = match self.begin(cause).await? {
                Begun::Done => return Ok(ReconcileRun { complete: true, ..run }),
                Begun::NotMine => return Ok(ReconcileRun { is_elsewhere: true, ..run }),
                Begun::Mine(at) => at,
            };
            while at.finished_at.is_none() {
                if time_left() <= RESERVE {
                    self.pause(cause, at).await?;
                    return Ok(run);
                }
                let before = (at.customers, at.mended, at.differing);
                let Some(next) = self.step(cause, &at, &counted).await? else {
                    return Ok(ReconcileRun { is_elsewhere: true, ..run });
                };
                at = next;
                run.customers += at.customers.saturating_sub(before.0);
                run.mended += at.mended.saturating_sub(before.1);
                run.differing += at.differing.saturating_sub(before.2);
            }
        }
    }

    /// The comparison to go on with, for us alone for a while. One that was left some night is finished
    /// before the next begins.
    async fn begin(&self, cause: &Cause) -> Result<Begun, BillingError> {
        let begin = |_| async {
            let now = self.now();
            let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
            let newest = keys::Reconciliation::all().descending().strong();
            let newest: Vec<Reconciliation> = self.table().first(&newest, 1).await?;
            let night = first_instant(now);
            let ours = match newest.into_iter().next() {
                Some(left) if left.finished_at.is_none() => {
                    if left.until.is_some_and(|until| now < until) {
                        return Ok(Decision::done(Begun::NotMine));
                    }
                    Reconciliation { until: Some(until), ..left }
                }
                Some(last) if last.night >= night => return Ok(Decision::done(Begun::Done)),
                _ => Reconciliation::begin(night, now, until),
            };
            let written = ours.written();
            let decision = Decision::commit(Changes::new().replace(&ours), Begun::Mine(written));
            Ok::<_, BillingError>(decision.unless(&ours.key(), Ok(Begun::NotMine)))
        };
        self.table().decide(cause, begin).await
    }

    /// Leaves it to the next run.
    async fn pause(&self, cause: &Cause, at: Reconciliation) -> Result<(), BillingError> {
        let left = Reconciliation { until: None, ..at };
        self.write(cause, left).await.map(drop)
    }

    /// Compares one page. Nothing where somebody else has gone on meanwhile.
    async fn step<F>(
        &self,
        cause: &Cause,
        at: &Reconciliation,
        counted: &(impl Fn(Tenant) -> F + Sync),
    ) -> Result<Option<Reconciliation>, BillingError>
    where
        F: Future<Output = Result<(u32, u64), StoreError>> + Send,
    {
        let page = self.page(at.after.as_ref()).await?;
        let customers = page.payers.len() as u64;
        let (found, subscriptions) = self.all(cause, page.payers, counted).await?;
        let now = self.now();
        let mut next = Reconciliation {
            until: Some(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX)),
            after: page.next.clone(),
            customers: at.customers + customers,
            subscriptions: at.subscriptions + subscriptions,
            ..at.clone()
        };
        for difference in found {
            log(&difference);
            next.note(difference);
        }
        if page.next.is_none() {
            (next.finished_at, next.until) = (Some(now), None);
        }
        self.write(cause, next).await
    }

    /// A page behind this customer. Where Stripe does not know that one any more, from the beginning on: what
    /// was compared is compared again.
    async fn page(&self, after: Option<&CustomerId>) -> Result<PayerPage, BillingError> {
        match self.stripe().payers(after, PAGE).await {
            Err(StripeError::Refused { status: 400 | 404, .. }) if after.is_some() => {
                Ok(self.stripe().payers(None, PAGE).await?)
            }
            page => Ok(page?),
        }
    }

    async fn all<F>(
        &self,
        cause: &Cause,
        payers: Vec<ListedPayer>,
        counted: &(impl Fn(Tenant) -> F + Sync),
    ) -> Result<(Vec<Difference>, u64), BillingError>
    where
        F: Future<Output = Result<(u32, u64), StoreError>> + Send,
    {
        let subscriptions = payers.iter().map(|payer| payer.subscriptions.len() as u64).sum();
        let found: Vec<Vec<Difference>> = stream::iter(payers)
            .map(|payer| async move {
                match self.compare(cause, &payer, counted).await {
                    // all others would meet the same: the next run goes on here
                    Err(error @ (BillingError::Store(_) | BillingError::Stripe(_))) => Err(error),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(customer = %payer.id, error, "a customer could not be compared");
                        let kind = DifferenceKind::Failed;
                        let (customer, subscription) = (payer.id.clone(), None);
                        Ok(vec![Difference { kind, org_id: None, customer, subscription }])
                    }
                    found => found,
                }
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        Ok((found.into_iter().flatten().collect(), subscriptions))
    }

    /// Writes how far it is, and tells of it where it is done. Nothing where somebody else was faster.
    async fn write(
        &self,
        cause: &Cause,
        next: Reconciliation,
    ) -> Result<Option<Reconciliation>, BillingError> {
        let next = &next;
        let write = |_| async move {
            let written = next.written();
            let changes = Changes::new().replace(next);
            let changes = if next.finished_at.is_some() {
                let event = ReconciliationFinished { reconciliation: written.shown() };
                let id = next.night.to_string();
                changes.publish(NewEvent::new(None, &id, next.next_version(), &event))
            } else {
                changes
            };
            let decision = Decision::commit(changes, Some(written));
            Ok::<_, BillingError>(decision.unless(&next.key(), Ok(None)))
        };
        self.table().decide(cause, write).await
    }
}

/// The first instant of the day, in UTC.
fn first_instant(now: Timestamp) -> Timestamp {
    const DAY: i64 = 24 * 60 * 60;
    Timestamp::from_second(now.as_second().div_euclid(DAY) * DAY).unwrap_or(now)
}

/// A filter of the template counts the lines of this code, for an alarm.
fn log(difference: &Difference) {
    let Difference { kind, org_id, customer, subscription } = difference;
    let (org_id, subscription) =
        (org_id.as_ref().map(ToString::to_string), subscription.as_ref().map(ToString::to_string));
    let (kind, org_id, subscription) = (kind.as_str(), org_id.as_deref(), subscription.as_deref());
    if difference.kind.is_mended() {
        tracing::warn!(kind, org_id, %customer, subscription, "what Stripe has was not what we knew; it is mended");
    } else {
        let code = "billing_difference";
        tracing::error!(code, kind, org_id, %customer, subscription, "people have to look at it at Stripe");
    }
}
