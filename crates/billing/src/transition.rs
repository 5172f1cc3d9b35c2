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
    let changed = then != phase || before.stripe.subscription() != Some(known);
    // Within the grace everything went on: being paid then is no new beginning.
    let went_on = then == Phase::Working
        || then == Phase::Failing
            && matches!(before.access(now, rules).level, AccessLevel::Full | AccessLevel::Grace);
    match phase {
        _ if !changed => None,
        Phase::NotBegun => None,
        Phase::Working if !went_on => {
            Some(publish.event(&SubscriptionActivated { subscription: shown(after) }))
        }
        Phase::Failing if then != Phase::Failing => {
            let since = after.stripe.failing_since()?;
            let grace_ends_at = since.saturating_add(rules.grace()).unwrap_or(Timestamp::MAX);
            let grace_ends_at = grace_ends_at.into();
            Some(publish.event(&SubscriptionPastDue { subscription: shown(after), grace_ends_at }))
        }
        Phase::Over => {
            (then != Phase::Over).then(|| publish.event(&SubscriptionCanceled { subscription: shown(after) }))
        }
        Phase::Working | Phase::Failing | Phase::Paused => {
            let (then, subscription) = (shown(before), shown(after));
            let previous = previous(&then, &subscription);
            Some(publish.event(&SubscriptionUpdated { subscription, previous }))
        }
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
        return Some(publish.event(&InvoicePaymentActionRequired { invoice: shown() }));
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
