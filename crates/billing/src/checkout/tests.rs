use stripe_client::SubscriptionStatus;

use super::*;
use crate::{
    Fact, Rank, Rules,
    samples::{DAY, account, at, stamp, subscription, updated},
};

fn wish(plan: &str) -> Wish {
    let (interval, way) = (Interval::Month, Way::Form);
    Wish { plan: plan.to_owned(), interval, promotion_code: None, way }
}

fn customer() -> CustomerId {
    "cus_1".parse().unwrap()
}

/// An account whose customer is known, at the beginning of its trial.
fn known() -> Account {
    account().learn([Fact::Customer { id: customer(), at: at(0), event_id: "evt_1".parse().unwrap() }])
}

fn page(expires: i64) -> Stage {
    let begun = Begun::Page { session: "cs_1".parse().unwrap(), url: Some("https://pay".to_owned()) };
    Stage::Open { begun, expires_at: at(expires) }
}

fn checkout(stage: Stage) -> Checkout {
    let account = known();
    Checkout {
        org_id: account.org_id,
        checkout_id: "chk_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap(),
        wish: wish("team"),
        order: Order {
            customer: customer(),
            price: "price_1".to_owned().try_into().unwrap(),
            promotion_code: None,
            seats: 3,
            promised: promised(&account, at(0)),
            trial_end: None,
        },
        created_at: at(0),
        stage,
        replaces: None,
        version: 1,
    }
}

fn decided(account: &Account, stage: Stage, (plan, seats): (&str, u32), now: i64) -> Result<Next, String> {
    let before = checkout(stage);
    next(account, Some(&before), (&wish(plan), seats), at(now)).map_err(|error| error.to_string())
}

#[test]
fn what_is_open_is_given_as_long_as_it_is_the_same() {
    let given = decided(&known(), page(DAY), ("team", 3), 10).unwrap();
    assert_eq!(given, Next::Give(checkout(page(DAY))));
    let Stage::Open { begun, .. } = page(DAY) else { unreachable!() };
    let in_its_place = Next::Begin(Some(begun));
    // another plan, other people, another end of the trial, another customer, and hardly any time left
    assert_eq!(decided(&known(), page(DAY), ("business", 3), 10).unwrap(), in_its_place);
    assert_eq!(decided(&known(), page(DAY), ("team", 4), 10).unwrap(), in_its_place);
    assert_eq!(decided(&known(), page(20 * DAY), ("team", 3), 15 * DAY).unwrap(), in_its_place);
    let gone = known().learn([Fact::CustomerGone { id: customer(), at: at(1) }]);
    assert_eq!(decided(&gone, page(DAY), ("team", 3), 10).unwrap(), in_its_place);
    assert_eq!(decided(&known(), page(DAY), ("team", 3), DAY - 60).unwrap(), in_its_place);
    // a page is over by itself; what was begun on ours may go on
    assert_eq!(decided(&known(), page(DAY), ("team", 3), DAY).unwrap(), Next::Begin(None));
    let begun = Begun::Form { subscription: "sub_9".parse().unwrap() };
    let form = Stage::Open { begun: begun.clone(), expires_at: at(DAY) };
    assert_eq!(decided(&known(), form, ("team", 3), 2 * DAY).unwrap(), Next::Begin(Some(begun)));
}

#[test]
fn one_opens_it_at_a_time_and_another_one_when_that_one_does_not_come_back() {
    let opening = |until| Stage::Opening { until };
    assert_eq!(decided(&known(), opening(Some(at(20))), ("business", 9), 19).unwrap(), Next::Wait);
    for left in [opening(Some(at(20))), opening(None)] {
        let next = decided(&known(), left.clone(), ("business", 9), 20).unwrap();
        assert_eq!(next, Next::Finish(checkout(left)), "what was written down, whatever is wanted now");
    }
}

#[test]
fn nobody_pays_twice() {
    for status in [SubscriptionStatus::Active, SubscriptionStatus::PastDue, SubscriptionStatus::Paused] {
        // a first failure may be an attempt: it worked before
        let subscribed = known().learn([updated(1, SubscriptionStatus::Active), updated(2, status)]);
        let refused = decided(&subscribed, page(DAY), ("team", 3), 10).unwrap_err();
        assert_eq!(refused, BillingError::AlreadySubscribed.to_string(), "{status:?}");
    }
    let paid = || Stage::Completed { at: at(0), subscription: Some("sub_1".parse().unwrap()) };
    let refused = decided(&known(), paid(), ("team", 3), 3_599).unwrap_err();
    assert_eq!(refused, BillingError::AlreadySubscribed.to_string(), "nothing was heard of it yet");
    assert_eq!(decided(&known(), paid(), ("team", 3), 3_600).unwrap(), Next::Begin(None));
    let ended =
        known().learn([updated(1, SubscriptionStatus::Active), updated(2, SubscriptionStatus::Canceled)]);
    assert_eq!(decided(&ended, paid(), ("team", 3), 10).unwrap(), Next::Begin(None));
}

/// Begun on a page of ours, in a trial, by somebody who then went away.
#[test]
fn an_attempt_in_a_trial_is_no_subscription() {
    let mut begun = subscription("sub_1", 0, SubscriptionStatus::Trialing);
    begun.awaits_setup = true;
    let attempted = known().learn([Fact::Subscription(begun.clone(), stamp(1, Rank::Created, "evt_1"))]);
    assert!(!attempted.stripe.has_begun() && attempted.stripe.living().is_none());
    begun.awaits_setup = false;
    let paid = attempted.learn([Fact::Subscription(begun, stamp(2, Rank::Updated, "evt_2"))]);
    assert!(paid.stripe.living().is_some());
}

#[test]
fn nothing_is_paid_before_the_promised_end() {
    let promised = at(14 * DAY);
    for second in [0, DAY, 11 * DAY, 12 * DAY - 301] {
        assert_eq!(trial_end(Some(promised), at(second)), Some(promised), "{second}");
    }
    for second in [12 * DAY, 13 * DAY, 14 * DAY - 1] {
        let end = trial_end(Some(promised), at(second)).unwrap();
        assert!(end > promised && end <= at(second + 2 * DAY + 300), "{second}");
    }
    let after = super::promised(&account(), at(0) + Rules::default().trial());
    assert_eq!((after, trial_end(after, at(14 * DAY))), (None, None));
}

#[test]
fn a_plan_is_not_sold_to_more_people_than_it_is_for() {
    let (starter, _) = priced("starter", Interval::Year).unwrap();
    assert!(require_seats(starter, 10).is_ok() && require_seats(starter, 11).is_err());
    assert!(require_seats(priced("business", Interval::Month).unwrap().0, 100_000).is_ok());
    assert_eq!(priced("gold", Interval::Month), None);
}

#[test]
fn it_is_paid_once_and_its_address_is_told_to_nobody() {
    let open = checkout(page(DAY));
    assert_eq!(
        (open.shown(at(1)).status, open.shown(at(DAY)).status),
        ("open".to_owned(), "expired".to_owned())
    );
    assert!(
        open.shown(at(1)).url.is_some()
            && open.shown(at(DAY)).url.is_none()
            && open.told(at(1)).url.is_none()
    );
    let paid = open.completed(None, at(9)).unwrap();
    assert_eq!(paid.shown(at(10)).completed_at, Some(at(9).into()));
    assert_eq!(paid.completed(None, at(11)), None);
}
