use access::{Always, needs::DeleteOrganization};
use http_api::{Fresh, IntoResponse, Member, Problem, Problems, Response, State, StatusCode};
use orgs::api::Organization;
use table::Decision;

use crate::{Api, organizations::answer};

/// Has the organization erased in 30 days. Until then its members can look at it, and an owner can restore
/// it; its keys do not work, and nobody is invited. A subscription is cancelled first.
#[utoipa::path(
    delete, path = "/v1/orgs/current", tag = "Organizations", operation_id = "deleteCurrentOrganization",
    security(("access_token" = [])),
    responses((status = 204, description = "It will be erased"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "step_up_required", "subscription_active"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 7, "write_units": 18})),
        ("x-gantry-usage" = json!({"organization": 0.005, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    member: Member<DeleteOrganization, Always>,
    _: Fresh,
) -> Result<StatusCode, Problem> {
    let decide = |_| async {
        let Some(changes) = orgs::request_deletion(&api.table, &api.rules, &member.permit).await? else {
            return Ok(Decision::done(()));
        };
        let unpaid = billing::refuse_subscribed(&api.table, member.permit.tenant()).await?;
        Ok::<_, Problem>(Decision::commit(changes.and(unpaid), ()))
    };
    api.table.decide(&member.cause(), decide).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the end of the organization back, as long as it has not come.
#[utoipa::path(
    post, path = "/v1/orgs/current/restore", tag = "Organizations",
    operation_id = "restoreCurrentOrganization", security(("access_token" = [])),
    responses((status = 200, description = "The organization", body = Organization, headers(("ETag"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "erased", "member_inactive", "not_found"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 15})),
        ("x-gantry-usage" = json!({"organization": 0.001, "events": 1, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn restore(
    State(api): State<Api>,
    member: Member<DeleteOrganization, Always>,
) -> Result<Response, Problem> {
    let org = orgs::restore(&api.table, &member.cause(), &member.permit).await?;
    Ok(answer(StatusCode::OK, &org, api.table.clock().now()).into_response())
}
