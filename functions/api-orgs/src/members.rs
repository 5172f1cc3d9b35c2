use access::{Reading, needs::ReadMembers};
use http_api::{Answer, IntoResponse, Paged, Problem, Problems, Response, State};
use orgs::api::Member;
use primitives::Page;
use table::Item;

use crate::Api;

/// The members of the organization, oldest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/orgs/current/members", tag = "Organizations", operation_id = "listMembers",
    security(("access_token" = [])),
    params(Paged),
    responses((status = 200, description = "A page of members", body = Page<Member>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 20, "events": 0, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: http_api::Member<ReadMembers, Reading>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let page = orgs::members(&api.table, &*api.cursors, &reader.permit, limit, cursor.as_deref()).await?;
    Ok(Answer::ok(&page.map(|member| member.resource(member.version()))).into_response())
}
