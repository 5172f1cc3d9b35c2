//! Which domain events a change of the account means.

use events::{
    NewEvent, SubscriptionActivated, SubscriptionCanceled, SubscriptionPastDue, SubscriptionPaymentFailed,
    SubscriptionPaymentSucceeded, SubscriptionUpdated,
};
use jiff::Timestamp;
use table::Item;

use crate::{Account, Invoice, Rules, Subscription, subscription::Phase};

pub(crate) fn events(before: &Account, after: &Account, rules: &Rules) -> Vec<NewEvent> {
    let publish = Publisher { account: before };
    let mut events = Vec::new();
    events.extend(subscription_event(before, after, rules, &publish));
    for invoice in after.stripe.invoices() {
        events.extend(invoice_event(before.stripe.invoice(invoice), invoice, &publish));
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
    rules: &Rules,
    publish: &Publisher<'_>,
) -> Option<NewEvent> {
    let now = after.stripe.subscription()?;
    let then = before.stripe.subscription();
    if then == Some(now) {
        return None;
    }
    let phase_then = then.filter(|then| then.id == now.id).map_or(Phase::NotBegun, Subscription::phase);
    let stripe_subscription_id = now.id.to_string();
    let status = now.status.as_str().to_owned();
    let current_period_end = now.current_period_end;
    let event = match (phase_then, now.phase()) {
        (_, Phase::NotBegun) | (Phase::Over, Phase::Over) => return None,
        (Phase::Working | Phase::Failing, Phase::Working)
        | (Phase::Failing, Phase::Failing)
        | (_, Phase::Paused) => {
            publish.event(&SubscriptionUpdated { stripe_subscription_id, status, current_period_end })
        }
        (Phase::NotBegun | Phase::Over | Phase::Paused, Phase::Working) => {
            publish.event(&SubscriptionActivated { stripe_subscription_id, status, current_period_end })
        }
        (_, Phase::Failing) => {
            let since = after.stripe.failing_since()?;
            let grace_ends_at = since.saturating_add(rules.grace()).unwrap_or(Timestamp::MAX);
            publish.event(&SubscriptionPastDue { stripe_subscription_id, status, grace_ends_at })
        }
        (_, Phase::Over) => publish.event(&SubscriptionCanceled { stripe_subscription_id }),
    };
    Some(event)
}

fn invoice_event(before: Option<&Invoice>, after: &Invoice, publish: &Publisher<'_>) -> Option<NewEvent> {
    let stripe_invoice_id = after.id.to_string();
    let currency = after.snapshot.currency.clone();
    if after.is_paid() {
        let news = !before.is_some_and(Invoice::is_paid) && after.snapshot.amount_paid > 0;
        return news.then(|| {
            let amount = after.snapshot.amount_paid;
            publish.event(&SubscriptionPaymentSucceeded { stripe_invoice_id, amount, currency })
        });
    }
    // A failure that is heard of after the invoice was settled is no news any more.
    let news =
        !after.is_settled() && after.failed_attempts > before.map_or(0, |before| before.failed_attempts);
    news.then(|| {
        let amount = after.snapshot.amount_due;
        publish.event(&SubscriptionPaymentFailed { stripe_invoice_id, amount, currency })
    })
}

#[cfg(test)]
mod tests;
