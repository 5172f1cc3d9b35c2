use access::{Access, Always, needs::ReadBilling};
use billing::overview;
use http_api::{Answer, IntoResponse, Member, Problem, Problems, Response, State, ToSchema};
use primitives::{OrgId, Time};
use serde::Serialize;

use crate::Api;

/// Where an organization stands with its money: what it may use, and the trial and the subscription at Stripe
/// that say so. What a subscription has is null before there is one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscription {
    /// The organization.
    org_id: OrgId,
    /// When this was so: access is judged at every request.
    as_of: Time,
    /// What the organization may use now.
    access: Access,
    /// The free trial.
    trial: Option<Trial>,
    /// The subscription's id at Stripe.
    #[schema(example = "sub_1Q2w3E4r5T")]
    stripe_subscription_id: Option<String>,
    /// The price's id at Stripe.
    stripe_price_id: Option<String>,
    /// Stripe's word for the state.
    #[schema(example = "active")]
    status: Option<&'static str>,
    /// How many are subscribed to; 0 where none are.
    seats: u64,
    /// Begin of the period paid for.
    current_period_start: Option<Time>,
    /// End of the period paid for.
    current_period_end: Option<Time>,
    /// Whether its invoices are not collected for now, and what becomes of them; null if they are collected.
    pause_collection: Option<CollectionPause>,
    /// Whether it ends with the period.
    cancel_at_period_end: bool,
    /// When it is going to end, if that is decided.
    cancel_at: Option<Time>,
    /// When it ended.
    ended_at: Option<Time>,
    /// Its newest invoice.
    latest_invoice: Option<Invoice>,
}

/// A free trial.
#[derive(Debug, Serialize, ToSchema)]
struct Trial {
    /// Whether it still runs.
    active: bool,
    /// When it began.
    started_at: Time,
    /// When it ends or ended.
    trial_ends_at: Time,
    /// How often it was extended.
    trial_extended_count: u32,
}

/// A pause of collecting invoices.
#[derive(Debug, Serialize, ToSchema)]
struct CollectionPause {
    /// What becomes of the invoices: `keep_as_draft`, `mark_uncollectible`, or `void`, with which there is no
    /// service.
    #[schema(example = "void")]
    behavior: &'static str,
    /// When collection goes on by itself; null if somebody has to resume it.
    resumes_at: Option<Time>,
}

/// An invoice at Stripe.
#[derive(Debug, Serialize, ToSchema)]
struct Invoice {
    /// Its id at Stripe.
    #[schema(example = "in_1Q2w3E4r5T")]
    id: String,
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
    responses((status = 200, description = "The subscription", body = Subscription), Problems),
    extensions(("x-gantry-codes" = json!(["no_organization", "not_found"]))),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: Member<ReadBilling, Always>,
) -> Result<Response, Problem> {
    let seen = overview(&api.table, &api.rules, &member.permit).await?;
    Ok(Answer::ok(&Subscription::shown(&seen)).into_response())
}

impl Subscription {
    fn shown(seen: &billing::Overview) -> Self {
        let (account, trial) = (&seen.account, &seen.account.trial);
        let known = account.stripe.subscription();
        Self {
            org_id: account.org_id,
            as_of: seen.as_of.into(),
            access: Access::new(seen.access.level, seen.access.until),
            trial: Some(Trial {
                active: trial.is_active(seen.as_of),
                started_at: trial.started_at.into(),
                trial_ends_at: trial.ends_at.into(),
                trial_extended_count: trial.extended_count,
            }),
            stripe_subscription_id: known.map(|it| it.id.to_string()),
            stripe_price_id: known.and_then(|it| it.price.as_ref()).map(ToString::to_string),
            status: known.map(|it| it.status.as_str()),
            seats: known.and_then(|it| it.quantity).unwrap_or_default(),
            current_period_start: known.and_then(|it| it.current_period_start).map(Time::from),
            current_period_end: known.and_then(|it| it.current_period_end).map(Time::from),
            pause_collection: known.and_then(|it| it.pause_collection).map(|pause| CollectionPause {
                behavior: pause.behavior.as_str(),
                resumes_at: pause.resumes_at.map(Time::from),
            }),
            cancel_at_period_end: known.is_some_and(|it| it.cancel_at_period_end),
            cancel_at: known.and_then(|it| it.cancel_at).map(Time::from),
            ended_at: known.and_then(|it| it.ended_at).map(Time::from),
            latest_invoice: account.stripe.latest_invoice().map(Invoice::shown),
        }
    }
}

impl Invoice {
    fn shown(invoice: &billing::Invoice) -> Self {
        let snapshot = &invoice.snapshot;
        Self {
            id: invoice.id.to_string(),
            status: snapshot.status.as_str(),
            amount_due: snapshot.amount_due,
            amount_paid: snapshot.amount_paid,
            currency: snapshot.currency.clone(),
            failed_attempts: invoice.failed_attempts,
        }
    }
}
