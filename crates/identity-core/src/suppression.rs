//! Addresses that mails do not reach, or whose owners do not want them: nobody writes to them until that
//! has lapsed, or somebody lifts it. How long each reason holds: docs/decisions/0031-suppressed-addresses.md.

use std::collections::{BTreeMap, BTreeSet};

use events::NewEvent;
use primitives::{Email, MailSuppressionId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, CommitError, Consistency, Decision, Index, Item, Key, StoreError, Table};

use crate::{
    AddressHash, EmailOwner, SuppressionReason,
    events::{MailSuppressionAdded, MailSuppressionLifted},
    keys,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long a mailbox is taken to be gone after a mail to it was refused for good.
const GONE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long nobody is written to who complained.
const UNWANTED: SignedDuration = SignedDuration::from_hours(365 * 24);

/// On so many days mails must not have arrived for the address to be given a rest,
const DAYS_OF_DELAY: usize = 3;

/// that many days apart at most,
const WITHIN_DAYS: i64 = 14;

/// which is for so many days from the end of the last one on.
const REST_DAYS: i64 = 7;

/// How long it is remembered that a suppression was lifted: longer than what was told before it can be on its
/// way, which is the time that a queue and its dead letters keep a message.
const LIFTED_IS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// That nobody writes to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Why.
    pub reason: SuppressionReason,
    /// When the mail was sent that led to it.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What is known of an address that mails did not reach. Which of the facts came first, and how often each
/// came, makes no difference: for each kind the latest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailSuppression {
    suppression_id: MailSuppressionId,
    address: AddressHash,
    /// When the last mails were sent that were refused for good, and that were unwanted.
    #[serde(default)]
    latest: BTreeMap<SuppressionReason, Timestamp>,
    /// The last days, since 1970, on which mails were sent that did not arrive.
    #[serde(default)]
    delays: BTreeSet<i64>,
    #[serde(default)]
    lifted: Option<Lifted>,
    #[serde(default)]
    version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lifted {
    at: Timestamp,
    reason: String,
}

impl Item for MailSuppression {
    fn key(&self) -> Key {
        keys::MailSuppression::key(self.address.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// Those that hold, or did.
    fn index(&self) -> Option<Index> {
        let said = self.verdict()?;
        let Suppressed { reason, since, until } = said;
        let listed = ListedSuppression { address: self.address.clone(), reason, since, until };
        let summary = serde_json::to_string(&listed).unwrap_or_default();
        Some(keys::suppressed(said.since, &self.address, summary))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        let lifted = self.lifted.as_ref().map(|lifted| lifted.at + LIFTED_IS_KEPT);
        let delays = self.delays.last().map(|day| start_of(day + 1 + WITHIN_DAYS));
        [self.verdict().map(|said| said.until), lifted, delays].into_iter().flatten().max()
    }
}

fn day_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(DAY.as_secs())
}

fn start_of(day: i64) -> Timestamp {
    Timestamp::from_second(day.saturating_mul(DAY.as_secs())).unwrap_or(Timestamp::MAX)
}

impl MailSuppression {
    fn none(address: AddressHash, suppression_id: MailSuppressionId) -> Self {
        let (latest, delays, lifted) = (BTreeMap::new(), BTreeSet::new(), None);
        Self { suppression_id, address, latest, delays, lifted, version: 0 }
    }

    /// The same with what became of a mail. What was sent before it was lifted says nothing any more.
    #[must_use]
    fn with(mut self, reason: SuppressionReason, sent_at: Timestamp) -> Self {
        if self.lifted.as_ref().is_some_and(|lifted| sent_at <= lifted.at) {
            return self;
        }
        if reason == SuppressionReason::Delayed {
            self.delays.insert(day_of(sent_at));
            while self.delays.len() > DAYS_OF_DELAY {
                self.delays.pop_first();
            }
        } else {
            let latest = self.latest.entry(reason).or_insert(sent_at);
            *latest = sent_at.max(*latest);
        }
        self
    }

    /// What follows from all of it, the longest first; it may have lapsed.
    fn verdict(&self) -> Option<Suppressed> {
        let of = |(reason, since): (&SuppressionReason, &Timestamp)| {
            let span = if *reason == SuppressionReason::Complained { UNWANTED } else { GONE };
            Suppressed { reason: *reason, since: *since, until: *since + span }
        };
        self.latest.iter().map(of).chain(self.rest()).max_by_key(|said| said.until)
    }

    fn rest(&self) -> Option<Suppressed> {
        let (first, last) = (*self.delays.first()?, *self.delays.last()?);
        let rests = self.delays.len() == DAYS_OF_DELAY && last - first <= WITHIN_DAYS;
        let (since, until) = (start_of(last), start_of(last + 1 + REST_DAYS));
        rests.then_some(Suppressed { reason: SuppressionReason::Delayed, since, until })
    }

    /// Whether nobody writes to the address now.
    fn holds(&self, now: Timestamp) -> Option<Suppressed> {
        self.verdict().filter(|said| now < said.until)
    }

    #[must_use]
    fn lifted(self, now: Timestamp, reason: &str) -> Self {
        let lifted = Some(Lifted { at: now, reason: reason.to_owned() });
        Self { lifted, version: self.version, ..Self::none(self.address, self.suppression_id) }
    }
}

/// Whether nobody writes to this address, and why: for staff.
pub async fn mail_suppression(table: &Table, email: &Email) -> Result<Option<Suppressed>, StoreError> {
    let key = keys::MailSuppression::key(AddressHash::of(email));
    let found: Option<MailSuppression> = table.get(&key, Consistency::Strong).await?;
    Ok(found.and_then(|found| found.holds(table.clock().now())))
}

/// Which of these addresses nobody writes to: one call. One that was suppressed a moment ago may be missing.
pub async fn suppressed(table: &Table, emails: &[Email]) -> Result<Vec<(Email, Suppressed)>, StoreError> {
    let keys: Vec<Key> =
        emails.iter().map(|email| keys::MailSuppression::key(AddressHash::of(email))).collect();
    let mut found = table.get_many(&keys, Consistency::Eventual).await?;
    let now = table.clock().now();
    let mut suppressed = Vec::new();
    for (email, key) in emails.iter().zip(&keys) {
        let item: Option<MailSuppression> = found.take(key)?;
        suppressed.extend(item.and_then(|item| item.holds(now)).map(|said| (email.clone(), said)));
    }
    Ok(suppressed)
}

/// Notes what became of a mail that was sent to this address then; says whether nobody writes to the
/// address from now on. The same again, and in any order, is one.
pub async fn note_undelivered(
    table: &Table,
    cause: &Cause,
    email: &Email,
    reason: SuppressionReason,
    sent_at: Timestamp,
) -> Result<Option<Suppressed>, CommitError> {
    let keys = &[keys::MailSuppression::key(AddressHash::of(email)), keys::EmailOwner::key(email.clone())];
    let note = |_| async move {
        let now = table.clock().now();
        let mut found = table.get_many(keys, Consistency::Strong).await?;
        let before = found.take(&keys[0])?;
        let before =
            before.unwrap_or_else(|| MailSuppression::none(AddressHash::of(email), table.ids().next()));
        // a clock that is ahead must not make it last longer
        let after = before.clone().with(reason, sent_at.min(now));
        let said = after.holds(now);
        if after == before || after.expires_at().is_none_or(|end| end <= now) {
            return Ok(Decision::done(said));
        }
        let changes = Changes::new().replace(&after);
        let Some(new) = said.filter(|_| before.holds(now).is_none()) else {
            return Ok(Decision::commit(changes, said));
        };
        let owner: Option<EmailOwner> = found.take(&keys[1])?;
        let event = MailSuppressionAdded {
            suppression_id: after.suppression_id,
            user_id: owner.filter(EmailOwner::is_current).map(|owner| owner.user_id),
            reason: new.reason,
            until: new.until,
        };
        let event = NewEvent::new(None, &after.suppression_id, after.next_version(), &event);
        Ok(Decision::commit(changes.publish(event), said))
    };
    table.decide(cause, note).await
}

/// Has mails sent to an address again, for a reason. What is told later of mails that were sent before
/// changes nothing. Says whether there was something to lift.
pub async fn lift_suppression(
    table: &Table,
    cause: &Cause,
    address: &AddressHash,
    reason: &str,
) -> Result<bool, CommitError> {
    let lift = |_| async move {
        let changes = suppression_lifted(table, address, reason).await?;
        Ok(changes.map_or_else(|| Decision::done(false), |changes| Decision::commit(changes, true)))
    };
    table.decide(cause, lift).await
}

/// Decides that mails are sent to an address again; nothing where they are.
pub async fn suppression_lifted(
    table: &Table,
    address: &AddressHash,
    reason: &str,
) -> Result<Option<Changes>, StoreError> {
    let now = table.clock().now();
    let key = keys::MailSuppression::key(address.clone());
    let found: Option<MailSuppression> = table.get(&key, Consistency::Strong).await?;
    let Some(before) = found.filter(|found| found.holds(now).is_some()) else { return Ok(None) };
    let event = MailSuppressionLifted { suppression_id: before.suppression_id, reason: reason.to_owned() };
    let event = NewEvent::new(None, &before.suppression_id, before.next_version(), &event);
    Ok(Some(Changes::new().replace(&before.lifted(now, reason)).publish(event)))
}

/// An address that nobody writes to, as the list of them has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSuppression {
    /// Which.
    pub address: AddressHash,
    /// Why.
    pub reason: SuppressionReason,
    /// When the mail was sent that led to it.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A row of the list.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "list_sk")]
    position: String,
    summary: String,
}

/// Behind every place in the list: places begin with a time.
const BEHIND_ALL: &str = "~";

/// How many rows one query looks at.
const PAGE: usize = 100;

/// Addresses that nobody writes to, the latest first, up to `limit`; those behind the place `after`, if
/// that is given. And where the list goes on.
pub async fn list_suppressed(
    table: &Table,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<ListedSuppression>, Option<String>), StoreError> {
    let (mut found, mut next, now) = (Vec::new(), after.map(str::to_owned), table.clock().now());
    loop {
        let query = keys::suppressed_up_to(next.as_deref().unwrap_or(BEHIND_ALL)).descending();
        let mut page: Vec<Row> = table.first(&query, PAGE).await?;
        // the place itself belongs to the range that was asked for
        page.retain(|row| next.as_ref().is_none_or(|last| row.position < *last));
        if page.is_empty() {
            return Ok((found, None));
        }
        for row in page {
            if found.len() == limit {
                return Ok((found, next));
            }
            next = Some(row.position);
            let listed: Option<ListedSuppression> = primitives::json::from_str(&row.summary).ok();
            found.extend(listed.filter(|listed| now < listed.until));
        }
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use proptest::prelude::*;

    use super::*;

    fn day(number: i64) -> Timestamp {
        start_of(20_000 + number) + SignedDuration::from_hours(10)
    }

    fn after(facts: &[(SuppressionReason, Timestamp)]) -> MailSuppression {
        let none = MailSuppression::none("0".repeat(64).parse().unwrap(), Ids::unguessable());
        facts.iter().fold(none, |known, (reason, sent_at)| known.with(*reason, *sent_at))
    }

    fn until(facts: &[(SuppressionReason, Timestamp)]) -> Option<Timestamp> {
        after(facts).verdict().map(|said| said.until)
    }

    #[test]
    fn a_refusal_holds_for_a_season_and_a_complaint_for_a_year() {
        use SuppressionReason::{Bounced, Complained};
        assert_eq!(until(&[(Bounced, day(0))]), Some(day(90)));
        assert_eq!(until(&[(Complained, day(0)), (Bounced, day(1))]), Some(day(365)));
        let known = after(&[(Bounced, day(0))]);
        assert!(known.holds(day(89)).is_some() && known.holds(day(90)).is_none());
    }

    #[test]
    fn three_days_of_delay_within_two_weeks_are_a_week_of_rest() {
        let delayed = |days: &[i64]| {
            let facts: Vec<_> =
                days.iter().map(|number| (SuppressionReason::Delayed, day(*number))).collect();
            until(&facts)
        };
        assert_eq!((delayed(&[1, 1, 1, 1]), delayed(&[1, 2])), (None, None), "often on a day is once");
        let rest = |last: i64| Some(start_of(20_000 + last + 8));
        assert_eq!(delayed(&[1, 2, 3]), rest(3));
        assert_eq!((delayed(&[1, 2, 15]), delayed(&[1, 2, 16])), (rest(15), None));
        assert_eq!(delayed(&[1, 2, 3, 30]), None, "what was long ago is forgotten");
    }

    #[test]
    fn what_was_sent_before_it_was_lifted_says_nothing() {
        let known = after(&[(SuppressionReason::Bounced, day(0))]).lifted(day(3), "their server was down");
        let again = |number| known.clone().with(SuppressionReason::Bounced, day(number)).verdict();
        assert_eq!((known.verdict(), again(0), again(3)), (None, None, None));
        assert!(again(4).is_some());
        assert_eq!(known.expires_at(), Some(day(33)));
        assert!(known.index().is_none(), "it is on no list");
    }

    fn facts() -> impl Strategy<Value = Vec<(SuppressionReason, Timestamp)>> {
        use SuppressionReason::{Bounced, Complained, Delayed};
        let reason = prop_oneof![Just(Delayed), Just(Bounced), Just(Complained)];
        let fact = (reason, 0..40_i64, 0..24_i64);
        let fact =
            fact.prop_map(|(reason, number, hour)| (reason, day(number) + SignedDuration::from_hours(hour)));
        prop::collection::vec(fact, 0..12)
    }

    proptest! {
        #[test]
        fn order_and_repetition_make_no_difference(
            (facts, other) in facts().prop_flat_map(|facts| {
                let twice: Vec<_> = facts.iter().chain(&facts).copied().collect();
                (Just(facts), Just(twice).prop_shuffle())
            })
        ) {
            let (one, other) = (after(&facts), after(&other));
            prop_assert_eq!((&one.latest, &one.delays), (&other.latest, &other.delays));
            prop_assert!(one.delays.len() <= DAYS_OF_DELAY, "the memory is bounded");
            prop_assert!(one.expires_at().is_none_or(|end| end <= day(41 + 365)));
        }
    }
}
