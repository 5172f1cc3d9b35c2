use stripe_client::SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Paused, Trialing, Unpaid};

use super::*;
use crate::{
    Fact,
    samples::{DAY, account, at, failed, paid, subscription, updated},
};

/// The names of the events that each fact, added in this order, leads to.
fn story(facts: impl IntoIterator<Item = Fact>) -> Vec<&'static str> {
    let mut account = account();
    let mut names = Vec::new();
    for fact in facts {
        let next = account.learn([fact]);
        names.extend(events(&account, &next, &Rules::default()).iter().map(|event| event.kind));
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
            "subscription.payment_succeeded",
            "subscription.past_due",
            "subscription.payment_failed",
            "subscription.payment_failed",
            "subscription.updated",
            "subscription.updated",
            "subscription.payment_succeeded",
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
    assert_eq!(
        story([paid(0, 2 * DAY), failed(0, DAY), paid(0, 2 * DAY)]),
        ["subscription.payment_succeeded"]
    );
    assert_eq!(story([failed(0, 3 * DAY), failed(0, DAY)]), ["subscription.payment_failed"]);
}

#[test]
fn the_first_word_may_be_any() {
    assert_eq!(story([updated(1, Trialing)]), ["subscription.activated"]);
    assert_eq!(story([updated(1, PastDue)]), ["subscription.past_due"]);
    assert_eq!(story([updated(1, Paused)]), ["subscription.updated"]);
    assert_eq!(story([updated(1, Canceled)]), ["subscription.canceled"]);
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
    let told = events(&before, &after, &Rules::default());
    assert_eq!(told[0].data["grace_ends_at"], at(51 * DAY).to_string());
    assert_eq!(told[0].sequence, 1);
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
