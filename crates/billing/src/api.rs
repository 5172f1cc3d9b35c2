//! Subscription, trial and invoices as the API shows them and events tell of them.

use ::access::{Access, Feature, Interval};
use jiff::Timestamp;
use primitives::{CheckoutId, OrgId, Time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Account;

/// Where an organization stands with its money: what it may use, and the trial and the subscription
/// at Stripe that say so. What a subscription has is null before there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Subscription {
    /// The organization.
    pub org_id: OrgId,
    /// When this was so: access is judged at every request.
    pub as_of: Time,
    /// What the organization may use now.
    pub access: Access,
    /// The free trial.
    pub trial: Option<Trial>,
    /// The subscription's id at Stripe.
    #[schema(example = "sub_1Q2w3E4r5T")]
    pub stripe_subscription_id: Option<String>,
    /// The price's id at Stripe.
    pub stripe_price_id: Option<String>,
    /// Stripe's word for the state.
    #[schema(example = "active")]
    pub status: Option<String>,
    /// How many are subscribed to; 0 where none are.
    pub seats: u64,
    /// Begin of the period paid for.
    pub current_period_start: Option<Time>,
    /// End of the period paid for.
    pub current_period_end: Option<Time>,
    /// Whether its invoices are not collected for now, and what becomes of them; null if they are
    /// collected.
    pub pause_collection: Option<CollectionPause>,
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// When it is going to end, if that is decided.
    pub cancel_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Its newest invoice.
    pub latest_invoice: Option<Invoice>,
}

/// What a nightly comparison of Stripe and us has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    /// The night that it is of: its first instant, in UTC.
    pub night_at: Time,
    /// When it began.
    pub started_at: Time,
    /// When it was done; null as long as it is not.
    pub finished_at: Option<Time>,
    /// How many customers at Stripe were compared.
    pub customers: u64,
    /// How many subscriptions they have.
    pub subscriptions: u64,
    /// What was not as we knew it, and is mended.
    pub mended: u64,
    /// What people have to look at.
    pub differing: u64,
    /// The first 50 of both.
    #[schema(max_items = 50)]
    pub differences: Vec<Difference>,
}

/// In what Stripe and we were not of one mind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BillingDifference)]
pub struct Difference {
    /// What it is: `subscription`, `invoice`, `seats`, `customer`, `two_subscriptions`,
    /// `organization_missing`, `customer_without_organization`, `organization_mismatch`,
    /// `organization_erased`, `subscription_missing`, `unreadable`, `failed`. There may be others.
    #[schema(example = "seats")]
    pub kind: String,
    /// Whether nobody has to do anything about it.
    pub mended: bool,
    /// The organization, where that is known.
    pub org_id: Option<OrgId>,
    /// The customer at Stripe.
    #[schema(example = "cus_1Q2w3E4r5T")]
    pub stripe_customer_id: String,
    /// The subscription at Stripe, where it is about one.
    pub stripe_subscription_id: Option<String>,
}

/// What can be subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Its name for programs.
    #[schema(example = "team")]
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it costs.
    pub prices: Vec<PlanPrice>,
    /// What it has.
    pub features: Features,
    /// How many people may belong to the organization, those who are invited included; null where that has no
    /// end.
    pub seats: Option<u32>,
}

/// What a seat costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanPrice {
    /// For how long.
    pub interval: Interval,
    /// ISO 4217, lower case.
    #[schema(example = "usd")]
    pub currency: String,
    /// In the currency's smallest unit.
    pub unit_amount: u32,
}

/// What a plan has. There may be others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Features {
    /// Domains of one's own, by which people join.
    pub domains: bool,
    /// Signing in by the organization's own identity provider.
    pub sso: bool,
    /// A directory kept by the identity provider.
    pub scim: bool,
    /// How long the audit log is kept, in days, from when a row is written.
    pub audit_log_days: u32,
}

/// What an organization's plan gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entitlements {
    /// Another one where anything else here is another.
    pub version: String,
    /// The plan's name for programs.
    #[schema(example = "team")]
    pub plan: String,
    /// What it has.
    pub features: Features,
    /// How much may be used in a month of what has an end.
    pub quotas: Vec<PlanQuota>,
}

/// How much of something may be used in a month. How much of it is, `GET /v1/usage/quotas` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanQuota {
    /// The meter's name.
    #[schema(example = "ai_tokens")]
    pub meter: String,
    /// How much, in the meter's unit.
    pub limit: u64,
    /// Whether more is refused. Where it is not, more is counted, and told of.
    pub hard: bool,
}

impl PlanQuota {
    /// Those of a plan.
    pub fn of(plan: &::access::Plan) -> Vec<Self> {
        let shown = |quota: &::access::Quota| Self {
            meter: quota.meter.to_owned(),
            limit: quota.limit,
            hard: quota.hard,
        };
        plan.quotas.iter().map(shown).collect()
    }
}

/// A free trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    /// Whether it still runs.
    pub active: bool,
    /// When it began.
    pub started_at: Time,
    /// When it ends or ended.
    pub trial_ends_at: Time,
    /// How often it was extended.
    pub trial_extended_count: u32,
    /// Whether it is what was left of a trial that another organization of the same person or company had
    /// begun: a company tries the product once.
    #[serde(default)]
    pub shared: bool,
}

/// A pause of collecting invoices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionPause {
    /// What becomes of the invoices: `keep_as_draft`, `mark_uncollectible`, or `void`, with which
    /// there is no service.
    #[schema(example = "void")]
    pub behavior: String,
    /// When collection goes on by itself; null if somebody has to resume it.
    pub resumes_at: Option<Time>,
}

/// An invoice at Stripe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Invoice {
    /// Its id at Stripe.
    #[schema(example = "in_1Q2w3E4r5T")]
    pub id: String,
    /// Stripe's word for the state.
    #[schema(example = "paid")]
    pub status: String,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    pub amount_paid: i64,
    /// ISO 4217, lower case.
    #[schema(example = "eur")]
    pub currency: String,
    /// How many payments failed.
    pub failed_attempts: u32,
}

/// That somebody is about to subscribe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checkout {
    /// Its id.
    pub id: CheckoutId,
    /// `open`, `completed` or `expired`. There may be others.
    #[schema(example = "open")]
    pub status: String,
    /// What is subscribed to.
    #[schema(example = "team")]
    pub plan: String,
    /// What is paid for at a time.
    pub interval: Interval,
    /// For how many people.
    pub seats: u32,
    /// The page on which it is paid; null where there is none, or none any more.
    pub url: Option<String>,
    /// When it began.
    pub created_at: Time,
    /// Until when it can be paid; null until that is known.
    pub expires_at: Option<Time>,
    /// When it was paid.
    pub completed_at: Option<Time>,
}

/// What another plan would cost now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangePreview {
    /// The lines of the invoice that would be made.
    pub lines: Vec<PreviewLine>,
    /// What would be paid at once, in the currency's smallest unit.
    pub amount_due: i64,
    /// ISO 4217, lower case.
    #[schema(example = "usd")]
    pub currency: String,
    /// Up to when the price before counts. Whoever changes the plan within an hour and says so pays just
    /// this.
    pub proration_at: Time,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewLine {
    /// What it is for.
    pub description: Option<String>,
    /// In the currency's smallest unit; negative where something is given back.
    pub amount: i64,
}

/// An invoice with all that people look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceDetails {
    /// Its id at Stripe.
    #[schema(example = "in_1Q2w3E4r5T")]
    pub id: String,
    /// What it is called on paper; null while it is a draft.
    pub number: Option<String>,
    /// Stripe's word for the state.
    #[schema(example = "paid")]
    pub status: Option<String>,
    /// What is to be paid, in the currency's smallest unit.
    pub amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    pub amount_paid: i64,
    /// ISO 4217, lower case.
    #[schema(example = "eur")]
    pub currency: String,
    /// When it was created.
    pub created_at: Time,
    /// Until when it is to be paid, where it is paid by hand.
    pub due_at: Option<Time>,
    /// When it was paid.
    pub paid_at: Option<Time>,
    /// How many payments failed.
    pub failed_attempts: u32,
    /// Where it is as a file: for whoever has the address.
    pub pdf_url: Option<String>,
    /// Where it is looked at and paid: for whoever has the address.
    pub pay_url: Option<String>,
}

/// Who pays. All of it is null before anybody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillingDetails {
    /// What invoices are made out to.
    pub company_name: Option<String>,
    /// Where invoices are sent.
    pub email: Option<String>,
    /// Where it is.
    pub address: Option<BillingAddress>,
}

/// Where a company is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BillingAddress {
    /// Street and number.
    pub line1: Option<String>,
    /// Anything else of it.
    pub line2: Option<String>,
    /// The town.
    pub city: Option<String>,
    /// The state or province.
    pub state: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The country, two capital letters.
    #[schema(example = "AT")]
    pub country: Option<String>,
}

/// A tax id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaxId {
    /// Its id at Stripe.
    #[schema(example = "txi_1Q2w3E4r5T")]
    pub id: String,
    /// What kind of one.
    #[serde(rename = "type")]
    #[schema(example = "eu_vat")]
    pub kind: String,
    /// The id itself.
    #[schema(example = "ATU12345678")]
    pub value: String,
    /// The country, two capital letters.
    pub country: Option<String>,
    /// What the office that gave it says: `pending`, `verified`, `unverified`, `unavailable`; null where it
    /// is not asked. There may be others.
    pub verification: Option<String>,
    /// When it was added.
    pub created_at: Time,
}

impl Subscription {
    /// Where this account stands at a time, when it gives this access.
    pub fn of(account: &Account, as_of: Timestamp, access: crate::Access) -> Self {
        let known = account.stripe.subscription();
        Self {
            org_id: account.org_id,
            as_of: as_of.into(),
            access: Access::new(access.level, access.until),
            trial: Some(Trial::of(&account.trial, as_of)),
            stripe_subscription_id: known.map(|it| it.id.to_string()),
            stripe_price_id: known.and_then(|it| it.price.as_ref()).map(ToString::to_string),
            status: known.map(|it| it.status.as_str().to_owned()),
            seats: known.and_then(|it| it.quantity).unwrap_or_default(),
            current_period_start: known.and_then(|it| it.current_period_start).map(Time::from),
            current_period_end: known.and_then(|it| it.current_period_end).map(Time::from),
            pause_collection: known.and_then(|it| it.pause_collection).map(|pause| CollectionPause {
                behavior: pause.behavior.as_str().to_owned(),
                resumes_at: pause.resumes_at.map(Time::from),
            }),
            cancel_at_period_end: known.is_some_and(|it| it.cancel_at_period_end),
            cancel_at: known.and_then(|it| it.cancel_at).map(Time::from),
            ended_at: known.and_then(|it| it.ended_at).map(Time::from),
            latest_invoice: account.stripe.latest_invoice().map(Invoice::of),
        }
    }
}

impl Plan {
    /// The plan.
    pub fn of(plan: &::access::Plan) -> Self {
        let price = |price: &::access::Price| PlanPrice {
            interval: price.interval,
            currency: price.currency.to_owned(),
            unit_amount: price.unit_amount,
        };
        Self {
            id: plan.id.to_owned(),
            name: plan.name.to_owned(),
            prices: plan.prices.iter().map(price).collect(),
            features: Features::of(plan),
            seats: plan.seats,
        }
    }
}

impl Features {
    /// What the plan has.
    pub fn of(plan: &::access::Plan) -> Self {
        Self {
            domains: plan.has(Feature::Domains),
            sso: plan.has(Feature::Sso),
            scim: plan.has(Feature::Scim),
            audit_log_days: plan.audit_log_days,
        }
    }
}

impl Invoice {
    /// The invoice.
    pub fn of(invoice: &crate::Invoice) -> Self {
        let snapshot = &invoice.snapshot;
        Self {
            id: invoice.id.to_string(),
            status: snapshot.status.as_str().to_owned(),
            amount_due: snapshot.amount_due,
            amount_paid: snapshot.amount_paid,
            currency: snapshot.currency.clone(),
            failed_attempts: invoice.failed_attempts,
        }
    }
}

impl Trial {
    /// The trial at a time.
    pub fn of(trial: &crate::Trial, as_of: Timestamp) -> Self {
        Self {
            active: trial.is_active(as_of),
            started_at: trial.started_at.into(),
            trial_ends_at: trial.ends_at.into(),
            trial_extended_count: trial.extended_count,
            shared: trial.shared,
        }
    }
}

events::resources! { Checkout Subscription Trial Invoice Features Reconciliation }
