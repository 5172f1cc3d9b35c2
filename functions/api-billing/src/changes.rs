use access::{
    Always, Interval,
    needs::{ReadBilling, WriteBilling},
};
use billing::{
    BillingError, Farewell, NewPlan,
    api::{ChangePreview, Subscription},
};
use http_api::{
    Answer, Caller, Command, Fresh, IntoResponse, Member, Problem, Problems, Repeatable, Response, State,
    ToSchema,
};
use primitives::{FieldCode, Invalid, SignedDuration, Text, Time};
use serde::Deserialize;

use crate::{Api, refused, subscription::answer};

/// For so long what a preview said can be had.
const PREVIEW_HOLDS: SignedDuration = SignedDuration::from_hours(1);

/// Whoever chooses the time chooses the price.
#[derive(Debug, thiserror::Error)]
#[error("use what a preview of the last hour said")]
struct StalePreview;

impl Invalid for StalePreview {
    fn field_code(&self) -> FieldCode {
        FieldCode::OutOfRange
    }
}

/// What is to be subscribed to. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewSubscriptionChange {
    /// The plan's name for programs.
    #[schema(inline)]
    plan: Option<Text<1, 50>>,
    /// What is paid for at a time.
    interval: Option<Interval>,
}

/// What another plan would cost now.
#[utoipa::path(
    post, path = "/v1/billing/subscription/preview", tag = "Billing", operation_id = "previewSubscriptionChange",
    security(("access_token" = [])), request_body = PreviewSubscriptionChange,
    responses((status = 200, description = "What it would cost", body = ChangePreview), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_subscription", "not_found", "payment_failed", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 4, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 0, "answer_bytes": 500})),
    ),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    member: Member<ReadBilling, Always>,
    command: Command<PreviewSubscriptionChange>,
) -> Result<Response, Problem> {
    let PreviewSubscriptionChange { plan, interval } = command.input;
    let new = NewPlan { plan: plan.map(Text::into_string), interval, proration_at: None };
    let shown = api.payments().await?.preview(&member.permit, &new).await.map_err(refused)?;
    Ok(Answer::ok(&shown).into_response())
}

/// What is to be subscribed to. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateSubscription {
    /// The plan's name for programs.
    #[schema(inline)]
    plan: Option<Text<1, 50>>,
    /// What is paid for at a time.
    interval: Option<Interval>,
    /// What a preview of the last hour said: then it costs what that said.
    proration_at: Option<Time>,
}

/// Gives the organization another plan at once. What is left of the period is paid, or counts for what is due
/// next; where that payment is refused, nothing changes.
#[utoipa::path(
    patch, path = "/v1/billing/subscription", tag = "Billing", operation_id = "updateSubscription",
    security(("access_token" = [])), request_body = UpdateSubscription,
    responses((status = 200, description = "The subscription", body = Subscription), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "no_subscription", "not_found", "payment_failed", "step_up_required", "too_many_seats",
            "upstream_unavailable",
        ])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 11, "write_units": 30})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 2, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    caller: Caller,
    _: Fresh,
    command: Repeatable<UpdateSubscription>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let change = |input: UpdateSubscription, keep| async move {
        let now = api.table.clock().now();
        let proration_at = input.proration_at.map(Time::timestamp);
        let is_recent = |at| at <= now && now.duration_since(at) <= PREVIEW_HOLDS;
        if proration_at.is_some_and(|at| !is_recent(at)) {
            return Err(Problem::field("/proration_at", &StalePreview));
        }
        let plan = input.plan.map(Text::into_string);
        let new = NewPlan { plan, interval: input.interval, proration_at };
        let payments = api.payments().await?;
        let (cause, permit) = (member.cause(), &member.permit);
        let planned = payments.plan_change(permit, new).await.map_err(refused)?;
        let kept = orgs::keep_free(&api.table, &cause, permit.tenant(), planned.seats()).await?;
        let kept = kept.map_err(|too_many| planned.refused(too_many.used))?;
        let changed = payments.change(&cause, permit, &planned, &keep).await;
        if changed.as_ref().is_err_and(BillingError::is_final) {
            kept.end(&api.table, &cause).await?;
        }
        changed.map_err(refused)
    };
    command.once(&table, &scope, answer, change).await
}

/// Why somebody leaves, in a word.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeavingReason {
    CustomerService,
    LowQuality,
    MissingFeatures,
    SwitchedService,
    TooComplex,
    TooExpensive,
    Unused,
    Other,
}

impl LeavingReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::CustomerService => "customer_service",
            Self::LowQuality => "low_quality",
            Self::MissingFeatures => "missing_features",
            Self::SwitchedService => "switched_service",
            Self::TooComplex => "too_complex",
            Self::TooExpensive => "too_expensive",
            Self::Unused => "unused",
            Self::Other => "other",
        }
    }
}

/// Why the subscription is to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelSubscription {
    /// In a word.
    reason: Option<LeavingReason>,
    /// In words of one's own.
    #[schema(inline)]
    comment: Option<Text<1, 500>>,
}

/// Has the subscription end with the period that is paid for. One that does so already is left as it is.
#[utoipa::path(
    post, path = "/v1/billing/subscription/cancel", tag = "Billing", operation_id = "cancelSubscription",
    security(("access_token" = [])), request_body = CancelSubscription,
    responses((status = 200, description = "The subscription", body = Subscription), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "no_subscription", "not_found", "step_up_required", "upstream_unavailable",
        ])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 7, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.005, "events": 1, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    _: Fresh,
    command: Command<CancelSubscription>,
) -> Result<Response, Problem> {
    let CancelSubscription { reason, comment } = command.input;
    let (reason, comment) = (reason.map(LeavingReason::as_str), comment.map(Text::into_string));
    let payments = api.payments().await?;
    let farewell = Farewell { reason, comment };
    let seen = payments.cancel(&member.cause(), &member.permit, &farewell).await.map_err(refused)?;
    Ok(answer(&seen).into_response())
}

/// Has a subscription go on that was to end. One that goes on anyhow is left as it is.
#[utoipa::path(
    post, path = "/v1/billing/subscription/resume", tag = "Billing", operation_id = "resumeSubscription",
    security(("access_token" = [])),
    responses((status = 200, description = "The subscription", body = Subscription), Problems),
    extensions(
        ("x-gantry-codes" = json!([
            "conflict", "no_subscription", "not_found", "payment_failed", "subscription_ended", "upstream_unavailable",
        ])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 7, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.002, "events": 1, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn resume(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
) -> Result<Response, Problem> {
    let payments = api.payments().await?;
    let seen = payments.resume(&member.cause(), &member.permit).await.map_err(refused)?;
    Ok(answer(&seen).into_response())
}
