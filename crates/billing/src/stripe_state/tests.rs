use proptest::prelude::*;
use stripe_client::{InvoiceChange, InvoiceStatus, SubscriptionStatus};

use super::*;
use crate::samples::{DAY, at, failed, invoice, paid, stamp, subscription, updated};

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
    assert!(known.is_ambiguous(&second));
    assert!(!known.is_ambiguous(&first), "the same event again");
    assert!(!known.is_ambiguous(&updated(6, PastDue)));
    assert!(!state([updated(9, Active)]).is_ambiguous(&second), "a later snapshot is known");
    let same = Fact::Subscription(subscription("sub_1", 0, Active), stamp(5, Rank::Updated, "evt_other"));
    assert!(!known.is_ambiguous(&same), "they say the same");

    let answer = Fact::Subscription(
        subscription("sub_1", 0, Active),
        stamp(5, Rank::Fetched(at(7)), "evt_5_past_due"),
    );
    for order in [[first.clone(), second.clone(), answer.clone()], [answer.clone(), second.clone(), first]] {
        assert_eq!(status(&state(order)), Some(Active));
    }
    let third = updated(5, SubscriptionStatus::Trialing);
    assert!(state([answer]).is_ambiguous(&third), "a third one of that second is asked about again");
}

#[test]
fn failing_counts_from_the_first_failure_since_the_last_payment() {
    let past_due = updated(100 * DAY, SubscriptionStatus::PastDue);
    let since = |facts: &[Fact]| {
        let all = facts.iter().cloned().chain([past_due.clone()]);
        let backwards = state(facts.iter().rev().cloned().chain([past_due.clone()]));
        let state = state(all);
        assert_eq!(state, backwards);
        state.failing_since()
    };
    let (january, february, march) = (0, 31 * DAY, 59 * DAY);
    let draft = invoice(90 * DAY, 90 * DAY, InvoiceChange::Updated, InvoiceStatus::Draft);
    assert_eq!(since(&[failed(march, 60 * DAY), failed(march, 63 * DAY), draft]), Some(at(60 * DAY)));
    assert_eq!(since(&[failed(february, 32 * DAY), failed(march, 60 * DAY)]), Some(at(32 * DAY)));
    assert_eq!(
        since(&[failed(january, DAY), paid(february, 33 * DAY), failed(march, 60 * DAY)]),
        Some(at(60 * DAY))
    );
    assert_eq!(since(&[]), Some(at(100 * DAY)), "the failure itself was not heard of yet");
    assert_eq!(state([updated(1, SubscriptionStatus::Active), failed(0, DAY)]).failing_since(), None);
}

#[test]
fn a_paid_invoice_stays_paid() {
    let late = [paid(0, 2 * DAY), failed(0, 3 * DAY), failed(0, DAY)];
    let state = state(late.into_iter().chain([updated(0, SubscriptionStatus::Active)]));
    let invoice = state.latest_invoice().unwrap();
    assert_eq!((invoice.status(), invoice.first_failed_at), (InvoiceStatus::Paid, Some(at(DAY))));
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
        prop::sample::select(&[InvoiceChange::Updated, InvoiceChange::PaymentFailed, InvoiceChange::Paid]),
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
    #![proptest_config(ProptestConfig::with_cases(1000))]

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
