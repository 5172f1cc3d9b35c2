use access::{Always, needs::ReadBilling};
use billing::{Overview, api::Subscription, overview};
use http_api::{Answer, IntoResponse, MemberOrKey, Problem, Problems, Response, State};

use crate::Api;

/// The organization's subscription, trial, and what they give access to.
#[utoipa::path(
    get, path = "/v1/billing/subscription", tag = "Billing", operation_id = "getSubscription",
    security(("access_token" = []), ("api_key" = [])),
    responses((status = 200, description = "The subscription", body = Subscription), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 5, "events": 0, "answer_bytes": 900})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: MemberOrKey<ReadBilling, Always>,
) -> Result<Response, Problem> {
    let seen = overview(&api.table, &api.rules, &member.permit).await?;
    Ok(answer(&seen).into_response())
}

/// Where the organization stands with its money.
pub(crate) fn answer(seen: &Overview) -> Answer {
    Answer::ok(&Subscription::of(&seen.account, seen.as_of, seen.access))
}
