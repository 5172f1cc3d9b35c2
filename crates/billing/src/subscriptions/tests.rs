use proptest::prelude::*;
use stripe_client::SubscriptionStatus::{self, Active, Canceled, Incomplete, IncompleteExpired, PastDue};
use stripe_client::{InvoiceChange, InvoiceStatus};

use super::*;
use crate::{
    Fact, StripeState,
    samples::{DAY, at, invoice_of, seen, subscription},
};

fn heard(id: &str, created: i64, second: i64, status: SubscriptionStatus) -> Fact {
    seen(subscription(id, created, status), second)
}

fn status(state: &StripeState) -> (String, SubscriptionStatus) {
    let shown = state.subscription().unwrap();
    (shown.id.to_string(), shown.status)
}

#[test]
fn no_number_of_later_attempts_pushes_out_the_one_that_is_paid() {
    for attempt in [Incomplete, IncompleteExpired, Canceled] {
        let mut state = StripeState::default();
        state.add(heard("sub_paid", 0, 0, Active));
        for number in 1..100 {
            state.add(heard(&format!("sub_try{number}"), number, number, attempt));
            assert_eq!(status(&state), ("sub_paid".to_owned(), Active), "{attempt:?} {number}");
        }
        state.add(heard("sub_paid", 0, 200, PastDue));
        assert_eq!(status(&state), ("sub_paid".to_owned(), PastDue));
    }
}

#[test]
fn no_number_of_ended_ones_pushes_out_one_that_lives() {
    let mut state = StripeState::default();
    state.add(heard("sub_live", 0, 0, PastDue));
    for number in 1..100 {
        let id = format!("sub_{number}");
        state.add(heard(&id, number, number, Active));
        state.add(heard(&id, number, number + 1, Canceled));
    }
    assert_eq!(status(&state), ("sub_live".to_owned(), PastDue));
    assert_eq!(state.failing_since(), Some(at(0)));
}

#[test]
fn the_newest_attempt_is_shown_where_nothing_began() {
    let mut state = StripeState::default();
    state.add(heard("sub_2", 2, 5, Incomplete));
    state.add(heard("sub_1", 1, 9, Incomplete));
    assert_eq!(status(&state), ("sub_2".to_owned(), Incomplete));
    state.add(heard("sub_3", 3, 9, Canceled));
    assert_eq!(status(&state), ("sub_3".to_owned(), Canceled));
    assert!(!state.has_begun());
    state.add(heard("sub_2", 2, 10, Active));
    assert_eq!(status(&state), ("sub_2".to_owned(), Active));
    assert!(state.has_begun());
}

/// An old word that comes late does not revive what is known to be over; what may have been
/// forgotten is asked about.
#[test]
fn what_ended_stays_ended() {
    let mut state = StripeState::default();
    let ended = |number: i64| heard(&format!("sub_{number:02}"), number, 100 + number, Canceled);
    let before = |number: i64| heard(&format!("sub_{number:02}"), number, number, Active);
    let kept = i64::try_from(KEPT).unwrap();
    for number in 0..=kept {
        assert!(!state.is_doubtful(&before(number)), "{number}");
        state.add(before(number));
        state.add(ended(number));
    }
    state.add(before(1));
    assert_eq!(status(&state), (format!("sub_{kept:02}"), Canceled), "the newest that ended");
    assert!(state.is_doubtful(&before(0)), "it was dropped");
    assert!(!state.is_doubtful(&before(1)), "it is known");
    assert!(state.is_doubtful(&heard("sub_new", 0, 100, Active)), "not later than what was dropped");
    assert!(!state.is_doubtful(&heard("sub_new", 0, 101, Active)));
    assert!(!state.is_doubtful(&heard("sub_new", 0, 100, Canceled)), "an end is an end");
    assert!(!state.is_doubtful(&heard("sub_new", 0, 100, Incomplete)));
}

#[test]
fn what_works_always_gets_in() {
    let mut state = StripeState::default();
    let mut add = |fact| {
        let before = state.clone();
        state.add(fact);
        (state.is_too_much_since(&before), status(&state))
    };
    let unpaid = [PastDue, SubscriptionStatus::Unpaid, SubscriptionStatus::Paused];
    for number in 0..3 * UNPAID {
        let (too_much, _) = add(heard(&format!("sub_{number}"), 0, 0, unpaid[number % 3]));
        assert!(!too_much, "{number}");
    }
    for number in 0..WORKING {
        let (too_much, shown) = add(heard(&format!("sub_paid_{number:02}"), 0, 1, Active));
        assert!(!too_much, "{number}");
        assert_eq!(shown, (format!("sub_paid_{number:02}"), Active));
    }
    for status in [Incomplete, PastDue, Canceled] {
        assert!(!add(heard(&format!("sub_{status:?}"), 0, 1, status)).0);
    }
    assert!(!add(heard("sub_paid_00", 0, 2, Active)).0, "it is one of them");
    assert!(add(heard("sub_paid_more", 0, 1, Active)).0, "more of those that work than are kept");
    assert!(!add(heard("sub_paid_more", 0, 3, PastDue)).0);
    assert_eq!(state.working(), WORKING);
    assert_eq!(state.records().count(), WORKING + UNPAID + 1);
}

/// Of what is not paid those count that stood well the longest: the others give nothing more than
/// they do.
#[test]
fn what_is_not_paid_for_the_longest_is_dropped_first() {
    let unpaid = i64::try_from(UNPAID).unwrap();
    let mut state = StripeState::default();
    state.add(heard("sub_best", 0, 1_000 * DAY, PastDue));
    for number in 0..3 * unpaid {
        state.add(heard(&format!("sub_{number}"), number, number * DAY, PastDue));
    }
    assert_eq!(state.records().count(), UNPAID);
    assert!(state.records().any(|record| record.id.as_str() == "sub_best"));
    assert!(state.records().all(|record| record.unpaid_since() > Some(at(2 * unpaid * DAY))));
}

/// Those that are known by their invoices alone: whether they exist was never said.
#[test]
fn what_invoices_alone_tell_of_is_dropped_by_its_last_word() {
    let mut state = StripeState::default();
    for number in (0..3 * i64::try_from(KEPT).unwrap()).rev() {
        let subscription = format!("sub_{number:02}");
        let (change, status) = (InvoiceChange::PaymentFailed, InvoiceStatus::Open);
        state.add(invoice_of(&subscription, None, number, number, change, status));
    }
    let kept: Vec<_> = state.records().map(|record| record.id.to_string()).collect();
    assert_eq!(kept, (2 * KEPT..3 * KEPT).map(|number| format!("sub_{number:02}")).collect::<Vec<_>>());
}

/// How long it was not paid is forgotten with it. What comes back is given no new grace, until it
/// works again.
#[test]
fn a_dropped_one_comes_back_as_never_paid() {
    let mut state = StripeState::default();
    let unpaid = i64::try_from(UNPAID).unwrap();
    for number in 0..=unpaid {
        state.add(heard(&format!("sub_{number}"), number, number * DAY, PastDue));
    }
    for number in 1..=unpaid {
        state.add(heard(&format!("sub_{number}"), number, 20 * DAY, Canceled));
    }
    assert!(state.is_doubtful(&heard("sub_0", 0, 0, PastDue)));
    state.add(heard("sub_0", 0, 50 * DAY, PastDue));
    assert_eq!((status(&state), state.failing_since()), (("sub_0".to_owned(), PastDue), Some(at(0))));
    state.add(heard("sub_0", 0, 10 * DAY, Active));
    assert_eq!(state.failing_since(), Some(at(10 * DAY)), "what failed next may be forgotten");
    state.add(heard("sub_new", 1, 50 * DAY, PastDue));
    assert_eq!(state.failing_since(), Some(at(50 * DAY)), "it is younger than all that were dropped");
    state.add(heard("sub_new", 1, 51 * DAY, Canceled));
    state.add(heard("sub_0", 0, 60 * DAY, Active));
    state.add(heard("sub_0", 0, 70 * DAY, PastDue));
    assert_eq!(state.failing_since(), Some(at(70 * DAY)));
}

/// A good word from before the drop does not say that nothing failed between the two.
#[test]
fn an_old_good_word_on_a_dropped_one_gives_no_new_grace() {
    let mut state = StripeState::default();
    state.add(heard("sub_0", 0, 0, PastDue));
    state.add(heard("sub_0", 0, 30 * DAY, PastDue));
    for number in 1..=i64::try_from(UNPAID).unwrap() {
        state.add(heard(&format!("sub_{number}"), number, number * DAY, PastDue));
        state.add(heard(&format!("sub_{number}"), number, 40 * DAY, Active));
        state.add(heard(&format!("sub_{number}"), number, 41 * DAY, PastDue));
    }
    assert!(state.records().all(|record| record.id.as_str() != "sub_0"), "it was dropped");
    for number in 1..=i64::try_from(UNPAID).unwrap() {
        state.add(heard(&format!("sub_{number}"), number, 45 * DAY, Canceled));
    }
    state.add(heard("sub_0", 0, 10 * DAY, Active));
    state.add(heard("sub_0", 0, 50 * DAY, PastDue));
    assert_eq!((status(&state), state.failing_since()), (("sub_0".to_owned(), PastDue), Some(at(10 * DAY))));
}

proptest! {
    /// One word on each of more subscriptions than are kept, some of them twice, in any order.
    #[test]
    fn which_are_kept_does_not_depend_on_the_order(
        (words, shuffled) in prop::collection::vec(
            prop::sample::select(&[Active, PastDue, SubscriptionStatus::Paused, Canceled, Incomplete][..]),
            0..4 * UNPAID,
        )
        .prop_flat_map(|statuses| {
            let word = |(number, status): (usize, &SubscriptionStatus)| {
                let created = i64::try_from(number).unwrap();
                heard(&format!("sub_{number}"), created, created, *status)
            };
            let words: Vec<_> = statuses.iter().enumerate().map(word).collect();
            (Just(words.clone()), Just([words.clone(), words].concat()).prop_shuffle())
        })
    ) {
        let known = |facts: Vec<Fact>| {
            let mut state = StripeState::default();
            for fact in facts {
                state.add(fact);
            }
            let kept = state.records().map(|record| {
                let since = (record.phase() != Phase::Working).then(|| record.unpaid_since());
                (record.id.clone(), record.phase(), since)
            });
            (kept.collect::<Vec<_>>(), state.subscription().cloned())
        };
        prop_assert_eq!(known(words), known(shuffled));
    }
}

/// The most that an account can hold, with ids as long as Stripe allows: half of what fits into an
/// item.
#[test]
fn the_state_is_bounded() {
    let mut state = StripeState::default();
    let long = |prefix: &str, number: usize| format!("{prefix}{number:0>240}");
    let mut add = |number: usize, second: i64, status| {
        let mut subscription = subscription(&long("sub_", number), 0, status);
        subscription.customer = long("cus_", number).parse().unwrap();
        subscription.price = Some("€".repeat(85).try_into().unwrap());
        for time in [
            &mut subscription.cancel_at,
            &mut subscription.ended_at,
            &mut subscription.trial_end,
            &mut subscription.current_period_start,
            &mut subscription.current_period_end,
        ] {
            *time = Some(at(second));
        }
        let event_id = long("evt_", usize::try_from(second).unwrap()).parse().unwrap();
        state.add(Fact::Subscription(subscription, Stamp { at: at(second), rank: Rank::Updated, event_id }));
    };
    for number in 0..100 {
        let statuses: &[_] = match number % 4 {
            _ if number < WORKING => &[Active],
            _ if number >= 100 - UNPAID => &[PastDue],
            0 => &[Canceled],
            1 => &[Incomplete],
            _ => &[PastDue, Canceled],
        };
        for second in 0..50 {
            add(number, second, statuses[0]);
            add(number, 100 + second, SubscriptionStatus::Paused.min(statuses[0]));
        }
        add(number, 1000, *statuses.last().unwrap());
    }
    for number in 0..100 {
        let of = long("sub_alone_", usize::try_from(number).unwrap());
        for second in 0..50 {
            let change = stripe_client::InvoiceChange::PaymentFailed;
            let status = stripe_client::InvoiceStatus::Open;
            state.add(invoice_of(&of, None, number, second * DAY, change, status));
        }
    }
    let bytes = serde_json::to_string(&state).unwrap().len();
    assert_eq!(state.records().count(), WORKING + UNPAID + 3 * KEPT);
    assert!(bytes < 200_000, "{bytes}");
}
