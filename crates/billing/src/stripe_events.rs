use std::{sync::OnceLock, time::Duration};

use access::Tenant;
use events::NewEvent;
use jiff::Timestamp;
use primitives::OrgId;
use serde::Serialize;
use stripe_client::{Client, CustomerId, Event};
use table::{Cause, Changes, Condition, Consistency, Decision, Item, Table, time_left};

use crate::{
    Account, BillingError, Checkout, Fact, ParkReason, ParkedEvent, Rank, Rules, Stamp, Subscription, cards,
    checkouts::completion,
    keys,
    news::{News, Payer, Told},
    overview::load,
    stripe_items::{Readable, ReceivedEvent, StripeCustomer, customer_key},
    transition,
};

/// Parked events per query.
const PAGE: usize = 25;

/// With less time than this left no further event that waited is begun: Stripe comes again for
/// them.
pub(crate) const RESERVE: Duration = Duration::from_secs(2);

/// An event that waited and cannot be applied is tried by so many later webhooks of its customer;
/// then it is for an operator.
const TRIES: u32 = 3;

/// Takes in what Stripe tells, each event exactly once, in any order.
#[derive(Clone, Debug)]
pub struct StripeEvents {
    pub(crate) table: Table,
    stripe: Client,
    rules: Rules,
    livemode: bool,
}

/// What became of an event. Every one of these is an answer of 200: Stripe need not send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Received {
    /// It was applied.
    Applied,
    /// It was dealt with before.
    Duplicate,
    /// It is of a kind that has no effect; nothing was kept of it.
    Ignored,
    /// It was put aside.
    Parked(ParkReason),
}

/// One event on its way into the account.
struct Incoming<'a> {
    event: &'a Event,
    body: &'a str,
    /// What it means, or why it has to be put aside.
    news: &'a Result<News, ParkReason>,
    /// Where it waited until now.
    parked: Option<&'a ParkedEvent>,
}

/// What became of an event, and what to say of it once it is so.
type Taken = (Received, Option<Remark>);

/// What people have to look at, once it is so.
enum Remark {
    Parked(ParkReason),
    /// One more subscription works, and not as the only one. Somebody pays twice; which is meant
    /// only people know.
    Second {
        org_id: OrgId,
        working: usize,
    },
}

/// Stripe's answer about a subscription, and when it was asked.
type Answer = OnceLock<(Subscription, Timestamp)>;

impl StripeEvents {
    /// `livemode` says which events are meant for us: those of real money, or those of test money.
    pub fn new(table: Table, stripe: Client, rules: Rules, livemode: bool) -> Self {
        Self { table, stripe, rules, livemode }
    }

    /// Deals with an event whose signature was found right; `body` is what it was read from.
    ///
    /// The event's marker and its effect are one transaction: after an error there is neither, and
    /// Stripe's next delivery begins anew. What waited for this event's customer is applied as
    /// well, also when the event itself is a duplicate, so that a crash in between is made good by
    /// the next delivery.
    pub async fn receive(&self, cause: &Cause, event: &Event, body: &str) -> Result<Received, BillingError> {
        let Some(news) = self.news(event).await?.transpose() else { return Ok(Received::Ignored) };
        let received = self.take_in(cause, &Incoming { event, body, news: &news, parked: None }).await?;
        let of_known = !matches!(received, Received::Parked(_) | Received::Ignored);
        if let (Ok(news), true) = (&news, of_known) {
            self.take_in_waiting(cause, &news.customer).await?;
        }
        Ok(received)
    }

    /// What an event means to us, and of whom it is. Of whom a charge was that is disputed Stripe alone
    /// knows; where nobody is known for it, it is none of ours.
    async fn news(&self, event: &Event) -> Result<Result<Option<News>, ParkReason>, BillingError> {
        let news = match News::read(event, self.livemode) {
            Ok(Some(news)) => news,
            Ok(None) => return Ok(Ok(None)),
            Err(reason) => return Ok(Err(reason)),
        };
        let payer = match &news.customer {
            Payer::Customer(customer) => Some(customer.clone()),
            Payer::OfCharge(charge) => match self.stripe.payer_of(charge).await {
                Err(error) if error.is_missing() => None,
                found => found?,
            },
        };
        Ok(Ok(payer.map(|payer| news.of(payer))))
    }

    /// Applies what waited for this customer. What cannot be applied is noted and left to the next
    /// time or an operator: it must not keep the others, or later webhooks, from their effect.
    pub(crate) async fn take_in_waiting(
        &self,
        cause: &Cause,
        customer: &CustomerId,
    ) -> Result<(), BillingError> {
        let query = keys::ParkedStripeEvent::all(customer.to_string()).strong();
        let mut after = None;
        loop {
            let (page, next) =
                self.table.after::<Readable<ParkedEvent>>(&query, PAGE, after.as_deref()).await?;
            for row in page {
                let Readable::Yes(parked) = row else {
                    tracing::error!(%customer, "a parked event's row cannot be read");
                    continue;
                };
                if parked.about.failures >= TRIES {
                    continue;
                }
                if time_left() < RESERVE {
                    return Err(BillingError::Contended);
                }
                // Boxed: it is large, and rarely needed.
                Box::pin(self.try_again(cause, &parked)).await;
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    async fn try_again(&self, cause: &Cause, parked: &ParkedEvent) {
        let Err(error) = self.take_in_parked(cause, parked).await else { return };
        tracing::error!(
            stripe_event_id = %parked.about.event_id,
            error = &error as &dyn std::error::Error,
            "a parked event could not be applied"
        );
        let mut noted = parked.clone();
        noted.about.failures += 1;
        let note = |_| async {
            // Whoever was faster applied it or noted the same.
            let decision = Decision::commit(Changes::new().replace(&noted), ());
            Ok::<_, BillingError>(decision.unless(&noted.key(), Ok(())))
        };
        if let Err(error) = self.table.decide(cause, note).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the failure could not be noted");
        }
    }

    /// Decides anew about an event that was put aside, and says whom it is about. Nothing if its
    /// body was not kept or is no event any more.
    pub(crate) async fn take_in_parked(
        &self,
        cause: &Cause,
        parked: &ParkedEvent,
    ) -> Result<Option<(Received, Option<CustomerId>)>, BillingError> {
        let Some(body) = parked.body.as_deref() else {
            tracing::error!(stripe_event_id = %parked.about.event_id, "a parked event was too large to keep; fetch it from Stripe");
            return Ok(None);
        };
        let Ok(event) = Event::parse(body.as_bytes()) else { return Ok(None) };
        let Some(news) = self.news(&event).await?.transpose() else {
            let ignore = |_| async {
                let marker = ReceivedEvent::ignored(&event, self.table.clock().now());
                let changes = Changes::new().delete(parked).overwrite(&marker);
                let decision = Decision::commit(changes, Received::Ignored);
                Ok::<_, BillingError>(decision.unless(&parked.key(), Ok(Received::Duplicate)))
            };
            return Ok(Some((self.table.decide(cause, ignore).await?, None)));
        };
        let incoming = Incoming { event: &event, body, news: &news, parked: Some(parked) };
        let received = self.take_in(cause, &incoming).await?;
        Ok(Some((received, news.ok().map(|news| news.customer))))
    }

    async fn take_in(&self, cause: &Cause, incoming: &Incoming<'_>) -> Result<Received, BillingError> {
        let marker = keys::StripeEvent::key(incoming.event.id.clone());
        // The item whose presence or absence makes this the one that applies the event.
        let guard = incoming.parked.map_or_else(|| marker.clone(), Item::key);
        let answer = Answer::new();
        let take_in = |_| async {
            let mut keys = vec![marker.clone()];
            keys.extend(incoming.news.as_ref().ok().map(|news| customer_key(&news.customer)));
            let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
            if incoming.parked.is_none() && found.take::<ReceivedEvent>(&marker)?.is_some() {
                return Ok(Decision::done((Received::Duplicate, None)));
            }
            let decision = match incoming.news {
                Ok(news) => {
                    let mapping = found.take::<StripeCustomer>(&customer_key(&news.customer))?;
                    self.decide(incoming, news, mapping.as_ref(), &answer).await?
                }
                Err(reason) => self.park(incoming, *reason, None),
            };
            Ok(decision.unless(&guard, Ok((Received::Duplicate, None))))
        };
        let (received, remark) = self.table.decide(cause, take_in).await?;
        if let Some(remark) = remark {
            remark.log(incoming.event);
        }
        Ok(received)
    }

    async fn decide(
        &self,
        incoming: &Incoming<'_>,
        news: &News,
        mapping: Option<&StripeCustomer>,
        answer: &Answer,
    ) -> Result<Decision<Taken, BillingError>, BillingError> {
        if mapping.is_some_and(|mapping| mapping.erased_at.is_some()) {
            return Ok(self.pass_over(incoming));
        }
        if news.of_known && mapping.is_none() && news.claims.is_empty() {
            return Ok(self.pass_over(incoming));
        }
        let org_id = match whose(&news.claims, mapping) {
            Ok(org_id) => org_id,
            Err(reason) => return Ok(self.park(incoming, reason, Some(&news.customer))),
        };
        let Some(account) = load(&self.table, org_id).await? else {
            return Ok(self.park(incoming, ParkReason::ForeignOrg, None));
        };
        let mut facts = news.facts.clone();
        let doubtful = facts.iter().find(|fact| account.stripe.is_doubtful(fact)).cloned();
        if let Some(Fact::Subscription(seen, stamp)) = doubtful {
            facts.extend(self.ask_stripe(&seen, stamp, answer).await?);
        }
        let next = account.learn(facts);
        if next.stripe.is_too_much_since(&account.stripe) {
            return Ok(self.park(incoming, ParkReason::TooManySubscriptions, None));
        }
        let mut changes = self.mark(incoming, org_id);
        if mapping.is_none() {
            changes = changes.create(&StripeCustomer {
                customer: news.customer.clone(),
                org_id,
                erased_at: None,
                version: 0,
            });
        }
        let now = self.table.clock().now();
        changes = changes.and(self.completed(org_id, news, now).await?);
        if let Some(card) = &news.card {
            changes = changes.and(cards::seen(&self.table, card, org_id, now).await?);
        }
        if next != account || news.told.is_some() {
            changes = changes.replace(&next).and(account.access_towards(&next, now, &self.rules));
            for event in transition::events(&account, &next, now, &self.rules) {
                changes = changes.publish(event);
            }
            if let Some(told) = &news.told {
                changes = changes.publish(told.event(&account));
            }
        }
        let (then, now) = (account.stripe.working(), next.stripe.working());
        let remark = (now > then && now > 1).then_some(Remark::Second { org_id, working: now });
        Ok(Decision::commit(changes, (Received::Applied, remark)))
    }

    /// What comes to its end with it that somebody paid on a page of Stripe's.
    async fn completed(&self, org_id: OrgId, news: &News, now: Timestamp) -> Result<Changes, BillingError> {
        let Some(paid) = &news.paid else { return Ok(Changes::new()) };
        let key = keys::Checkout::key(Tenant::trusted(org_id));
        let open: Option<Checkout> = self.table.get(&key, Consistency::Strong).await?;
        let open = open.filter(|open| Some(open.checkout_id) == paid.checkout_id);
        Ok(open.and_then(|open| completion(&open, paid.subscription.clone(), now)).unwrap_or_default())
    }

    /// Stripe's own word on a subscription about which an event leaves doubts. Nothing if Stripe
    /// does not know it any more; the event counts then, and of two the order of their ids decides.
    async fn ask_stripe(
        &self,
        seen: &Subscription,
        stamp: Stamp,
        answer: &Answer,
    ) -> Result<Option<Fact>, BillingError> {
        if answer.get().is_none() {
            let asked_at = self.table.clock().now();
            match self.stripe.subscription(&seen.id).await {
                Ok(subscription) => drop(answer.set((subscription.into(), asked_at))),
                Err(error) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(answer.get().cloned().map(|(subscription, asked_at)| {
            Fact::Subscription(subscription, Stamp { rank: Rank::Fetched(asked_at), ..stamp })
        }))
    }

    fn mark(&self, incoming: &Incoming<'_>, org_id: OrgId) -> Changes {
        let marker = ReceivedEvent::applied(incoming.event, self.table.clock().now(), org_id);
        match incoming.parked {
            None => Changes::new().create(&marker),
            // Whoever deletes the parked event applies it: the marker was there before and decides
            // nothing.
            Some(parked) => Changes::new().delete(parked).overwrite(&marker),
        }
    }

    /// Of an organization that is erased, nothing that Stripe tells late matters, such as that its customer
    /// is deleted: nothing is kept of it, and nobody has to look.
    fn pass_over(&self, incoming: &Incoming<'_>) -> Decision<Taken, BillingError> {
        let marker = ReceivedEvent::ignored(incoming.event, self.table.clock().now());
        let waited = incoming.parked.map(|parked| Changes::new().delete(parked).overwrite(&marker));
        Decision::commit(waited.unwrap_or_default(), (Received::Ignored, None))
    }

    fn park(
        &self,
        incoming: &Incoming<'_>,
        reason: ParkReason,
        customer: Option<&CustomerId>,
    ) -> Decision<Taken, BillingError> {
        let now = self.table.clock().now();
        let customer = customer.filter(|_| reason == ParkReason::UnknownCustomer);
        let parked = ParkedEvent::new(incoming.event, incoming.body, now, reason, customer);
        let received = Received::Parked(reason);
        let marker = ReceivedEvent::parked(incoming.event, now, reason);
        let changes = match incoming.parked {
            Some(before) if before.key() == parked.key() => {
                return Decision::done((received, None));
            }
            Some(before) => Changes::new().delete(before).overwrite(&marker).create(&parked),
            None => Changes::new().create(&marker).create(&parked),
        };
        // Whoever makes the customer known looks for what waits for it: an event must not begin to
        // wait after that.
        let changes = match customer {
            Some(customer) => changes.require(customer_key(customer), Condition::Absent),
            None => changes,
        };
        Decision::commit(changes, (received, Some(Remark::Parked(reason))))
    }
}

impl Told {
    fn event(&self, account: &Account) -> NewEvent {
        let (org_id, sequence) = (account.org_id, account.next_version());
        match self {
            Self::Refunded(refunded) => NewEvent::new(Some(org_id), &org_id, sequence, refunded),
            Self::Disputed(disputed) => NewEvent::new(Some(org_id), &org_id, sequence, disputed),
        }
    }
}

impl Remark {
    /// Filters of the template count these lines, by `code` and `reason`, for alarms.
    fn log(&self, event: &Event) {
        let (stripe_event_id, stripe_event_type) = (&event.id, &event.kind);
        match self {
            Self::Parked(reason) => tracing::warn!(
                code = "stripe_event_parked",
                reason = reason.as_str(),
                %stripe_event_id,
                stripe_event_type,
                "an event from Stripe was put aside"
            ),
            Self::Second { org_id, working } => tracing::warn!(
                code = "second_subscription",
                %org_id,
                working,
                %stripe_event_id,
                "an organization has more than one working subscription"
            ),
        }
    }
}

/// The organization that an event or a customer is about. A known customer decides; what is named can at
/// most contradict.
pub(crate) fn whose(claims: &[OrgId], mapping: Option<&StripeCustomer>) -> Result<OrgId, ParkReason> {
    match (mapping, claims) {
        (Some(mapping), claims) if claims.iter().all(|claim| *claim == mapping.org_id) => Ok(mapping.org_id),
        (None, [claimed]) => Ok(*claimed),
        (None, []) => Err(ParkReason::UnknownCustomer),
        _ => Err(ParkReason::OrgMismatch),
    }
}
