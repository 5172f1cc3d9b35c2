use stripe_client::SubscriptionStatus;

use super::*;
use crate::{
    Fact, Rank,
    samples::{DAY, account, at, failed, seen, stamp, subscription, updated},
};

const ACTIVE_FOR_14_DAYS: i64 = 14 * DAY;

fn level(standing: Standing, second: i64) -> AccessLevel {
    standing.access(at(second), &Rules::default()).level
}

fn standing(account: &Account, now: jiff::Timestamp) -> Standing {
    account.standing(now, &Rules::default())
}

/// Every standing, on both sides of each of its borders, to the second.
#[test]
fn the_table() {
    use AccessLevel::{ExportOnly, Full, Grace, ReadOnly, Suspended};
    let rows: &[(Standing, &[(i64, AccessLevel)])] = &[
        (Standing::Subscribed, &[(0, Full), (10_000 * DAY, Full)]),
        (Standing::Trial(at(DAY)), &[(0, Full), (DAY - 1, Full)]),
        (
            Standing::PaymentFailed(at(0)),
            &[
                (-DAY, Grace),
                (0, Grace),
                (21 * DAY - 1, Grace),
                (21 * DAY, ReadOnly),
                (35 * DAY - 1, ReadOnly),
                (35 * DAY, Suspended),
                (65 * DAY - 1, Suspended),
                (65 * DAY, ExportOnly),
                (10_000 * DAY, ExportOnly),
            ],
        ),
        (
            Standing::Lapsed(at(0)),
            &[
                (0, ReadOnly),
                (14 * DAY - 1, ReadOnly),
                (14 * DAY, Suspended),
                (44 * DAY - 1, Suspended),
                (44 * DAY, ExportOnly),
            ],
        ),
    ];
    for (standing, expectations) in rows {
        for (second, expected) in *expectations {
            assert_eq!(level(*standing, *second), *expected, "{standing:?} after {second} s");
        }
    }
}

#[test]
fn until_is_the_instant_of_the_next_level() {
    use AccessLevel::{ExportOnly, Grace, ReadOnly, Suspended};
    let rules = Rules::default();
    for (standing, levels) in [
        (Standing::PaymentFailed(at(0)), &[Grace, ReadOnly, Suspended, ExportOnly][..]),
        (Standing::Lapsed(at(0)), &[ReadOnly, Suspended, ExportOnly][..]),
    ] {
        let mut access = standing.access(at(0), &rules);
        let mut seen = vec![access.level];
        while let Some(until) = access.until {
            access = standing.access(until, &rules);
            seen.push(access.level);
        }
        assert_eq!(seen, levels);
    }
}

/// Every status Stripe knows, while the trial runs, at its end and later.
#[test]
fn the_standing_of_every_status() {
    use SubscriptionStatus::{
        Active, Canceled, Incomplete, IncompleteExpired, PastDue, Paused, Trialing, Unpaid,
    };
    let end = at(ACTIVE_FOR_14_DAYS);
    let trial = Standing::Trial(end);
    let seen_at = at(20 * DAY);
    let rows = [
        (None, trial, Standing::Lapsed(end)),
        (Some(Incomplete), trial, Standing::Lapsed(end)),
        (Some(IncompleteExpired), trial, Standing::Lapsed(end)),
        (Some(Trialing), Standing::Subscribed, Standing::Subscribed),
        (Some(Active), Standing::Subscribed, Standing::Subscribed),
        (Some(PastDue), trial, Standing::PaymentFailed(seen_at)),
        (Some(Unpaid), trial, Standing::PaymentFailed(seen_at)),
        (Some(Canceled), trial, Standing::Lapsed(end)),
        (Some(Paused), trial, Standing::Lapsed(seen_at)),
    ];
    assert_eq!(rows.len(), 1 + SubscriptionStatus::ALL.len());
    for (status, during, after) in rows {
        let account = account().learn(status.map(|status| updated(20 * DAY, status)));
        assert_eq!(standing(&account, at(ACTIVE_FOR_14_DAYS - 1)), during, "{status:?} during the trial");
        let expected = if matches!(status, None | Some(Incomplete)) { Standing::Lapsed(end) } else { after };
        assert_eq!(standing(&account, at(ACTIVE_FOR_14_DAYS)), expected, "{status:?} at the trial's end");
        assert_eq!(standing(&account, at(100 * DAY)), after, "{status:?} long after");
    }
}

#[test]
fn a_failed_payment_is_graced_from_its_first_failure() {
    let account = account().learn([
        updated(33 * DAY, SubscriptionStatus::PastDue),
        failed(30 * DAY, 31 * DAY),
        failed(30 * DAY, 34 * DAY),
    ]);
    let access = account.access(at(40 * DAY), &Rules::default());
    assert_eq!(access, Access { level: AccessLevel::Grace, until: Some(at(52 * DAY)) });
}

#[test]
fn a_canceled_subscription_lapses_when_it_ended_but_not_before_the_trial() {
    let canceled = |ended: i64| {
        let mut seen = subscription("sub_1", 0, SubscriptionStatus::Canceled);
        seen.ended_at = Some(at(ended));
        account().learn([
            updated(DAY, SubscriptionStatus::Active),
            Fact::Subscription(seen, stamp(50 * DAY, Rank::Deleted, "evt_1")),
        ])
    };
    assert_eq!(standing(&canceled(40 * DAY), at(60 * DAY)), Standing::Lapsed(at(40 * DAY)));
    assert_eq!(standing(&canceled(5 * DAY), at(60 * DAY)), Standing::Lapsed(at(14 * DAY)));
    assert_eq!(standing(&canceled(5 * DAY), at(6 * DAY)), Standing::Trial(at(14 * DAY)));
}

/// What ended has no time of its own: the first word of it counts, whatever else is said of it.
#[test]
fn without_a_time_of_its_own_an_end_is_when_it_was_first_heard_of() {
    for status in [SubscriptionStatus::Canceled, SubscriptionStatus::Paused] {
        let account = account().learn([
            updated(DAY, SubscriptionStatus::Active),
            updated(30 * DAY, status),
            updated(45 * DAY, status),
        ]);
        assert_eq!(standing(&account, at(50 * DAY)), Standing::Lapsed(at(30 * DAY)), "{status:?}");
    }
}

#[test]
fn a_trial_of_stripe_s_ended_when_stripe_says_it_did() {
    let mut paused = subscription("sub_1", 0, SubscriptionStatus::Paused);
    paused.trial_end = Some(at(29 * DAY));
    let account = account().learn([updated(DAY, SubscriptionStatus::Trialing), seen(paused, 30 * DAY)]);
    assert_eq!(standing(&account, at(50 * DAY)), Standing::Lapsed(at(29 * DAY)));
}

/// Whoever cancels what is not paid gets nothing by it, and whoever only tried has nothing to lose.
#[test]
fn an_end_gives_no_more_than_what_was_there() {
    let failing = [updated(DAY, SubscriptionStatus::Active), updated(30 * DAY, SubscriptionStatus::PastDue)];
    for (ended, until) in [(40, 40), (51, 51), (52, 51), (100, 51)] {
        let account =
            account().learn(failing.clone()).learn([updated(ended * DAY, SubscriptionStatus::Canceled)]);
        assert_eq!(standing(&account, at(200 * DAY)), Standing::Lapsed(at(until * DAY)), "ended {ended}");
    }
    let tried = account().learn([updated(200 * DAY, SubscriptionStatus::Canceled)]);
    assert_eq!(standing(&tried, at(201 * DAY)), Standing::Lapsed(at(ACTIVE_FOR_14_DAYS)));
    assert!(tried.next_notice_at().is_some(), "the trial's notices go on");
}

/// Of several that do not work the one counts that stood well the longest.
#[test]
fn the_best_of_several_counts() {
    let other = |second: i64, status| seen(subscription("sub_2", 1, status), second * DAY);
    let failing = [updated(DAY, SubscriptionStatus::Active), updated(30 * DAY, SubscriptionStatus::PastDue)];
    let both = |facts: [Fact; 2]| account().learn(failing.clone()).learn(facts);
    let ended = both([other(2, SubscriptionStatus::Active), other(60, SubscriptionStatus::Canceled)]);
    assert_eq!(standing(&ended, at(61 * DAY)), Standing::Lapsed(at(60 * DAY)));
    let ended = both([other(2, SubscriptionStatus::Active), other(40, SubscriptionStatus::Canceled)]);
    assert_eq!(standing(&ended, at(61 * DAY)), Standing::PaymentFailed(at(30 * DAY)));
    let equal = both([other(2, SubscriptionStatus::Active), other(51, SubscriptionStatus::Canceled)]);
    assert_eq!(standing(&equal, at(61 * DAY)), Standing::PaymentFailed(at(30 * DAY)));
    let failing_later = both([other(2, SubscriptionStatus::Active), other(50, SubscriptionStatus::Unpaid)]);
    assert_eq!(standing(&failing_later, at(61 * DAY)), Standing::PaymentFailed(at(50 * DAY)));
}

/// Decision 0019: what is cancelled is not delivered, what waits or is given up is.
#[test]
fn a_pause_with_void_invoices_is_a_pause_and_others_are_gifts() {
    use stripe_client::{PauseBehavior, PauseCollection};
    let paused = |behavior, status| {
        let mut subscription = subscription("sub_1", 0, status);
        subscription.pause_collection = Some(PauseCollection { behavior, resumes_at: None });
        standing(
            &account().learn([updated(DAY, SubscriptionStatus::Active), seen(subscription, 30 * DAY)]),
            at(50 * DAY),
        )
    };
    for status in [SubscriptionStatus::Active, SubscriptionStatus::Trialing] {
        assert_eq!(paused(PauseBehavior::Void, status), Standing::Lapsed(at(30 * DAY)));
        assert_eq!(paused(PauseBehavior::KeepAsDraft, status), Standing::Subscribed);
        assert_eq!(paused(PauseBehavior::MarkUncollectible, status), Standing::Subscribed);
    }
    assert_eq!(
        paused(PauseBehavior::Void, SubscriptionStatus::PastDue),
        Standing::PaymentFailed(at(30 * DAY))
    );
}
