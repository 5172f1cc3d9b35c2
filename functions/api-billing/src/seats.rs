use access::{Always, needs::ReadBilling};
use http_api::{Answer, IntoResponse, MemberOrKey, Problem, Problems, Response, State};
use orgs::SeatCount;

use crate::Api;

/// For how many people the organization pays, or tries out, and how many there are.
#[utoipa::path(
    get, path = "/v1/billing/seats", tag = "Billing", operation_id = "getSeats",
    security(("access_token" = []), ("api_key" = [])),
    responses((status = 200, description = "The seats", body = SeatCount), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2.5, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 1, "events": 0, "answer_bytes": 40})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: MemberOrKey<ReadBilling, Always>,
) -> Result<Response, Problem> {
    let seats = orgs::seat_count(&api.table, member.permit.tenant()).await?;
    Ok(Answer::ok(&seats).into_response())
}
