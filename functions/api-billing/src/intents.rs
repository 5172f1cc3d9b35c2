use access::{Always, Interval, needs::WriteBilling};
use billing::{Opened, Way, Wish, api::Subscription};
use http_api::{
    Answer, Caller, IntoResponse, Member, PathParameter, Problem, Problems, Repeatable, Response, State,
    StatusCode, ToSchema,
};
use primitives::{CheckoutId, Text, Time};
use serde::{Deserialize, Serialize};

use crate::{Api, refused, subscription::answer};

/// What somebody wants to subscribe to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSubscriptionIntent {
    /// The plan's name for programs.
    #[schema(inline)]
    plan: Text<1, 50>,
    /// What is paid for at a time.
    interval: Interval,
    /// What makes it cheaper.
    #[schema(inline)]
    promotion_code: Option<Text<1, 100>>,
}

/// A subscription that somebody still has to pay for, on a page of one's own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubscriptionIntent {
    /// Its id.
    id: CheckoutId,
    /// What Stripe's Elements confirm: a payment, or in a trial a means of payment. It is told here and never
    /// again: null in the answer to a request that was repeated with its `Idempotency-Key`. Whoever asks anew
    /// for the same is told once more.
    client_secret: Option<String>,
    /// Until when it can be paid.
    expires_at: Option<Time>,
}

fn answered(opened: &Opened, client_secret: Option<String>) -> Answer {
    let shown = opened.checkout.shown(opened.as_of);
    let intent = SubscriptionIntent { id: shown.id, client_secret, expires_at: shown.expires_at };
    let status = if opened.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Answer::new(status, &intent).at(format!("/v1/billing/checkouts/{}", intent.id))
}

fn told(opened: &Opened) -> Answer {
    answered(opened, opened.client_secret.as_ref().map(|secret| secret.expose().clone()))
}

fn recorded(opened: &Opened) -> Answer {
    answered(opened, None)
}

/// Begins a subscription that is paid for by Stripe's Elements, on a page of one's own. It is the same as a
/// checkout but for that.
#[utoipa::path(
    post, path = "/v1/billing/subscription-intents", tag = "Billing", operation_id = "createSubscriptionIntent",
    security(("access_token" = [])), request_body = CreateSubscriptionIntent,
    responses(
        (status = 201, description = "Begun", body = SubscriptionIntent, headers(("Location"))),
        (status = 200, description = "It is begun already", body = SubscriptionIntent, headers(("Location"))),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!([
            "already_subscribed", "conflict", "not_found", "payment_failed", "too_many_seats", "upstream_unavailable",
        ])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 14, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 2, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    caller: Caller,
    command: Repeatable<CreateSubscriptionIntent>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let open = |input: CreateSubscriptionIntent, keep| async move {
        let wish = Wish {
            plan: input.plan.into_string(),
            interval: input.interval,
            promotion_code: input.promotion_code.map(Text::into_string),
            way: Way::Form,
        };
        let seats = orgs::seat_count(&api.table, member.permit.tenant()).await?.used;
        let payments = api.payments().await?;
        let (cause, permit) = (member.cause(), &member.permit);
        payments.begin_checkout(&cause, permit, (wish, seats), &keep).await.map_err(refused)
    };
    command.once_but(&table, &scope, (told, recorded), open).await
}

/// Takes in that a subscription is paid for, once the browser says so: Stripe is asked.
#[utoipa::path(
    post, path = "/v1/billing/subscription-intents/{intent_id}/confirm", tag = "Billing",
    operation_id = "confirmSubscriptionIntent", security(("access_token" = [])),
    params(("intent_id" = CheckoutId, Path, description = "What was begun")),
    responses((status = 200, description = "The subscription", body = Subscription), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "payment_incomplete", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 8, "write_units": 34})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 3, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn confirm(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    PathParameter(id): PathParameter<CheckoutId>,
) -> Result<Response, Problem> {
    let payments = api.payments().await?;
    let seen = payments.confirm(&member.cause(), &member.permit, id).await.map_err(refused)?;
    Ok(answer(&seen).into_response())
}
