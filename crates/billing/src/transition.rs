//! Which domain events a change of the account means. They are about the organization: which of
//! several subscriptions counts is no news to anybody, and an attempt that never became a
//! subscription has neither begun nor ended.

use ::access::{AccessLevel, Plan};
use events::{NewEvent, previous};
use jiff::Timestamp;
use serde_json::json;
use table::Item;

use crate::{
    Account, Invoice, Rules, api,
    events::{
        EntitlementsUpdated, InvoiceFinalized, InvoiceOverdue, InvoicePaid, InvoicePaymentActionRequired,
        InvoicePaymentFailed, SubscriptionActivated, SubscriptionCanceled, SubscriptionPastDue,
        SubscriptionUpdated,
    },
    subscription::Phase,
};

/// What others are told when what we know from Stripe changes from one to the other, in this order.
pub(crate) fn events(before: &Account, after: &Account, now: Timestamp, rules: &Rules) -> Vec<NewEvent> {
    let publish = Publisher { account: before };
    let mut events = Vec::new();
    events.extend(subscription_event(before, after, now, rules, &publish));
    events.extend(entitlements_event(before, after, now, rules, &publish));
    for invoice in after.stripe.invoices() {
        let known = before.stripe.invoice(invoice);
        if invoice.finalized_at.is_some() && known.is_none_or(|known| known.finalized_at.is_none()) {
            events.push(publish.event(&InvoiceFinalized { invoice: api::Invoice::of(invoice) }));
        }
        events.extend(invoice_event(before, after, invoice, &publish));
    }
    events
}

struct Publisher<'a> {
    account: &'a Account,
}

impl Publisher<'_> {
    fn event<E: events::Event>(&self, data: &E) -> NewEvent {
        NewEvent::new(Some(self.account.org_id), &self.account.org_id, self.account.next_version(), data)
    }
}

fn subscription_event(
    before: &Account,
    after: &Account,
    now: Timestamp,
    rules: &Rules,
    publish: &Publisher<'_>,
) -> Option<NewEvent> {
    let known = after.stripe.subscription()?;
    let shown = |account: &Account| api::Subscription::of(account, now, account.access(now, rules));
    let (then, phase) = (before.stripe.phase(), after.stripe.phase());
    if then == phase && before.stripe.subscription() == Some(known) {
        return None;
    }
    let is_open = matches!(before.access(now, rules).level, AccessLevel::Full | AccessLevel::Grace);
    match turn(then, phase, is_open)? {
        Turn::Activated => Some(publish.event(&SubscriptionActivated { subscription: shown(after) })),
        Turn::PastDue => {
            let since = after.stripe.failing_since()?;
            let grace_ends_at = since.saturating_add(rules.grace()).unwrap_or(Timestamp::MAX);
            let grace_ends_at = grace_ends_at.into();
            Some(publish.event(&SubscriptionPastDue { subscription: shown(after), grace_ends_at }))
        }
        Turn::Canceled => Some(publish.event(&SubscriptionCanceled { subscription: shown(after) })),
        Turn::Updated => {
            let (then, subscription) = (shown(before), shown(after));
            let previous = previous(&then, &subscription);
            Some(publish.event(&SubscriptionUpdated { subscription, previous }))
        }
    }
}

/// What others are told of the organization's subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Activated,
    Updated,
    PastDue,
    Canceled,
}

/// The table of transitions: what is told where the organization's best phase was the first and is the
/// second now, or stays what it was while something else about the subscription changes. `is_open` says
/// whether everything was open until now: being paid within the grace is no new beginning.
pub(crate) fn turn(then: Phase, phase: Phase, is_open: bool) -> Option<Turn> {
    match (then, phase) {
        (_, Phase::NotBegun) | (Phase::Over, Phase::Over) => None,
        (_, Phase::Over) => Some(Turn::Canceled),
        (Phase::Failing, Phase::Failing) | (Phase::Working, Phase::Working) | (_, Phase::Paused) => {
            Some(Turn::Updated)
        }
        (_, Phase::Failing) => Some(Turn::PastDue),
        (Phase::Failing, Phase::Working) if is_open => Some(Turn::Updated),
        (_, Phase::Working) => Some(Turn::Activated),
    }
}

fn entitlements_event(
    before: &Account,
    after: &Account,
    now: Timestamp,
    rules: &Rules,
    publish: &Publisher<'_>,
) -> Option<NewEvent> {
    let [then, plan] = [before, after].map(|account| account.plan(now, rules).0);
    let shown = |plan: &Plan| json!({ "plan": plan.id, "features": api::Features::of(plan) });
    (then.id != plan.id).then(|| {
        publish.event(&EntitlementsUpdated {
            plan: plan.id.to_owned(),
            features: api::Features::of(plan),
            previous: previous(&shown(then), &shown(plan)),
        })
    })
}

fn invoice_event(
    before: &Account,
    after: &Account,
    invoice: &Invoice,
    publish: &Publisher<'_>,
) -> Option<NewEvent> {
    let known = before.stripe.invoice(invoice);
    let shown = || api::Invoice::of(invoice);
    if invoice.is_paid() {
        let news = !known.is_some_and(Invoice::is_paid) && invoice.snapshot.amount_paid > 0;
        return news.then(|| publish.event(&InvoicePaid { invoice: shown() }));
    }
    // Whoever tries to subscribe is asked by the bank where he tries.
    let asked_at = |invoice: &Invoice| invoice.action_required_at;
    if asked_at(invoice) > known.and_then(asked_at) && !invoice.is_settled() && !is_an_attempt(after, invoice)
    {
        return Some(
            publish
                .event(&InvoicePaymentActionRequired { invoice: shown(), pay_url: invoice.pay_url.clone() }),
        );
    }
    // A failure that is heard of after the invoice was settled is no news any more; and whoever
    // tries to subscribe sees the failure where he tries.
    if invoice.is_settled() || is_an_attempt(after, invoice) {
        return None;
    }
    if invoice.failed_attempts > known.map_or(0, |known| known.failed_attempts) {
        return Some(publish.event(&InvoicePaymentFailed { invoice: shown() }));
    }
    (invoice.overdue_at.is_some() && known.is_none_or(|known| known.overdue_at.is_none()))
        .then(|| publish.event(&InvoiceOverdue { invoice: shown() }))
}

fn is_an_attempt(account: &Account, invoice: &Invoice) -> bool {
    let id = &invoice.snapshot.subscription;
    account.stripe.is_attempt(id) || invoice.is_first() && !account.stripe.began(id)
}

#[cfg(test)]
mod tests;
