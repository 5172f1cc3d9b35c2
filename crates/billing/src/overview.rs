use access::{AccessSchedule, Permit, Tenant, needs::ReadBilling};
use events::NewEvent;
use jiff::{SignedDuration, Timestamp};
use primitives::{Ids, Limit, OrgId, Page};
use serde::Deserialize;
use stripe_client::CustomerId;
use table::{
    Cause, Changes, CommitError, Condition, Consistency, CursorKeys, Decision, Item, Query, StoreError,
    Table, sortable,
};

use crate::{
    Access, Account, BillingError, Granted, Rules,
    api::Trial,
    events::{TrialExtended, TrialStarted},
    keys, revenue,
    stripe_items::StripeCustomer,
};

/// An organization's account and what it gives access to at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    pub account: Account,
    /// When this was so.
    pub as_of: Timestamp,
    /// How much the organization may use.
    pub access: Access,
}

/// The writes that give a new organization its account and begin its trial: for the transaction
/// that creates the organization.
///
/// One whose company has had its trial gets its account, and there is nothing to tell.
pub fn start_trial(org_id: OrgId, now: Timestamp, granted: Granted) -> Changes {
    let account = Account::granted(org_id, now, &granted);
    let changes = granted.changes(&account.trial).create(&account);
    if !account.trial.is_active(now) {
        return changes;
    }
    let changes = changes.and(revenue::trial_started(org_id, now));
    let started = TrialStarted { trial: Trial::of(&account.trial, now) };
    changes.publish(NewEvent::new(Some(org_id), &org_id, account.next_version(), &started))
}

/// How much a new organization may use.
pub fn trial_access(now: Timestamp, rules: &Rules, granted: &Granted) -> AccessSchedule {
    Account::granted(Ids::unguessable(), now, granted).schedule(now, rules)
}

/// A trial that was extended.
#[derive(Debug)]
pub struct Extended {
    /// The trial.
    pub trial: crate::Trial,
    /// When this was so.
    pub as_of: Timestamp,
    /// What is written: for the transaction that says who did it.
    pub changes: Changes,
}

/// Gives an organization so many more days of its trial, from its end on, or from now on where it is over.
/// The gate opens in the same transaction.
pub async fn extend_trial(
    table: &Table,
    rules: &Rules,
    tenant: Tenant,
    days: u32,
) -> Result<Extended, BillingError> {
    let account = load(table, tenant.org_id()).await?.ok_or(BillingError::NoAccount)?;
    let now = table.clock().now();
    let next = account.extended(SignedDuration::from_hours(24 * i64::from(days)), now)?;
    let org_id = account.org_id;
    let extended = TrialExtended { trial: Trial::of(&next.trial, now), days };
    let event = NewEvent::new(Some(org_id), &org_id, next.next_version(), &extended);
    let changes = Changes::new().replace(&next).and(account.access_towards(&next, now, rules)).publish(event);
    Ok(Extended { trial: next.trial, as_of: now, changes })
}

/// The account of the actor's organization. One read of half the price as a rule; a second where an
/// organization is so new that the first read does not see it yet.
pub async fn overview(
    table: &Table,
    rules: &Rules,
    reader: &Permit<ReadBilling>,
) -> Result<Overview, BillingError> {
    let key = keys::Subscription::key(reader.tenant());
    let account: Account = match table.get(&key, Consistency::Eventual).await? {
        Some(account) => account,
        None => table.get(&key, Consistency::Strong).await?.ok_or(BillingError::NoAccount)?,
    };
    let as_of = table.clock().now();
    let access = account.access(as_of, rules);
    Ok(Overview { account, as_of, access })
}

/// The same for our staff, of an organization that there is.
pub async fn overview_for_staff(
    table: &Table,
    rules: &Rules,
    tenant: Tenant,
) -> Result<Overview, BillingError> {
    let account = load(table, tenant.org_id()).await?.ok_or(BillingError::NoAccount)?;
    let as_of = table.clock().now();
    let access = account.access(as_of, rules);
    Ok(Overview { account, as_of, access })
}

/// Refuses where the organization has a subscription that goes on by itself: whoever deletes the
/// organization would go on paying. That there is none is a condition of what rests on it.
pub async fn refuse_subscribed(table: &Table, tenant: Tenant) -> Result<Changes, BillingError> {
    let account = load(table, tenant.org_id()).await?.ok_or(BillingError::NoAccount)?;
    if account.stripe.goes_on() {
        return Err(BillingError::SubscriptionActive);
    }
    Ok(Changes::new().require(account.key(), Condition::VersionIs(account.version())))
}

/// What the index says of an organization whose payments fail.
#[derive(Deserialize)]
struct Failing {
    #[serde(rename = "list_sk")]
    place: String,
    summary: OrgId,
}

/// A page of the organizations that may be in the grace which a failed payment leaves, the latest failure
/// first.
pub async fn in_grace(
    table: &Table,
    cursors: &dyn CursorKeys,
    rules: &Rules,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<OrgId>, StoreError> {
    let query = keys::all_failing().descending();
    let mut page: Page<Failing> = table.page(&query, limit, cursor, cursors).await?;
    let began = table.clock().now().saturating_sub(rules.grace()).unwrap_or(Timestamp::MIN);
    let (began, all) = (sortable(began), page.items.len());
    page.items.retain(|failing| failing.place > began);
    // behind one whose grace is over there are only others of that kind
    let next_cursor = page.next_cursor.filter(|_| page.items.len() == all);
    let items = page.items.into_iter().map(|failing| failing.summary).collect();
    Ok(Page { items, next_cursor })
}

/// Whether the organization has a subscription that goes on by itself.
pub async fn goes_on(table: &Table, tenant: Tenant) -> Result<bool, StoreError> {
    Ok(load(table, tenant.org_id()).await?.is_some_and(|account| account.stripe.goes_on()))
}

/// Whether the organization has a subscription that lives, paid or not.
pub async fn pays(table: &Table, tenant: Tenant) -> Result<bool, StoreError> {
    Ok(load(table, tenant.org_id()).await?.is_some_and(|account| account.stripe.living().is_some()))
}

/// By which customer at Stripe an organization pays, where it does.
pub async fn customer(table: &Table, tenant: Tenant) -> Result<Option<CustomerId>, StoreError> {
    let account = load(table, tenant.org_id()).await?;
    Ok(account.and_then(|account| account.stripe.customer().cloned()))
}

/// Customers that are let go in one transaction.
const CUSTOMERS: usize = 50;

/// Has what Stripe tells from now on of the customers of an organization that is erased, without any effect:
/// that they are deleted, and what ends with them. Gives them to whoever deletes them at Stripe. Nobody is
/// left to delete when [`erase`] was here.
pub async fn let_go(table: &Table, cause: &Cause, tenant: Tenant) -> Result<Vec<CustomerId>, CommitError> {
    let Some(account) = load(table, tenant.org_id()).await? else { return Ok(Vec::new()) };
    let customers: Vec<_> = account.stripe.customers().into_iter().cloned().collect();
    let erased_at = Some(table.clock().now());
    for some in customers.chunks(CUSTOMERS) {
        let gone = |_| async {
            let item = |customer: &CustomerId| {
                let customer = customer.clone();
                StripeCustomer { customer, org_id: tenant.org_id(), erased_at, version: 0 }
            };
            let changes = some.iter().map(item).fold(Changes::new(), |all, one| all.overwrite(&one));
            Ok::<_, CommitError>(Decision::commit(changes, ()))
        };
        table.decide(cause, gone).await?;
    }
    Ok(customers)
}

/// Erases what is known of an organization's money: for an organization that is erased, whose customers were
/// [`let_go`] and are deleted at Stripe. Says how many items went.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<u64, StoreError> {
    let Some(account) = load(table, tenant.org_id()).await? else { return Ok(0) };
    let mut erased = 0;
    for customer in account.stripe.customers() {
        let waiting = keys::ParkedStripeEvent::all(customer.to_string());
        erased += table.erase(waiting, None).await?;
    }
    erased += table.erase(Query::partition_of(&account.key()), None).await?;
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}

/// Which organization this customer at Stripe is.
pub async fn org_of_customer(table: &Table, customer: CustomerId) -> Result<Option<OrgId>, StoreError> {
    let key = keys::StripeCustomer::key(customer);
    let found: Option<StripeCustomer> = table.get(&key, Consistency::Strong).await?;
    Ok(found.map(|found| found.org_id))
}

/// The account of an organization, as of now.
pub(crate) async fn load(table: &Table, org_id: OrgId) -> Result<Option<Account>, StoreError> {
    table.get(&keys::Subscription::key(Tenant::trusted(org_id)), Consistency::Strong).await
}
