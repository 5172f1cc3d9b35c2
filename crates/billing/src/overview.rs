use access::{AccessSchedule, Permit, Tenant, needs::ReadBilling};
use events::NewEvent;
use jiff::Timestamp;
use primitives::{Ids, OrgId};
use stripe_client::CustomerId;
use table::{Changes, Condition, Consistency, Item, Query, Table};

use crate::{
    Access, Account, BillingError, Rules, api::Trial, events::TrialStarted, keys,
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
pub fn start_trial(org_id: OrgId, now: Timestamp, rules: &Rules) -> Changes {
    let account = Account::open(org_id, now, rules);
    let started = TrialStarted { trial: Trial::of(&account.trial, now) };
    let event = NewEvent::new(Some(org_id), &org_id, account.next_version(), &started);
    Changes::new().create(&account).publish(event)
}

/// How much a new organization may use, whose trial begins now.
pub fn trial_access(now: Timestamp, rules: &Rules) -> AccessSchedule {
    Account::open(Ids::unguessable(), now, rules).schedule(now, rules)
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

/// Refuses where the organization has a subscription that goes on by itself: whoever deletes the organization
/// would go on paying. That there is none is a condition of what rests on it.
pub async fn refuse_subscribed(table: &Table, tenant: Tenant) -> Result<Changes, BillingError> {
    let account = load(table, tenant.org_id()).await?.ok_or(BillingError::NoAccount)?;
    if account.stripe.goes_on() {
        return Err(BillingError::SubscriptionActive);
    }
    Ok(Changes::new().require(account.key(), Condition::VersionIs(account.version())))
}

/// Whether the organization has a subscription that goes on by itself.
pub async fn goes_on(table: &Table, tenant: Tenant) -> Result<bool, table::StoreError> {
    Ok(load(table, tenant.org_id()).await?.is_some_and(|account| account.stripe.goes_on()))
}

/// Erases what is known of an organization's money: for an organization that is erased. Who it is at Stripe
/// goes with it.
pub async fn erase(table: &Table, tenant: Tenant) -> Result<(), table::StoreError> {
    let Some(account) = load(table, tenant.org_id()).await? else { return Ok(()) };
    for customer in account.stripe.customers() {
        table.erase(Query::partition_of(&keys::StripeCustomer::key(customer.clone())), None).await?;
    }
    table.erase(Query::partition_of(&account.key()), None).await?;
    Ok(())
}

/// Which organization this customer at Stripe is.
pub async fn org_of_customer(
    table: &Table,
    customer: CustomerId,
) -> Result<Option<OrgId>, table::StoreError> {
    let key = keys::StripeCustomer::key(customer);
    let found: Option<StripeCustomer> = table.get(&key, Consistency::Strong).await?;
    Ok(found.map(|found| found.org_id))
}

/// The account of an organization, as of now.
pub(crate) async fn load(table: &Table, org_id: OrgId) -> Result<Option<Account>, table::StoreError> {
    table.get(&keys::Subscription::key(Tenant::trusted(org_id)), Consistency::Strong).await
}
