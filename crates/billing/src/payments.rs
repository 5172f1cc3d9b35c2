//! What we ask of Stripe for an organization. What is decided there is decided there: we write down what we
//! are about to ask for where it may be asked only once, and learn from the answer or, where that is lost,
//! from the webhook.

use ::access::{Interval, Tenant};
use jiff::{SignedDuration, Timestamp};
use stripe_client::{Client, CustomerId, EventId, PriceId, StartedSubscription, SubscriptionId};
use table::{Cause, Changes, Consistency, Decision, Item, Keep, Table};

use crate::{
    Account, BillingError, Fact, Overview, Rank, Rules, Stamp, Subscription,
    checkout::{self, Checkout},
    keys,
    overview::load,
    stripe_items::StripeCustomer,
    transition,
};

/// Stripe, for the organizations of this table.
#[derive(Clone, Debug)]
pub struct Payments {
    pub(crate) table: Table,
    pub(crate) stripe: Client,
    pub(crate) rules: Rules,
}

impl Payments {
    /// For these organizations, by this client.
    pub fn new(table: Table, stripe: Client, rules: Rules) -> Self {
        Self { table, stripe, rules }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.table.clock().now()
    }

    pub(crate) async fn account(&self, tenant: Tenant) -> Result<Account, BillingError> {
        load(&self.table, tenant.org_id()).await?.ok_or(BillingError::NoAccount)
    }

    /// The account as it was a moment ago, for whoever only looks; as of now where it is so new that
    /// it is not seen yet.
    pub(crate) async fn account_to_read(&self, tenant: Tenant) -> Result<Account, BillingError> {
        let key = keys::Subscription::key(tenant);
        let seen: Option<Account> = self.table.get(&key, Consistency::Eventual).await?;
        match seen {
            Some(account) => Ok(account),
            None => self.account(tenant).await,
        }
    }

    /// The account, and whether somebody is about to subscribe, as of now.
    pub(crate) async fn account_and_checkout(
        &self,
        tenant: Tenant,
    ) -> Result<(Account, Option<Checkout>), BillingError> {
        let keys = [keys::Subscription::key(tenant), keys::Checkout::key(tenant)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?;
        let account = found.take(&keys[0])?.ok_or(BillingError::NoAccount)?;
        Ok((account, found.take(&keys[1])?))
    }

    /// Who pays for the organization: whoever it is already, or a customer that is made now. However many ask
    /// for one at once, and however often, it is one: they all ask under the same key. One that was deleted
    /// at Stripe is followed by another.
    pub(crate) async fn payer(&self, account: &Account) -> Result<Payer, BillingError> {
        if let Some(known) = account.stripe.payer() {
            return Ok(Payer { id: known.clone(), news: None });
        }
        let org_id = account.org_id.to_string();
        let key = match account.stripe.last_gone() {
            Some(gone) => format!("customer-{org_id}-after-{gone}"),
            None => format!("customer-{org_id}"),
        };
        let made = self.stripe.create_customer(&org_id, &key).await.map_err(BillingError::of_call)?;
        let at = made.created.unwrap_or_else(|| self.now());
        let event_id = EventId::from(&made.id);
        Ok(Payer { news: Some(Fact::Customer { id: made.id.clone(), at, event_id }), id: made.id })
    }

    /// Writes down who pays, where that is news.
    ///
    /// Gives the version at which the account stands as well.
    pub(crate) async fn link(
        &self,
        cause: &Cause,
        tenant: Tenant,
    ) -> Result<(CustomerId, u64), BillingError> {
        let link = |_| async {
            let account = self.account(tenant).await?;
            let payer = self.payer(&account).await?;
            let (changes, _) = payer.changes(&account);
            let version = if changes.is_empty() { account.version() } else { account.next_version() };
            Ok(Decision::commit(changes, (payer.id, version)))
        };
        self.table.decide(cause, link).await
    }

    /// Takes in what Stripe answered about a subscription, as a webhook would have told it: whichever comes
    /// first is told to others.
    pub(crate) fn taking_in(
        &self,
        account: &Account,
        answer: &StartedSubscription,
        asked_at: Timestamp,
    ) -> (Account, Changes) {
        let next = account.learn([fetched(account, answer, asked_at)]);
        let changes = self.learnt(account, &next);
        (next, changes)
    }

    /// What is written and told where more is known of an account.
    pub(crate) fn learnt(&self, account: &Account, next: &Account) -> Changes {
        if next == account {
            return Changes::new();
        }
        let now = self.now();
        let changes = Changes::new().replace(next).and(account.access_towards(next, now, &self.rules));
        let events = transition::events(account, next, now, &self.rules);
        events.into_iter().fold(changes, Changes::publish)
    }

    /// The same as the whole of an operation.
    pub(crate) async fn take_in(
        &self,
        cause: &Cause,
        tenant: Tenant,
        (answer, asked_at): (&StartedSubscription, Timestamp),
        keep: &Keep<'_, Overview>,
    ) -> Result<Overview, BillingError> {
        let take_in = |_| async {
            let account = self.account(tenant).await?;
            let (next, changes) = self.taking_in(&account, answer, asked_at);
            Ok(Decision::commit(changes, self.overview(next)))
        };
        self.table.decide_once(cause, keep, take_in).await
    }

    pub(crate) fn overview(&self, account: Account) -> Overview {
        let as_of = self.now();
        let access = account.access(as_of, &self.rules);
        Overview { account, as_of, access }
    }

    /// What a seat of this plan costs for this interval, at Stripe.
    pub(crate) async fn price(&self, plan: &str, interval: Interval) -> Result<PriceId, BillingError> {
        let (_, price) = checkout::priced(plan, interval).ok_or(BillingError::UnknownPlan)?;
        let found = self.stripe.price(price.lookup_key).await.map_err(BillingError::of_call)?;
        found.ok_or_else(|| {
            let lookup_key = price.lookup_key;
            tracing::error!(
                code = "stripe_price_missing",
                lookup_key,
                "Stripe has no price in use of this lookup key"
            );
            BillingError::Upstream(format!("no price has the lookup key {lookup_key}"))
        })
    }

    pub(crate) async fn whole(&self, id: &SubscriptionId) -> Result<StartedSubscription, BillingError> {
        self.stripe.whole_subscription(id).await.map_err(BillingError::of_call)
    }
}

/// What an answer of Stripe's says. It has no time of Stripe's own, and our clock is another: it counts as
/// said at once after what was heard last, so that no event that comes later is taken for older than it is.
/// Of two answers that were asked for at the same instant the one that is read later is the later one.
pub(crate) fn fetched(account: &Account, answer: &StartedSubscription, asked_at: Timestamp) -> Fact {
    let subscription = Subscription::from(answer.subscription.clone());
    let heard = account.stripe.stamp_of(&subscription.id);
    let at = heard.map_or(subscription.created, |heard| heard.at).max(subscription.created);
    let asked_at = match heard.map(|heard| heard.rank) {
        Some(Rank::Fetched(before)) if before == asked_at => before + SignedDuration::from_nanos(1),
        _ => asked_at,
    };
    let stamp = Stamp { at, rank: Rank::Fetched(asked_at), event_id: EventId::from(&subscription.id) };
    Fact::Subscription(subscription, stamp)
}

/// Who pays.
pub(crate) struct Payer {
    pub(crate) id: CustomerId,
    /// That is news.
    news: Option<Fact>,
}

impl Payer {
    /// What writes it down, where it is news; and the account after it.
    pub(crate) fn changes(&self, account: &Account) -> (Changes, Account) {
        let Some(news) = &self.news else { return (Changes::new(), account.clone()) };
        if account.stripe.payer() == Some(&self.id) {
            return (Changes::new(), account.clone());
        }
        let next = account.learn([news.clone()]);
        let customer =
            StripeCustomer { customer: self.id.clone(), org_id: account.org_id, erased_at: None, version: 0 };
        (Changes::new().replace(&next).create(&customer), next)
    }
}

/// Where the account stands: what rests on it fails where it has changed.
pub(crate) fn unchanged(account: &Account) -> Changes {
    Changes::new().require(account.key(), table::Condition::VersionIs(account.version()))
}
