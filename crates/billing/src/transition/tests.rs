use stripe_client::SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Paused, Trialing, Unpaid};

use stripe_client::{BillingReason, InvoiceChange, InvoiceStatus};

use super::*;
use crate::{
    Fact,
    samples::{DAY, account, at, failed, invoice, invoice_of, paid, seen, subscription, updated},
};

const NOTHING: [&str; 0] = [];

/// The names of the events that each fact, added in this order long after the trial, leads to.
fn story(facts: impl IntoIterator<Item = Fact>) -> Vec<&'static str> {
    story_at(facts.into_iter().map(|fact| (40 * DAY, fact)))
}

/// The same, each at its time.
fn story_at(facts: impl IntoIterator<Item = (i64, Fact)>) -> Vec<&'static str> {
    let mut account = account();
    let mut names = Vec::new();
    for (second, fact) in facts {
        let next = account.learn([fact]);
        let told = events(&account, &next, at(second), &Rules::default());
        names.extend(told.iter().map(|event| event.kind));
        account = next;
    }
    names
}

#[test]
fn the_life_of_a_subscription() {
    let told = story([
        updated(0, Incomplete),
        updated(1, Active),
        paid(1, 2),
        updated(30 * DAY, PastDue),
        failed(30 * DAY, 30 * DAY),
        failed(30 * DAY, 33 * DAY),
        updated(34 * DAY, Unpaid),
        updated(35 * DAY, Active),
        paid(30 * DAY, 35 * DAY),
        updated(40 * DAY, Canceled),
    ]);
    assert_eq!(
        told,
        [
            "subscription.activated",
            "invoice.paid",
            "subscription.past_due",
            "invoice.payment_failed",
            "invoice.payment_failed",
            "subscription.updated",
            "subscription.updated",
            "invoice.paid",
            "subscription.canceled",
        ]
    );
}

#[test]
fn what_is_late_or_repeated_is_no_news() {
    assert_eq!(
        story([updated(5, Active), updated(5, Active), updated(1, Incomplete)]),
        ["subscription.activated"]
    );
    assert_eq!(story([paid(0, 2 * DAY), failed(0, DAY), paid(0, 2 * DAY)]), ["invoice.paid"]);
    assert_eq!(story([failed(0, 3 * DAY), failed(0, DAY)]), ["invoice.payment_failed"]);
}

#[test]
fn the_first_word_may_be_any() {
    assert_eq!(story([updated(1, Trialing)]), ["subscription.activated"]);
    assert_eq!(story([updated(1, PastDue)]), ["subscription.past_due"]);
    assert_eq!(story([updated(1, Paused)]), ["subscription.updated"]);
    assert_eq!(story([updated(1, Canceled)]), NOTHING, "as far as we know it never began");
    assert_eq!(story([updated(1, Incomplete)]), NOTHING);
}

#[test]
fn coming_back_activates_again() {
    assert_eq!(
        story([updated(1, Paused), updated(2, Active)]),
        ["subscription.updated", "subscription.activated"]
    );
    let another = Fact::Subscription(
        subscription("sub_2", 50, Active),
        crate::samples::stamp(50, crate::Rank::Created, "evt_2"),
    );
    assert_eq!(
        story([updated(1, Active), updated(9, Canceled), another]),
        ["subscription.activated", "subscription.canceled", "subscription.activated"]
    );
}

#[test]
fn the_grace_ends_three_weeks_after_the_first_failure() {
    let before = account().learn([failed(30 * DAY, 30 * DAY)]);
    let after = before.learn([updated(31 * DAY, PastDue)]);
    let told = events(&before, &after, at(31 * DAY), &Rules::default());
    assert_eq!(told[0].data["grace_ends_at"], primitives::Time::from(at(51 * DAY)).to_string());
    assert_eq!(told[0].sequence, 100);
    assert_eq!(told[0].org_id, Some(after.org_id));
}

#[test]
fn an_invoice_of_nothing_is_not_reported_as_a_payment() {
    let mut fact = paid(0, DAY);
    if let Fact::Invoice(invoice) = &mut fact {
        invoice.snapshot.amount_paid = 0;
    }
    assert!(story([fact]).is_empty());
}

/// Told once, whatever becomes of a second one: that another counts now is no news.
#[test]
fn a_second_subscription_neither_activates_nor_cancels() {
    let second = |second: i64, status| seen(subscription("sub_2", 10, status), second);
    let told = story([updated(1, Active), second(10, Active), second(20, Canceled)]);
    assert_eq!(told, ["subscription.activated", "subscription.updated", "subscription.updated"]);
    let upgraded = story([updated(1, Active), second(10, Active), updated(20, Canceled)]);
    assert_eq!(upgraded, ["subscription.activated", "subscription.updated"]);
    let failing = story([updated(1, Active), second(10, Active), second(20, PastDue)]);
    assert_eq!(failing, ["subscription.activated", "subscription.updated", "subscription.updated"]);
    let both = story([updated(1, Active), second(10, Active), second(20, Canceled), updated(30, Canceled)]);
    assert_eq!(both.last(), Some(&"subscription.canceled"));
    assert_eq!(both.iter().filter(|name| **name == "subscription.canceled").count(), 1);
}

#[test]
fn being_paid_within_the_grace_is_no_new_beginning_and_after_it_is_one() {
    let failing = (30 * DAY, updated(30 * DAY, PastDue));
    let told = |day: i64| {
        let facts = [(1, updated(1, Active)), failing.clone(), (day * DAY, updated(day * DAY, Active))];
        story_at(facts).pop().unwrap()
    };
    assert_eq!(told(50), "subscription.updated");
    assert_eq!(told(51), "subscription.activated");
    assert_eq!(told(300), "subscription.activated");
}

/// Whoever tries to subscribe stands at the form and sees that the card was refused.
#[test]
fn a_first_payment_that_fails_is_no_dunning_case() {
    let create = Some(BillingReason::SubscriptionCreate);
    let refused =
        |reason| invoice_of("sub_1", reason, 1, DAY, InvoiceChange::PaymentFailed, InvoiceStatus::Open);
    assert_eq!(story([updated(0, Incomplete), refused(create)]), NOTHING);
    assert_eq!(story([refused(create), updated(0, Incomplete)]), NOTHING);
    assert_eq!(story([updated(0, Incomplete), refused(None)]), NOTHING);
    assert_eq!(story([refused(create), updated(2, Active)]), ["subscription.activated"]);
    assert_eq!(
        story([updated(0, Active), refused(create)]),
        ["subscription.activated", "invoice.payment_failed"]
    );
}

#[test]
fn an_invoice_that_is_overdue_is_told_of_once() {
    let overdue = |second| invoice(1, second, InvoiceChange::Overdue, InvoiceStatus::Open);
    let told = story([updated(0, Active), overdue(DAY), overdue(2 * DAY), updated(2 * DAY, PastDue)]);
    assert_eq!(told, ["subscription.activated", "invoice.overdue", "subscription.past_due"]);
    assert_eq!(story([paid(1, 2 * DAY), overdue(DAY)]), ["invoice.paid"], "it was paid meanwhile");
    let voided = invoice(1, 3 * DAY, InvoiceChange::Updated, InvoiceStatus::Void);
    assert_eq!(story([voided, overdue(DAY), failed(1, DAY)]), NOTHING);
}
