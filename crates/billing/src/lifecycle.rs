//! The table of states and transitions of an organization's money, for whoever prints it: each row is found
//! out by asking the functions that decide.

use ::access::AccessLevel;
use events::{Event, EventKind};
use jiff::{SignedDuration, Timestamp};
use primitives::Ids;
use stripe_client::{InvalidStripeId, PauseBehavior, PauseCollection, SubscriptionStatus};

use crate::{
    Account, Fact, Rank, Rules, Stamp, Standing, Subscription,
    events::{SubscriptionActivated, SubscriptionCanceled, SubscriptionPastDue, SubscriptionUpdated},
    subscription::Phase,
    transition::{Turn, turn},
};

/// What Stripe's word on a subscription means.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// Stripe's word, and what else it depends on.
    pub word: String,
    /// What it means.
    pub phase: &'static str,
    /// What an organization rests on that has no other subscription, while our trial runs.
    pub in_trial: &'static str,
    /// The same afterwards.
    pub after_it: &'static str,
}

/// What each of Stripe's words means.
///
/// # Errors
/// Never: the ids in it are possible ones.
pub fn meanings() -> Result<Vec<Meaning>, InvalidStripeId> {
    let word = |status: SubscriptionStatus| format!("`{}`", status.as_str());
    let mut rows = Vec::new();
    for status in SubscriptionStatus::ALL {
        rows.push((word(*status), subscription(*status)?));
    }
    let waiting = subscription(SubscriptionStatus::Trialing)?;
    let detail = "begun on a page of ours, without a means of payment yet";
    let waiting = Subscription { awaits_setup: true, ..waiting };
    rows.push((format!("{}, {detail}", word(waiting.status)), waiting));
    for status in [SubscriptionStatus::Trialing, SubscriptionStatus::Active] {
        let pause = PauseCollection { behavior: PauseBehavior::Void, resumes_at: None };
        let paused = Subscription { pause_collection: Some(pause), ..subscription(status)? };
        rows.push((format!("{}, collection paused with `void`", word(status)), paused));
    }
    rows.into_iter().map(|(word, seen)| meaning(word, seen)).collect()
}

fn meaning(word: String, seen: Subscription) -> Result<Meaning, InvalidStripeId> {
    let day = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
    let (rules, phase) = (Rules::default(), seen.phase());
    let stamp = |days: i64| -> Result<Stamp, InvalidStripeId> {
        let event_id = format!("evt_{days}").parse()?;
        Ok(Stamp { at: day(days), rank: Rank::Updated, event_id })
    };
    let mut account = Account::open(Ids::unguessable(), day(0), &rules);
    if phase != Phase::NotBegun {
        let began = subscription(SubscriptionStatus::Active)?;
        account = account.learn([Fact::Subscription(began, stamp(1)?)]);
    }
    account = account.learn([Fact::Subscription(seen, stamp(2)?)]);
    let [in_trial, after_it] = [3, 400].map(|days| account.standing(day(days), &rules).name());
    Ok(Meaning { word, phase: phase.name(), in_trial, after_it })
}

fn subscription(status: SubscriptionStatus) -> Result<Subscription, InvalidStripeId> {
    Ok(Subscription {
        id: "sub_1".parse()?,
        customer: "cus_1".parse()?,
        status,
        created: Timestamp::UNIX_EPOCH,
        cancel_at_period_end: false,
        cancel_at: None,
        ended_at: None,
        trial_end: None,
        current_period_start: None,
        current_period_end: None,
        pause_collection: None,
        price: None,
        lookup_key: None,
        quantity: Some(1),
        awaits_setup: false,
    })
}

/// What a standing gives, one level after the other: each with the days after the standing began on which it
/// ends, where it does.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// What the organization rests on.
    pub standing: &'static str,
    /// Since when that counts.
    pub since: &'static str,
    /// The levels, in the order of time.
    pub levels: Vec<(AccessLevel, Option<i64>)>,
}

/// What each standing gives as time goes by.
pub fn ladders(rules: &Rules) -> Vec<Ladder> {
    let began = Timestamp::UNIX_EPOCH;
    let trial_ends = began + rules.trial();
    let rows = [
        (Standing::Trial(trial_ends), "the organization's creation"),
        (Standing::Subscribed, "Stripe's word that the subscription works"),
        (Standing::PaymentFailed(began), "the first failure, or the latest payment after it"),
        (Standing::Lapsed(began), "the end of trial, subscription or service"),
    ];
    let ladder = |(standing, since): (Standing, &'static str)| {
        let at = |now| (standing.access(now, rules), now);
        let steps = std::iter::successors(Some(at(began)), |(access, _)| {
            // with the trial's end another standing begins
            access.until.filter(|until| standing != Standing::Trial(*until)).map(at)
        });
        let days = |until: Timestamp| until.duration_since(began).as_hours() / 24;
        let levels = steps.map(|(access, _)| (access.level, access.until.map(days))).collect();
        Ladder { standing: standing.name(), since, levels }
    };
    rows.into_iter().map(ladder).collect()
}

/// What others are told when the organization's best subscription goes from one phase to another: rows say
/// from which, columns to which.
#[derive(Clone, Debug)]
pub struct Turns {
    /// The phases that it goes to.
    pub to: Vec<&'static str>,
    /// Where it was, and the events; nothing where nobody is told.
    pub from: Vec<(String, Vec<Option<EventKind>>)>,
}

/// What others are told.
pub fn turns() -> Turns {
    let told = |turn| match turn {
        Turn::Activated => SubscriptionActivated::KIND,
        Turn::Updated => SubscriptionUpdated::KIND,
        Turn::PastDue => SubscriptionPastDue::KIND,
        Turn::Canceled => SubscriptionCanceled::KIND,
    };
    let row = |name: String, then: Phase, is_open: bool| {
        let events = Phase::ALL.map(|phase| turn(then, phase, is_open).map(told));
        (name, events.to_vec())
    };
    let plain = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Failing);
    let mut from: Vec<_> = plain.map(|phase| row(phase.name().to_owned(), phase, false)).collect();
    let failing = Phase::Failing.name();
    from.push(row(format!("{failing}, in its grace"), Phase::Failing, true));
    from.push(row(format!("{failing}, after it"), Phase::Failing, false));
    Turns { to: Phase::ALL.map(Phase::name).to_vec(), from }
}
