//! Whole histories as Stripe makes them, delivered shuffled, doubled and with losses.

use std::collections::BTreeMap;

use ::access::AccessLevel;
use proptest::prelude::*;
use stripe_client::{BillingReason, InvoiceChange, InvoiceStatus, SubscriptionStatus};

use crate::{
    Access, Account, Fact, Rank, Rules, Stamp, Standing, Subscription,
    samples::{DAY, account, at, invoice_of, stamp, subscription},
    subscriptions::{KEPT, UNPAID},
};

/// What happens to one subscription.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// It is tried and comes to nothing.
    Attempt(SubscriptionStatus),
    /// It works, fails as often as that, and ends if that is said.
    Begun { failures: usize, sent: bool, ends: bool },
}

/// What Stripe tells in all, and what is so in the end.
#[derive(Clone, Debug, Default)]
struct History {
    facts: Vec<Fact>,
    truth: BTreeMap<String, Subscription>,
}

impl History {
    fn of(lives: &[(i64, Life)]) -> Self {
        let mut history = Self::default();
        for (number, (created, life)) in lives.iter().enumerate() {
            let id = format!("sub_{number}");
            let mut teller = Teller { history: &mut history, id, created: *created, hour: 0 };
            teller.tell(*life);
        }
        history
    }
}

struct Teller<'a> {
    history: &'a mut History,
    id: String,
    created: i64,
    hour: i64,
}

impl Teller<'_> {
    /// An own hour for each word of each subscription, so that no two are of one second.
    fn second(&mut self) -> i64 {
        self.hour += 1;
        self.created * DAY + self.hour * 3_600 + self.number()
    }

    fn number(&self) -> i64 {
        self.id[4..].parse().unwrap()
    }

    fn say(&mut self, status: SubscriptionStatus) {
        let second = self.second();
        let mut seen = subscription(&self.id, self.created * DAY, status);
        seen.quantity = Some(u64::try_from(second).unwrap());
        self.history.truth.insert(self.id.clone(), seen.clone());
        let event = format!("evt_{}_{second}", self.id);
        self.history.facts.push(Fact::Subscription(seen, stamp(second, Rank::Updated, &event)));
    }

    fn invoice(&mut self, reason: BillingReason, change: InvoiceChange, status: InvoiceStatus) {
        let second = self.second();
        // The same invoice from its failure to its payment, another in each of the periods.
        let number = self.created * DAY + self.number() * 1_000 + self.hour / 24;
        self.history.facts.push(invoice_of(&self.id, Some(reason), number, second, change, status));
    }

    fn tell(&mut self, life: Life) {
        use SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Unpaid};
        self.say(Incomplete);
        let (failures, sent, ends) = match life {
            Life::Attempt(end) => {
                self.invoice(
                    BillingReason::SubscriptionCreate,
                    InvoiceChange::PaymentFailed,
                    InvoiceStatus::Open,
                );
                return self.say(end);
            }
            Life::Begun { failures, sent, ends } => (failures, sent, ends),
        };
        self.invoice(BillingReason::SubscriptionCreate, InvoiceChange::Paid, InvoiceStatus::Paid);
        self.say(Active);
        for failure in 0..failures {
            let change = if sent { InvoiceChange::Overdue } else { InvoiceChange::PaymentFailed };
            let last = failure + 1 == failures;
            self.invoice(BillingReason::SubscriptionCycle, change, InvoiceStatus::Open);
            self.say(PastDue);
            self.say(PastDue);
            self.say(Unpaid);
            self.invoice(BillingReason::SubscriptionCycle, InvoiceChange::Updated, InvoiceStatus::Draft);
            if !last {
                self.invoice(BillingReason::SubscriptionCycle, InvoiceChange::Paid, InvoiceStatus::Paid);
                self.say(Active);
                self.say(Active);
            }
        }
        if ends {
            self.say(Canceled);
            self.say(Canceled);
        }
    }
}

/// At most as many living at a time as are kept; attempts and ended ones far more than are kept.
fn history() -> impl Strategy<Value = History> {
    use SubscriptionStatus::{Canceled, Incomplete, IncompleteExpired};
    let attempt = prop::sample::select(&[Incomplete, IncompleteExpired, Canceled]).prop_map(Life::Attempt);
    let begun = (0..4_usize, any::<bool>(), prop::bool::weighted(0.7))
        .prop_map(|(failures, sent, ends)| Life::Begun { failures, sent, ends });
    prop::collection::vec((0..400_i64, prop_oneof![attempt, begun]), 1..30).prop_map(|mut lives| {
        let living = |life: &Life| matches!(life, Life::Begun { ends: false, .. });
        let mut room = UNPAID;
        lives.retain(|(_, life)| {
            room -= usize::from(living(life) && room > 0);
            !living(life) || room > 0
        });
        History::of(&lives)
    })
}

/// More that are not paid than are kept, and a few that are.
fn crowd() -> impl Strategy<Value = History> {
    let unpaid = (1..4_usize, any::<bool>(), prop::bool::weighted(0.2))
        .prop_map(|(failures, sent, ends)| Life::Begun { failures, sent, ends });
    let paid = Just(Life::Begun { failures: 0, sent: false, ends: false });
    let unpaid = prop::collection::vec((0..400_i64, unpaid), UNPAID + 1..2 * UNPAID);
    let paid = prop::collection::vec((0..400_i64, paid), 0..3);
    (unpaid, paid).prop_map(|(unpaid, paid)| History::of(&[unpaid, paid].concat()))
}

/// All facts, each perhaps twice and perhaps never, in any order.
fn deliveries(history: impl Strategy<Value = History>) -> impl Strategy<Value = (History, Vec<Fact>)> {
    history.prop_flat_map(|history| {
        let facts = [history.facts.clone(), history.facts.clone()].concat();
        let lost = prop::collection::vec(prop::bool::weighted(0.6), facts.len());
        let shuffled = Just(facts).prop_shuffle();
        (Just(history), shuffled, lost).prop_map(|(history, facts, kept)| {
            let facts = facts.into_iter().zip(kept).filter_map(|(fact, kept)| kept.then_some(fact));
            (history, facts.collect())
        })
    })
}

/// As the operation does: what is doubtful is asked of Stripe, which knows what is so in the end.
fn take(account: &Account, fact: &Fact, history: &History) -> Account {
    let mut facts = vec![fact.clone()];
    if let Fact::Subscription(seen, stamp) = fact
        && account.stripe.is_doubtful(fact)
    {
        let stamp = Stamp { rank: Rank::Fetched(late()), ..stamp.clone() };
        facts.push(Fact::Subscription(history.truth[seen.id.as_str()].clone(), stamp));
    }
    account.learn(facts)
}

/// As the operation does, and an operator: what was put aside is decided anew after each event.
fn hear(account: Account, fact: &Fact, parked: &mut Vec<Fact>, history: &History) -> Account {
    let waiting = std::mem::take(parked);
    std::iter::once(fact.clone()).chain(waiting).fold(account, |account, fact| {
        let next = take(&account, &fact, history);
        if next.stripe.is_too_much_since(&account.stripe) {
            parked.push(fact);
            return account;
        }
        next
    })
}

fn late() -> jiff::Timestamp {
    at(10_000 * DAY)
}

/// Until when the organization stands well.
fn good_until(account: &Account) -> jiff::Timestamp {
    let rules = Rules::default();
    match account.standing(late(), &rules) {
        Standing::Subscribed | Standing::Trial(_) => jiff::Timestamp::MAX,
        Standing::PaymentFailed(since) => since + rules.grace(),
        Standing::Lapsed(since) => since,
    }
}

/// Whether the fact is money, or Stripe's word that all is well, or the first we hear of a
/// subscription.
fn is_payment(fact: &Fact, account: &Account) -> bool {
    match fact {
        Fact::Subscription(seen, _) => {
            matches!(seen.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing)
                || !account.stripe.began(&seen.id)
        }
        Fact::Invoice(invoice) => invoice.settled_at().is_some(),
        Fact::Customer { .. } | Fact::CustomerGone { .. } => false,
    }
}

/// The last word on each subscription among those that were delivered.
fn last_words<'a>(delivered: impl IntoIterator<Item = &'a Fact>) -> BTreeMap<&'a str, SubscriptionStatus> {
    let mut words: BTreeMap<&str, (&Stamp, SubscriptionStatus)> = BTreeMap::new();
    for fact in delivered {
        if let Fact::Subscription(seen, stamp) = fact {
            let word = words.entry(seen.id.as_str()).or_insert((stamp, seen.status));
            if stamp > word.0 {
                *word = (stamp, seen.status);
            }
        }
    }
    words.into_iter().map(|(id, (_, status))| (id, status)).collect()
}

proptest! {
    /// However the words come: as long as the last one heard of any subscription is that it works,
    /// it counts.
    #[test]
    fn an_active_subscription_never_disappears(
        (history, deliveries) in prop_oneof![8 => deliveries(history()), 1 => deliveries(crowd())]
    ) {
        let (mut account, mut parked) = (account(), Vec::new());
        for (number, fact) in deliveries.iter().enumerate() {
            account = hear(account, fact, &mut parked, &history);
            let works = last_words(&deliveries[..=number])
                .into_iter()
                // Stripe may have been asked meanwhile, and knows more than was delivered.
                .any(|(id, status)| status == SubscriptionStatus::Active
                    && history.truth[id].status == SubscriptionStatus::Active);
            if works {
                prop_assert_eq!(account.standing(late(), &Rules::default()), Standing::Subscribed);
            }
        }
    }

    /// Once everything was heard, in any order and any number of times, what is so at Stripe is so
    /// here.
    #[test]
    fn in_the_end_the_truth_is_known(
        (history, deliveries) in history().prop_flat_map(|history| {
            let twice = [history.facts.clone(), history.facts.clone()].concat();
            (Just(history), Just(twice).prop_shuffle())
        })
    ) {
        let hear = |facts: &[Fact]| facts.iter().fold(account(), |account, fact| take(&account, fact, &history));
        let (known, in_order) = (hear(&deliveries), hear(&history.facts));
        let statuses = || history.truth.values().map(|subscription| subscription.status);
        let works = statuses().filter(|status| *status == SubscriptionStatus::Active).count();
        prop_assert_eq!(known.stripe.working(), works);
        prop_assert_eq!(known.standing(late(), &Rules::default()), in_order.standing(late(), &Rules::default()));
        prop_assert_eq!(known.stripe.subscription(), in_order.stripe.subscription());
    }

    /// Without a payment nothing gets better: no grace begins again, nobody comes back from
    /// `export_only`.
    #[test]
    fn nothing_rises_without_a_payment(
        (history, deliveries) in prop_oneof![8 => deliveries(history()), 1 => deliveries(crowd())],
        day in 15..600_i64,
    ) {
        let rules = Rules::default();
        let mut account = account();
        for fact in &deliveries {
            let next = take(&account, fact, &history);
            if !is_payment(fact, &account) {
                prop_assert!(good_until(&next) <= good_until(&account), "{:?}", fact);
                let (before, after) = (account.access(at(day * DAY), &rules), next.access(at(day * DAY), &rules));
                if before == (Access { level: AccessLevel::ExportOnly, until: None }) {
                    prop_assert_eq!(before, after);
                }
            }
            account = next;
        }
    }
}

proptest! {
    /// With more that are not paid than are kept, those that work are all known, and the rest gives
    /// nothing that none of them would give alone.
    #[test]
    fn a_crowd_hides_nobody_who_pays_and_gives_nothing(
        (history, deliveries) in crowd().prop_flat_map(|history| {
            let twice = [history.facts.clone(), history.facts.clone()].concat();
            (Just(history), Just(twice).prop_shuffle())
        })
    ) {
        let mut parked = Vec::new();
        let known = deliveries
            .iter()
            .fold(account(), |account, fact| hear(account, fact, &mut parked, &history));
        let works = history.truth.values().filter(|it| it.status == SubscriptionStatus::Active).count();
        prop_assert_eq!((known.stripe.working(), parked), (works, Vec::new()));
        prop_assert!(known.stripe.records().count() <= works + UNPAID + 3 * KEPT);
        let alone = |id: &str| {
            let about = |fact: &&Fact| match fact {
                Fact::Subscription(seen, _) => seen.id.as_str() == id,
                Fact::Invoice(invoice) => invoice.snapshot.subscription.as_str() == id,
                Fact::Customer { .. } | Fact::CustomerGone { .. } => false,
            };
            good_until(&account().learn(history.facts.iter().filter(about).cloned()))
        };
        let best = history.truth.keys().map(|id| alone(id)).max();
        prop_assert!(Some(good_until(&known)) <= best, "{:?} {:?}", good_until(&known), best);
    }
}
