use stripe_client::SubscriptionStatus::{self, Active, Canceled, Incomplete, IncompleteExpired, PastDue};

use super::*;
use crate::{
    Fact, StripeState,
    samples::{DAY, at, failed, invoice_of, seen, subscription},
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

/// An old word that comes late does not revive what is known to be over; what may have been forgotten is asked about.
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
fn sixteen_live_and_no_more() {
    let mut state = StripeState::default();
    for number in 0..LIVE {
        let next = heard(&format!("sub_{number}"), 0, 0, if number % 2 == 0 { Active } else { PastDue });
        assert!(!state.is_one_too_many(&next));
        state.add(next);
    }
    assert!(state.is_one_too_many(&heard("sub_more", 0, 0, Active)));
    assert!(!state.is_one_too_many(&heard("sub_more", 0, 0, Incomplete)));
    assert!(!state.is_one_too_many(&heard("sub_more", 0, 0, Canceled)));
    assert!(!state.is_one_too_many(&heard("sub_0", 0, 1, PastDue)), "it is one of them");
    assert!(!state.is_one_too_many(&failed(1, 1)));
    assert_eq!(state.working(), LIVE / 2);
    state.add(heard("sub_0", 0, 1, Canceled));
    assert!(!state.is_one_too_many(&heard("sub_more", 0, 0, Active)));
    assert!(!state.is_one_too_many(&heard("sub_0", 0, 2, Active)) || state.working() == LIVE);
}

/// The most that an account can hold, with ids as long as Stripe allows: a third of what fits into an item.
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
            _ if number < LIVE => &[PastDue],
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
    assert_eq!(state.records().count(), LIVE + 3 * KEPT);
    assert!(bytes < 130_000, "{bytes}");
}
