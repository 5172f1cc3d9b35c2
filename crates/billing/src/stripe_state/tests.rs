use proptest::prelude::*;
use stripe_client::{BillingReason, InvoiceChange, InvoiceStatus, SubscriptionStatus};

use super::*;
use crate::samples::{DAY, at, failed, invoice, paid, stamp, subscription, updated};
use crate::stamp::Rank;

fn state(facts: impl IntoIterator<Item = Fact>) -> StripeState {
    let mut state = StripeState::default();
    facts.into_iter().for_each(|fact| state.add(fact));
    state
}

fn status(state: &StripeState) -> Option<SubscriptionStatus> {
    state.subscription().map(|subscription| subscription.status)
}

fn seen(id: &str, created: i64, status: SubscriptionStatus, rank: Rank) -> Fact {
    let stamp = stamp(created, rank, &format!("evt_{id}_{created}_{}", status.as_str()));
    Fact::Subscription(subscription(id, created, status), stamp)
}

#[test]
fn the_latest_snapshot_counts() {
    let events = [
        updated(10, SubscriptionStatus::Incomplete),
        updated(20, SubscriptionStatus::Active),
        updated(30, SubscriptionStatus::PastDue),
    ];
    assert_eq!(status(&state(events.clone())), Some(SubscriptionStatus::PastDue));
    assert_eq!(status(&state(events.into_iter().rev())), Some(SubscriptionStatus::PastDue));
}

#[test]
fn within_a_second_creation_comes_first_and_the_end_last() {
    use SubscriptionStatus::{Active, Canceled, Incomplete};
    let created = Fact::Subscription(subscription("sub_1", 0, Incomplete), stamp(5, Rank::Created, "evt_z"));
    let changed = Fact::Subscription(subscription("sub_1", 0, Active), stamp(5, Rank::Updated, "evt_y"));
    let deleted = Fact::Subscription(subscription("sub_1", 0, Canceled), stamp(5, Rank::Deleted, "evt_x"));
    assert_eq!(status(&state([changed.clone(), created.clone()])), Some(Active));
    assert_eq!(status(&state([deleted, created, changed])), Some(Canceled));
}

#[test]
fn the_best_subscription_counts_and_of_equals_the_newest() {
    use SubscriptionStatus::{Active, Canceled, Incomplete, IncompleteExpired, PastDue};
    let current = |facts: &[(&str, i64, SubscriptionStatus)]| {
        let state =
            state(facts.iter().map(|(id, created, status)| seen(id, *created, *status, Rank::Updated)));
        state.subscription().unwrap().id.to_string()
    };
    assert_eq!(current(&[("sub_old", 0, Active), ("sub_new", 9, Incomplete)]), "sub_old");
    assert_eq!(current(&[("sub_old", 0, Active), ("sub_new", 9, Canceled)]), "sub_old");
    assert_eq!(current(&[("sub_old", 0, PastDue), ("sub_new", 9, Active)]), "sub_new");
    assert_eq!(current(&[("sub_old", 0, Active), ("sub_new", 9, Active)]), "sub_new");
    assert_eq!(current(&[("sub_old", 0, Canceled), ("sub_new", 9, IncompleteExpired)]), "sub_old");
}

#[test]
fn two_changes_of_one_second_that_differ_are_ambiguous_until_stripe_is_asked() {
    use SubscriptionStatus::{Active, PastDue};
    let first = updated(5, Active);
    let second = updated(5, PastDue);
    let known = state([first.clone()]);
    assert!(known.is_doubtful(&second));
    assert!(!known.is_doubtful(&first), "the same event again");
    assert!(!known.is_doubtful(&updated(6, PastDue)));
    assert!(!state([updated(9, Active)]).is_doubtful(&second), "a later snapshot is known");
    let same = Fact::Subscription(subscription("sub_1", 0, Active), stamp(5, Rank::Updated, "evt_other"));
    assert!(!known.is_doubtful(&same), "they say the same");

    let answer = Fact::Subscription(
        subscription("sub_1", 0, Active),
        stamp(5, Rank::Fetched(at(7)), "evt_5_past_due"),
    );
    for order in [[first.clone(), second.clone(), answer.clone()], [answer.clone(), second.clone(), first]] {
        assert_eq!(status(&state(order)), Some(Active));
    }
    let third = updated(5, SubscriptionStatus::Trialing);
    assert!(state([answer]).is_doubtful(&third), "a third one of that second is asked about again");
}

#[test]
fn failing_counts_from_the_first_failure_since_it_last_worked() {
    let past_due = updated(100 * DAY, SubscriptionStatus::PastDue);
    let since = |facts: &[Fact]| {
        let all = facts.iter().cloned().chain([past_due.clone()]);
        let backwards = state(facts.iter().rev().cloned().chain([past_due.clone()]));
        let state = state(all);
        assert_eq!(state, backwards);
        state.failing_since()
    };
    let (january, february, march) = (0, 31 * DAY, 59 * DAY);
    let active = |second| updated(second, SubscriptionStatus::Active);
    let draft = invoice(90 * DAY, 90 * DAY, InvoiceChange::Updated, InvoiceStatus::Draft);
    assert_eq!(since(&[failed(march, 60 * DAY), failed(march, 63 * DAY), draft]), Some(at(60 * DAY)));
    assert_eq!(since(&[failed(february, 32 * DAY), failed(march, 60 * DAY)]), Some(at(32 * DAY)));
    let recovered = [failed(january, DAY), active(33 * DAY), failed(march, 60 * DAY)];
    assert_eq!(since(&recovered), Some(at(60 * DAY)));
    assert_eq!(since(&[]), Some(at(100 * DAY)), "the failure itself was not heard of yet");
    assert_eq!(state([updated(1, SubscriptionStatus::Active), failed(0, DAY)]).failing_since(), None);
}

#[test]
fn a_payment_after_which_stripe_still_calls_it_failing_begins_a_new_grace_once() {
    let failing = [failed(0, DAY), updated(DAY, SubscriptionStatus::PastDue)];
    let later = |day: i64| updated(day * DAY, SubscriptionStatus::Unpaid);
    let since = |more: Vec<Fact>| state(failing.iter().cloned().chain(more)).failing_since();
    assert_eq!(since(vec![paid(0, 20 * DAY)]), Some(at(20 * DAY)));
    assert_eq!(since(vec![paid(0, 20 * DAY), later(30), later(40)]), Some(at(20 * DAY)));
}

/// Whatever is heard while payments fail: seats, drafts, small invoices paid at once, further
/// failures, being overdue.
#[test]
fn no_later_word_moves_the_first_one() {
    let mut known = state([updated(0, SubscriptionStatus::Active), failed(DAY, 2 * DAY)]);
    known.add(updated(2 * DAY, SubscriptionStatus::PastDue));
    let mut seats = subscription("sub_1", 0, SubscriptionStatus::PastDue);
    for day in 3..300 {
        seats.quantity = Some(u64::try_from(day).unwrap());
        known.add(crate::samples::seen(seats.clone(), day * DAY));
        known.add(invoice(day * DAY, day * DAY, InvoiceChange::Updated, InvoiceStatus::Draft));
        known.add(invoice(day * DAY, day * DAY, InvoiceChange::Overdue, InvoiceStatus::Open));
        known.add(failed(day * DAY + 1, day * DAY + 1));
        assert_eq!(known.failing_since(), Some(at(2 * DAY)), "day {day}");
    }
    let seat = stripe_client::Invoice { attempt_count: 1, ..seat_invoice() };
    let paid_at_once = Invoice::seen("evt_seat".parse().unwrap(), at(300 * DAY), InvoiceChange::Paid, seat);
    known.add(Fact::Invoice(paid_at_once.unwrap()));
    known.add(crate::samples::seen(seats, 301 * DAY));
    assert_eq!(known.failing_since(), Some(at(2 * DAY)));
}

fn seat_invoice() -> stripe_client::Invoice {
    stripe_client::Invoice {
        id: "in_seat".parse().unwrap(),
        customer: None,
        subscription: Some("sub_1".parse().unwrap()),
        status: Some(InvoiceStatus::Paid),
        created: at(300 * DAY),
        amount_due: 100,
        amount_paid: 100,
        currency: "eur".to_owned(),
        attempt_count: 0,
        billing_reason: None,
        pay_url: None,
        metadata: std::collections::BTreeMap::new(),
        subscription_metadata: std::collections::BTreeMap::new(),
    }
}

#[test]
fn what_settles_and_what_does_not() {
    let settled = |change: &dyn Fn(&mut stripe_client::Invoice)| {
        let mut invoice = seat_invoice();
        change(&mut invoice);
        let seen = Invoice::seen("evt_1".parse().unwrap(), at(7), InvoiceChange::Paid, invoice).unwrap();
        seen.settled_at()
    };
    assert_eq!(settled(&|_| {}), None);
    assert_eq!(settled(&|invoice| invoice.attempt_count = 1), None);
    assert_eq!(settled(&|invoice| invoice.attempt_count = 2), Some(at(7)));
    assert_eq!(
        settled(&|invoice| invoice.billing_reason = Some(BillingReason::SubscriptionCycle)),
        Some(at(7))
    );
    let nothing = |invoice: &mut stripe_client::Invoice| {
        (invoice.attempt_count, invoice.amount_paid) = (2, 0);
    };
    assert_eq!(settled(&nothing), None);
}

#[test]
fn a_paid_invoice_stays_paid() {
    let late = [paid(0, 2 * DAY), failed(0, 3 * DAY), failed(0, DAY)];
    let state = state(late.into_iter().chain([updated(0, SubscriptionStatus::Active)]));
    let invoice = state.latest_invoice().unwrap();
    assert_eq!(invoice.snapshot.status, InvoiceStatus::Paid);
    assert_eq!((invoice.first_failed_at, invoice.paid_at), (Some(at(DAY)), Some(at(2 * DAY))));
    assert_eq!((invoice.snapshot.amount_due, invoice.snapshot.amount_paid), (4900, 4900));
    assert_eq!((invoice.snapshot.currency.as_str(), invoice.failed_attempts), ("eur", 3));
}

#[test]
fn who_pays_is_the_current_subscription_s_customer_or_the_latest_heard_of() {
    let payer = |second: i64, id: &str| Fact::Customer {
        id: id.parse().unwrap(),
        at: at(second),
        event_id: format!("evt_{second}").parse().unwrap(),
    };
    let known = state([payer(5, "cus_late"), payer(1, "cus_early")]);
    assert_eq!(known.customer().unwrap().as_str(), "cus_late");
    assert_eq!(StripeState::default().customer(), None);
    let known = state([payer(5, "cus_late"), updated(1, SubscriptionStatus::Active)]);
    assert_eq!(known.customer().unwrap().as_str(), "cus_1");
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let subscription = (
        0..7_i64,
        prop::sample::select(SubscriptionStatus::ALL),
        0..4_i64,
        prop::sample::select(&[
            Rank::Created,
            Rank::Updated,
            Rank::Fetched(Timestamp::UNIX_EPOCH),
            Rank::Deleted,
        ]),
        0..3_u64,
    )
        .prop_map(|(created, status, second, rank, quantity)| {
            // One event is one snapshot: the id says all of it.
            let event = format!("evt_{created}_{}_{second}_{quantity}", status.as_str());
            let mut seen = subscription(&format!("sub_{}", created % 6), created / 2, status);
            seen.quantity = Some(quantity);
            Fact::Subscription(seen, stamp(second, rank, &event))
        });
    let invoice = (
        0..15_i64,
        0..4_i64,
        prop::sample::select(&[
            InvoiceChange::Updated,
            InvoiceChange::Overdue,
            InvoiceChange::PaymentFailed,
            InvoiceChange::Paid,
        ]),
        prop::sample::select(InvoiceStatus::ALL),
    )
        .prop_map(|(number, second, change, status)| invoice(number, second * DAY, change, status));
    let customer = (0..4_i64, 0..3_u8).prop_map(|(second, number)| Fact::Customer {
        id: format!("cus_{number}").parse().unwrap(),
        at: at(second),
        event_id: format!("evt_{second}_{number}").parse().unwrap(),
    });
    prop_oneof![4 => subscription, 4 => invoice, 1 => customer]
}

proptest! {
    /// Any order, any duplicates, and losses that are made good later end in the same state.
    #[test]
    fn the_order_and_number_of_deliveries_do_not_matter(
        (facts, deliveries) in prop::collection::vec(any_fact(), 0..25).prop_flat_map(|facts| {
            let twice = [facts.clone(), facts.clone()].concat();
            (Just(facts), Just(twice).prop_shuffle())
        })
    ) {
        prop_assert_eq!(state(facts), state(deliveries));
    }

    #[test]
    fn what_is_known_already_changes_nothing(facts in prop::collection::vec(any_fact(), 1..25), again in any::<prop::sample::Index>()) {
        let known = state(facts.clone());
        let mut repeated = known.clone();
        repeated.add(again.get(&facts).clone());
        prop_assert_eq!(known, repeated);
    }

    #[test]
    fn survives_storage(facts in prop::collection::vec(any_fact(), 0..25)) {
        let known = state(facts);
        let text = serde_json::to_string(&known).unwrap();
        prop_assert_eq!(serde_json::from_str::<StripeState>(&text).unwrap(), known);
    }
}
