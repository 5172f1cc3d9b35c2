//! Tries all that can happen to the words in which Stripe tells a life: every order, every word lost, every
//! word told again, and any of these together.
//!
//! What is known depends on what was heard and in which order. So the checker walks from each state that it
//! has seen to all that one more word leads to, and keeps those that differ: where the reducer is right,
//! there is one for each set of words, and all orders of twelve words are some thousand steps. What is found
//! wrong is told as a story, the shortest that there is.

use std::collections::{BTreeMap, VecDeque};

use ::access::AccessLevel;
use jiff::{SignedDuration, Timestamp};

use super::lives::{Life, Word, event_id, lives};
use crate::{
    Account, Fact, Rank, Rules, Stamp, Subscription,
    samples::{DAY, account, at},
    subscription::Phase,
};

/// How an account takes in a word.
type Reducer = fn(&Account, &Word) -> Account;

/// As the product does.
fn right(account: &Account, word: &Word) -> Account {
    let doubts = word.facts.iter().any(|fact| account.stripe.is_doubtful(fact));
    assert!(!doubts, "Stripe would be asked about {}, which the lives here are too plain for", word.text);
    account.learn(word.facts.iter().cloned())
}

/// What is known once some words were heard, and how that came.
struct Seen {
    /// Which words, a bit for each.
    heard: u32,
    account: Account,
    /// What was known before, and the word that came then.
    before: Option<(usize, usize)>,
}

struct Model<'a> {
    life: &'a Life,
    rules: Rules,
    seen: Vec<Seen>,
    /// What is known after each set of words.
    after: BTreeMap<u32, Vec<usize>>,
}

/// Tries everything; says how many states there are, or tells the story of what is wrong.
fn check(life: &Life, reduce: Reducer) -> Result<usize, String> {
    let mut model = Model { life, rules: Rules::default(), seen: Vec::new(), after: BTreeMap::new() };
    let mut queue = VecDeque::from([model.add(0, account(), None)?]);
    while let Some(place) = queue.pop_front() {
        for (number, word) in life.words.iter().enumerate() {
            let (heard, next) = (model.seen[place].heard, reduce(&model.seen[place].account, word));
            let then = heard | 1 << number;
            if then == heard && next != model.seen[place].account {
                let why = "a word that was heard before changes what is known";
                return Err(model.story(why, &model.words(place, Some(number)), &[]));
            }
            let known = model.after.get(&then).into_iter().flatten();
            if then == heard || known.clone().any(|place| model.seen[*place].account == next) {
                continue;
            }
            queue.push_back(model.add(then, next, Some((place, number)))?);
        }
    }
    Ok(model.seen.len())
}

impl Model<'_> {
    /// Keeps what is known now, if all that must hold does.
    fn add(&mut self, heard: u32, account: Account, before: Option<(usize, usize)>) -> Result<usize, String> {
        let place = self.seen.len();
        self.seen.push(Seen { heard, account, before });
        let others = self.after.entry(heard).or_default();
        others.push(place);
        let first = others[0];
        self.hold(place)?;
        if self.view(first) != self.view(place) {
            let other: Vec<_> =
                self.words(first, None).iter().map(|word| format!("    {}", self.said(*word))).collect();
            let facts = [
                format!("Had it heard them in this order:\n{}", other.join("\n")),
                format!("it would know {:?}\n  and not {:?}.", self.view(first), self.view(place)),
            ];
            return Err(self.story("another order ends otherwise", &self.words(place, None), &facts));
        }
        Ok(place)
    }

    /// All that others see of an account.
    fn view(&self, place: usize) -> (Vec<AccessLevel>, Option<&Subscription>, usize) {
        let account = &self.seen[place].account;
        let levels = [14, 31, 35, 45, 60, 80, 120, 10_000].map(|day| self.level(account, at(day * DAY)));
        (levels.to_vec(), account.stripe.subscription(), account.stripe.working())
    }

    fn level(&self, account: &Account, now: Timestamp) -> AccessLevel {
        account.access(now, &self.rules).level
    }

    /// What must hold, whatever was heard.
    fn hold(&self, place: usize) -> Result<(), String> {
        let Seen { heard, account, .. } = &self.seen[place];
        let told: Vec<_> = self.life.words.iter().enumerate().filter(|(n, _)| heard & 1 << n != 0).collect();
        let told: Vec<_> = told.into_iter().map(|(_, word)| word).collect();
        let wrong = |why: &str, facts: &[String]| Err(self.story(why, &self.words(place, None), facts));
        let latest = latest(&told);
        let works = latest.values().filter(|last| last.phase() == Phase::Working).count();
        if account.stripe.working() != works {
            let facts =
                [format!("{works} of its subscriptions work; it takes {} for it.", account.stripe.working())];
            return wrong("a subscription too many, or too few", &facts);
        }
        let everything = told.len() == self.life.words.len();
        if everything && works > 1 {
            return wrong("two subscriptions live", &[]);
        }
        let from = told.iter().map(|word| word.second).max().unwrap_or_default();
        let days = (from / DAY + 1..from / DAY + 100).chain([10_000]);
        for now in days.map(|day| day * DAY) {
            let level = self.level(account, at(now));
            let in_trial = now < 14 * DAY;
            let in_grace = grace(&told, &latest, now, &self.rules);
            let facts = || [format!("On day {} it may use: {level}.", now / DAY)];
            match level {
                AccessLevel::Full if works == 0 && !in_trial => {
                    return wrong("let in without a right", &facts());
                }
                AccessLevel::Grace if !in_grace => {
                    return wrong("a grace that was over, or never was", &facts());
                }
                AccessLevel::Full => {}
                _ if works > 0 || in_trial => return wrong("paid, and shut out", &facts()),
                AccessLevel::Grace => {}
                _ if in_grace => return wrong("shut out within the grace", &facts()),
                AccessLevel::ExportOnly => {}
                _ if now == 10_000 * DAY => return wrong("not paid, and still there", &facts()),
                AccessLevel::ReadOnly | AccessLevel::Suspended => {}
            }
        }
        for (day, expected) in &self.life.lived {
            let until = |day: i64| {
                let past =
                    self.life.words.iter().enumerate().filter(move |(_, word)| word.second <= day * DAY);
                past.fold(0, |heard, (number, _)| heard | 1 << number)
            };
            let level = self.level(account, at(*day * DAY));
            if until(*day) == *heard && level != *expected {
                let facts = [format!("On day {day} it may use: {level}. It ought to be: {expected}.")];
                return wrong("not as it was lived", &facts);
            }
        }
        self.repaired(place)
    }

    /// Whatever was lost: once Stripe was asked, who pays is let in, and who does not is not.
    fn repaired(&self, place: usize) -> Result<(), String> {
        let end = self.life.words.iter().map(|word| word.second).max().unwrap_or_default() + DAY;
        let asked = at(end);
        let truth = self.life.truth();
        let works = truth.iter().filter(|last| last.phase() == Phase::Working).count();
        let stamp = |id: &str| Stamp { at: asked, rank: Rank::Fetched(asked), event_id: event_id(id) };
        let facts = truth.into_iter().map(|seen| {
            let stamp = stamp(seen.id.as_str());
            Fact::Subscription(seen, stamp)
        });
        let account = self.seen[place].account.learn(facts);
        let levels = [at(end), at(10_000 * DAY)].map(|now| self.level(&account, now));
        let shut_out = works > 0 && levels != [AccessLevel::Full; 2];
        let let_in = works == 0
            && (levels[0] == AccessLevel::Full && end > 14 * DAY || levels[1] != AccessLevel::ExportOnly);
        if shut_out || let_in || account.stripe.working() != works {
            let facts = [
                format!("Then Stripe is asked: {works} subscriptions work."),
                format!("On the same day, and for good, it may use: {}, {}.", levels[0], levels[1]),
            ];
            return Err(self.story(
                "what was asked of Stripe repairs nothing",
                &self.words(place, None),
                &facts,
            ));
        }
        Ok(())
    }

    /// The words that led there, in the order in which they were heard.
    fn words(&self, place: usize, last: Option<usize>) -> Vec<usize> {
        let mut words = Vec::from_iter(last);
        let mut here = place;
        while let Some((before, word)) = self.seen[here].before {
            words.push(word);
            here = before;
        }
        words.reverse();
        words
    }

    fn said(&self, number: usize) -> String {
        let Word { second, text, .. } = &self.life.words[number];
        format!("day {:>2}: {text}", second / DAY)
    }

    fn story(&self, why: &str, words: &[usize], facts: &[String]) -> String {
        let mut lines = vec![
            format!("{}: {why}.", self.life.name),
            "An organization is created on day 0, and its trial ends on day 14. It hears, in this order:"
                .to_owned(),
        ];
        for (place, number) in words.iter().enumerate() {
            let again = if words[..place].contains(number) { " (again)" } else { "" };
            lines.push(format!("    {}{again}", self.said(*number)));
        }
        let lost: Vec<_> = (0..self.life.words.len()).filter(|number| !words.contains(number)).collect();
        if !lost.is_empty() {
            lines.push("It did not hear:".to_owned());
        }
        lines.extend(lost.into_iter().map(|number| format!("    {}", self.said(number))));
        lines.extend(facts.iter().cloned());
        lines.join("\n")
    }
}

/// The latest word on each subscription.
fn latest<'a>(told: &[&'a Word]) -> BTreeMap<&'a str, &'a Subscription> {
    let facts = told.iter().flat_map(|word| &word.facts);
    let seen = facts.filter_map(|fact| match fact {
        Fact::Subscription(seen, _) => Some((seen.id.as_str(), seen)),
        _ => None,
    });
    seen.collect()
}

/// Whether the grace of a subscription runs that is not paid: counted once, from the first word of a failure
/// since it worked, or from a payment after that which did not make it work.
fn grace(told: &[&Word], latest: &BTreeMap<&str, &Subscription>, now: i64, rules: &Rules) -> bool {
    let failing = latest.iter().filter(|(_, last)| last.phase() == Phase::Failing);
    let mut sinces = failing.filter_map(|(id, _)| {
        let (mut since, mut paid) = (None, None);
        for word in told {
            for fact in &word.facts {
                match fact {
                    Fact::Subscription(seen, _) if seen.id.as_str() == *id => match seen.phase() {
                        Phase::Working => since = None,
                        Phase::Failing => since = since.or(Some(word.second)),
                        _ => {}
                    },
                    Fact::Invoice(invoice) if invoice.snapshot.subscription.as_str() == *id => {
                        if invoice.failures().next().is_some() {
                            since = since.or(Some(word.second));
                        }
                        paid = paid.max(invoice.settled_at().map(|_| word.second));
                    }
                    _ => {}
                }
            }
        }
        since.max(paid)
    });
    sinces.any(|since| at(now) >= at(since) && at(now) < at(since) + rules.grace())
}

#[test]
fn whatever_becomes_of_the_words_of_ten_lives() {
    let lives = lives();
    assert_eq!(lives.len(), 10);
    for life in lives {
        let states = check(&life, right).unwrap_or_else(|story| panic!("\n{story}\n"));
        assert!(states >= 1 << life.words.len(), "{}: every set of words was tried", life.name);
    }
}

/// Whoever paid as a customer that was deleted pays as nobody.
#[test]
fn a_customer_that_was_deleted_is_nobodys() {
    let life = lives().pop().unwrap();
    let known = life.words.iter().rev().fold(account(), |account, word| right(&account, word));
    assert_eq!(known.stripe.payer(), None, "{}", life.name);
}

fn story(name: &str, reduce: Reducer) -> String {
    let life = lives().into_iter().find(|life| life.name == name).unwrap();
    check(&life, reduce).expect_err("the checker notices nothing")
}

/// A reducer that dates back a good word by a month.
#[test]
fn the_checker_notices_who_is_shut_out() {
    let unforgiving: Reducer = |account, word| {
        account.learn(word.facts.iter().cloned().map(|fact| match fact {
            Fact::Subscription(seen, stamp) if seen.phase() == Phase::Working => {
                let at = stamp.at - SignedDuration::from_hours(24 * 30);
                Fact::Subscription(seen, Stamp { at, ..stamp })
            }
            other => other,
        }))
    };
    let told = story("a card fails, and is paid", unforgiving);
    assert_eq!(
        told,
        "\
a card fails, and is paid: a subscription too many, or too few.
An organization is created on day 0, and its trial ends on day 14. It hears, in this order:
    day 31: customer.subscription.updated: sub_1 is past_due
    day 34: customer.subscription.updated: sub_1 is active
It did not hear:
    day  1: customer.subscription.created: sub_1 is incomplete
    day  1: invoice.paid: in_1 of sub_1, attempt 1
    day  1: customer.subscription.updated: sub_1 is active
    day 31: invoice.payment_failed: in_31 of sub_1, attempt 1
    day 34: invoice.payment_failed: in_31 of sub_1, attempt 2
    day 34: invoice.paid: in_31 of sub_1, attempt 3
1 of its subscriptions work; it takes 0 for it."
    );
}

/// A reducer for which each failure is the first.
#[test]
fn the_checker_notices_a_grace_that_begins_anew() {
    let anew: Reducer = |account, word| {
        let worked = word.facts.iter().filter_map(|fact| match fact {
            Fact::Subscription(seen, stamp) if seen.phase() == Phase::Failing => {
                let status = stripe_client::SubscriptionStatus::Active;
                let seen = Subscription { status, ..seen.clone() };
                Some(Fact::Subscription(seen, Stamp { rank: Rank::Created, ..stamp.clone() }))
            }
            _ => None,
        });
        right(&account.learn(worked), word)
    };
    let told = story("a card fails to the end", anew);
    assert!(told.starts_with("a card fails to the end: a grace that was over, or never was."), "{told}");
}

/// A reducer that counts a failure each time it is told.
#[test]
fn the_checker_notices_what_is_counted_twice() {
    let counts: Reducer = |account, word| {
        account.learn(word.facts.iter().cloned().map(|fact| match fact {
            Fact::Invoice(mut invoice) if invoice.failed_attempts > 0 => {
                let known = account.stripe.invoice(&invoice).map_or(0, |known| known.failed_attempts);
                invoice.failed_attempts += known;
                Fact::Invoice(invoice)
            }
            other => other,
        }))
    };
    let told = story("a card fails, and is paid", counts);
    assert!(told.contains("a word that was heard before changes what is known"), "{told}");
    assert!(told.contains("payment_failed: in_31 of sub_1, attempt 1 (again)"), "{told}");
}
