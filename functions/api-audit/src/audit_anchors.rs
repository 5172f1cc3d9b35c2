use access::{Reading, needs::ReadAudit};
use audit::api::AuditAnchor;
use http_api::{Answer, IntoResponse, MemberOrKey, Paged, Problem, Problems, Response, Searched, State};
use primitives::{Page, Time};
use serde::Deserialize;

use crate::{Api, audit_events::refused};

/// Which anchors are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    from: Option<Time>,
    to: Option<Time>,
}

/// Where the organization's chain ended at the end of each hour in which something happened, newest first, a
/// page at a time: what proves that the log was not cut off, and not made anew. An anchor is there within an
/// hour of what happened.
#[utoipa::path(
    get, path = "/v1/audit/anchors", tag = "Audit log", operation_id = "listAuditAnchors",
    security(("access_token" = []), ("api_key" = [])),
    params(
        Paged,
        ("from" = Option<Time>, Query, description = "Those made from then on"),
        ("to" = Option<Time>, Query, description = "Those made up to then, that millisecond included"),
    ),
    responses((status = 200, description = "A page of anchors", body = Page<AuditAnchor>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["access_restricted", "no_organization"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 16000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    reader: MemberOrKey<ReadAudit, Reading>,
    Paged { limit, cursor }: Paged,
    Searched(Asked { from, to }): Searched<Asked>,
) -> Result<Response, Problem> {
    let page = (limit, cursor.as_deref());
    let page = audit::anchors(&api.table, &*api.cursors, &reader.permit, (from, to), page).await;
    Ok(Answer::ok(&page.map_err(refused)?).into_response())
}
