use access::{AccessLevel, Always, needs::ReadBilling};
use billing::{Invoice, Overview, Subscription, overview};
use http_api::{Answer, IntoResponse, Member, Problem, Problems, Response, State, ToSchema};
use primitives::Timestamp;
use serde::Serialize;

use crate::Api;

/// Where an organization stands with its money.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionAnswer {
    /// The organization.
    #[schema(example = "org_01kar8h5g0e0vsx4q1v3f6m2ah")]
    org_id: String,
    /// When this was so: access is judged at every request.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// What the organization may use now.
    access: AccessAnswer,
    /// The free trial.
    trial: TrialAnswer,
    /// The subscription that counts; null before there is one.
    subscription: Option<StripeSubscription>,
    /// The subscription's newest invoice.
    latest_invoice: Option<StripeInvoice>,
}

/// What an organization may use.
#[derive(Debug, Serialize, ToSchema)]
struct AccessAnswer {
    /// How much.
    level: AccessLevel,
    /// When that ends if nothing else happens; null if never.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// A free trial.
#[derive(Debug, Serialize, ToSchema)]
struct TrialAnswer {
    /// Whether it still runs.
    active: bool,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ends or ended.
    #[schema(value_type = String, format = DateTime)]
    trial_ends_at: Timestamp,
    /// How often it was extended.
    trial_extended_count: u32,
}

/// A subscription at Stripe.
#[derive(Debug, Serialize, ToSchema)]
struct StripeSubscription {
    /// Its id at Stripe.
    #[schema(example = "sub_1Q2w3E4r5T")]
    stripe_subscription_id: String,
    /// The price's id at Stripe.
    stripe_price_id: Option<String>,
    /// Stripe's word for the state.
    #[schema(example = "active")]
    status: &'static str,
    /// How many are subscribed to.
    quantity: Option<u64>,
    /// Begin of the period paid for.
    #[schema(value_type = Option<String>, format = DateTime)]
    current_period_start: Option<Timestamp>,
    /// End of the period paid for.
    #[schema(value_type = Option<String>, format = DateTime)]
    current_period_end: Option<Timestamp>,
    /// Whether its invoices are not collected for now, and what becomes of them; null if they are collected.
    pause_collection: Option<PauseCollectionAnswer>,
    /// Whether it ends with the period.
    cancel_at_period_end: bool,
    /// When it is going to end, if that is decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    cancel_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// A pause of collecting invoices.
#[derive(Debug, Serialize, ToSchema)]
struct PauseCollectionAnswer {
    /// What becomes of the invoices: `keep_as_draft`, `mark_uncollectible`, or `void`, with which there is no
    /// service.
    #[schema(example = "void")]
    behavior: &'static str,
    /// When collection goes on by itself; null if somebody has to resume it.
    #[schema(value_type = Option<String>, format = DateTime)]
    resumes_at: Option<Timestamp>,
}

/// An invoice at Stripe.
#[derive(Debug, Serialize, ToSchema)]
struct StripeInvoice {
    /// Its id at Stripe.
    #[schema(example = "in_1Q2w3E4r5T")]
    stripe_invoice_id: String,
    /// Stripe's word for the state.
    #[schema(example = "paid")]
    status: &'static str,
    /// What is to be paid, in the currency's smallest unit.
    amount_due: i64,
    /// What was paid, in the currency's smallest unit.
    amount_paid: i64,
    /// ISO 4217, lower case.
    #[schema(example = "eur")]
    currency: String,
    /// How many payments failed.
    failed_attempts: u32,
}

/// The organization's subscription, trial, and what they give access to.
#[utoipa::path(
    get, path = "/v1/billing/subscription", tag = "Billing", operation_id = "getSubscription",
    security(("access_token" = [])),
    responses((status = 200, description = "The subscription", body = SubscriptionAnswer), Problems),
    extensions(("x-gantry-codes" = json!(["no_organization", "not_found"]))),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: Member<ReadBilling, Always>,
) -> Result<Response, Problem> {
    let seen = overview(&api.table, &api.rules, &member.permit).await?;
    Ok(Answer::ok(&SubscriptionAnswer::from(&seen)).into_response())
}

impl From<&Overview> for SubscriptionAnswer {
    fn from(seen: &Overview) -> Self {
        let account = &seen.account;
        Self {
            org_id: account.org_id.to_string(),
            as_of: seen.as_of,
            access: AccessAnswer { level: seen.access.level, until: seen.access.until },
            trial: TrialAnswer {
                active: account.trial.is_active(seen.as_of),
                started_at: account.trial.started_at,
                trial_ends_at: account.trial.ends_at,
                trial_extended_count: account.trial.extended_count,
            },
            subscription: account.stripe.subscription().map(StripeSubscription::from),
            latest_invoice: account.stripe.latest_invoice().map(StripeInvoice::from),
        }
    }
}

impl From<&Subscription> for StripeSubscription {
    fn from(subscription: &Subscription) -> Self {
        Self {
            stripe_subscription_id: subscription.id.to_string(),
            stripe_price_id: subscription.price.as_ref().map(ToString::to_string),
            status: subscription.status.as_str(),
            quantity: subscription.quantity,
            current_period_start: subscription.current_period_start,
            current_period_end: subscription.current_period_end,
            pause_collection: subscription.pause_collection.map(|pause| PauseCollectionAnswer {
                behavior: pause.behavior.as_str(),
                resumes_at: pause.resumes_at,
            }),
            cancel_at_period_end: subscription.cancel_at_period_end,
            cancel_at: subscription.cancel_at,
            ended_at: subscription.ended_at,
        }
    }
}

impl From<&Invoice> for StripeInvoice {
    fn from(invoice: &Invoice) -> Self {
        Self {
            stripe_invoice_id: invoice.id.to_string(),
            status: invoice.snapshot.status.as_str(),
            amount_due: invoice.snapshot.amount_due,
            amount_paid: invoice.snapshot.amount_paid,
            currency: invoice.snapshot.currency.clone(),
            failed_attempts: invoice.failed_attempts,
        }
    }
}
