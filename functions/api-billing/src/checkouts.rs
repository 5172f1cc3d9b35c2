use access::{
    Always, Interval,
    needs::{ReadBilling, WriteBilling},
};
use billing::{Opened, Portal, Way, Wish, api::Checkout};
use http_api::{
    Answer, Caller, IntoResponse, Member, PathParameter, Problem, Problems, Repeatable, Response, State,
    StatusCode, ToSchema,
};
use primitives::{CheckoutId, Text, Time};
use serde::{Deserialize, Serialize};

use crate::{Api, refused};

/// What somebody wants to subscribe to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateCheckout {
    /// The plan's name for programs.
    #[schema(inline)]
    plan: Text<1, 50>,
    /// What is paid for at a time.
    interval: Interval,
    /// What makes it cheaper. Without one, the page asks for it.
    #[schema(inline)]
    promotion_code: Option<Text<1, 100>>,
    /// Where the buyer is sent who has paid: a path of the app, or an address of an allowed origin.
    #[schema(inline)]
    return_to: Text<1, 2000>,
    /// Where the buyer is sent who does not want to.
    #[schema(inline)]
    cancel_to: Text<1, 2000>,
}

fn answered(opened: &Opened) -> Answer {
    let shown = opened.checkout.shown(opened.as_of);
    let at = format!("/v1/billing/checkouts/{}", shown.id);
    let status = if opened.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Answer::new(status, &shown).at(at)
}

/// Opens a page of Stripe's on which the organization subscribes. There is one at a time: whoever asks for
/// the same is given the one that is open, and what else was open is closed. For how many people it is, and
/// until when nothing is paid, is ours to say: the days that are left of the trial stay free.
#[utoipa::path(
    post, path = "/v1/billing/checkouts", tag = "Billing", operation_id = "createCheckout",
    security(("access_token" = [])), request_body = CreateCheckout,
    responses(
        (status = 201, description = "Opened", body = Checkout, headers(("Location"))),
        (status = 200, description = "It is open already", body = Checkout, headers(("Location"))),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!([
            "already_subscribed", "conflict", "not_found", "payment_failed", "too_many_seats", "upstream_unavailable",
        ])),
        ("x-gantry-budget" = json!({"calls": 8, "read_units": 14, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.02, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    caller: Caller,
    command: Repeatable<CreateCheckout>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let open = |input: CreateCheckout, keep| async move {
        let place = |name: &str, text: &str| {
            api.places.address(text).map_err(|error| Problem::field(&format!("/{name}"), &error))
        };
        let success_url = place("return_to", input.return_to.as_str())?;
        let cancel_url = place("cancel_to", input.cancel_to.as_str())?;
        let wish = Wish {
            plan: input.plan.into_string(),
            interval: input.interval,
            promotion_code: input.promotion_code.map(Text::into_string),
            way: Way::Page { success_url, cancel_url },
        };
        let seats = orgs::seat_count(&api.table, member.permit.tenant()).await?.used;
        let payments = api.payments().await?;
        let (cause, permit) = (member.cause(), &member.permit);
        payments.begin_checkout(&cause, permit, (wish, seats), &keep).await.map_err(refused)
    };
    command.once(&table, &scope, answered, open).await
}

/// A checkout, as long as no other one follows it: whether it is paid yet.
#[utoipa::path(
    get, path = "/v1/billing/checkouts/{checkout_id}", tag = "Billing", operation_id = "getCheckout",
    security(("access_token" = [])),
    params(("checkout_id" = CheckoutId, Path, description = "The checkout")),
    responses((status = 200, description = "The checkout", body = Checkout), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 0, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: Member<ReadBilling, Always>,
    PathParameter(id): PathParameter<CheckoutId>,
) -> Result<Response, Problem> {
    let found = billing::checkout(&api.table, &member.permit, id).await?;
    Ok(Answer::ok(&found.shown(api.table.clock().now())).into_response())
}

/// Where the buyer goes on from the portal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreatePortalSession {
    /// A path of the app, or an address of an allowed origin.
    #[schema(inline)]
    return_to: Text<1, 2000>,
}

/// A page of Stripe's on which payments are looked after.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PortalSession {
    /// Where it is: whoever has the address is let in. It is told here and never again: null in the answer to
    /// a request that was repeated with its `Idempotency-Key`.
    url: Option<String>,
    /// Until when somebody has to be there.
    expires_at: Time,
}

fn entered(portal: &Portal, url: Option<String>) -> Answer {
    let session = PortalSession { url, expires_at: portal.expires_at.into() };
    Answer::new(StatusCode::CREATED, &session)
}

/// Opens the page of Stripe's on which the organization looks after invoices and means of payment.
#[utoipa::path(
    post, path = "/v1/billing/portal-sessions", tag = "Billing", operation_id = "createPortalSession",
    security(("access_token" = [])), request_body = CreatePortalSession,
    responses((status = 201, description = "Opened", body = PortalSession), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "no_customer", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 8})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn portal(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    caller: Caller,
    command: Repeatable<CreatePortalSession>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let open = |input: CreatePortalSession, keep| async move {
        let return_url = api.places.address(input.return_to.as_str());
        let return_url = return_url.map_err(|error| Problem::field("/return_to", &error))?;
        let (cause, permit) = (member.cause(), &member.permit);
        api.payments().await?.portal(&cause, permit, &return_url, &keep).await.map_err(refused)
    };
    let told = |portal: &Portal| entered(portal, Some(portal.url.clone()));
    command.once_but(&table, &scope, (told, |portal| entered(portal, None)), open).await
}
