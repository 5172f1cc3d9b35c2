use stripe_client::SubscriptionStatus;

use super::*;
use crate::{
    Fact, Rank,
    samples::{DAY, account, at, failed, stamp, subscription, updated},
};

const ACTIVE_FOR_14_DAYS: i64 = 14 * DAY;

fn level(standing: Standing, second: i64) -> AccessLevel {
    standing.access(at(second), &Rules::default()).level
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
    let rules = Rules::default();
    for standing in [Standing::PaymentFailed(at(0)), Standing::Lapsed(at(0))] {
        let mut access = standing.access(at(0), &rules);
        while let Some(until) = access.until {
            let next = standing.access(until, &rules);
            assert!(next.level > access.level);
            access = next;
        }
        assert_eq!(access.level, AccessLevel::ExportOnly);
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
        (Some(Canceled), trial, Standing::Lapsed(seen_at)),
        (Some(Paused), trial, Standing::Lapsed(seen_at)),
    ];
    assert_eq!(rows.len(), 1 + SubscriptionStatus::ALL.len());
    for (status, during, after) in rows {
        let account = account().learn(status.map(|status| updated(20 * DAY, status)));
        assert_eq!(account.standing(at(ACTIVE_FOR_14_DAYS - 1)), during, "{status:?} during the trial");
        let expected =
            if status.is_none_or(|status| status == Incomplete) { Standing::Lapsed(end) } else { after };
        assert_eq!(account.standing(at(ACTIVE_FOR_14_DAYS)), expected, "{status:?} at the trial's end");
        assert_eq!(account.standing(at(100 * DAY)), after, "{status:?} long after");
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
        account().learn([Fact::Subscription(seen, stamp(50 * DAY, Rank::Deleted, "evt_1"))])
    };
    assert_eq!(canceled(40 * DAY).standing(at(60 * DAY)), Standing::Lapsed(at(40 * DAY)));
    assert_eq!(canceled(5 * DAY).standing(at(60 * DAY)), Standing::Lapsed(at(14 * DAY)));
    assert_eq!(canceled(5 * DAY).standing(at(6 * DAY)), Standing::Trial(at(14 * DAY)));
}
