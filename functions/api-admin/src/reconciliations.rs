use access::staff_needs::ReadBilling;
use billing::api::Reconciliation;
use http_api::{Answer, IntoResponse, Paged, Problem, Problems, Response, Searched, Staff, State};
use primitives::{Page, Time};
use serde::Deserialize;
use staff::{Act, Found};

use crate::Api;

/// Which are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct ReconciliationSearch {
    from: Option<Time>,
}

/// What the nightly comparisons of Stripe and us have found, the newest first: what was mended, and what
/// people have to look at.
#[utoipa::path(
    get, path = "/v1/admin/billing/reconciliations", tag = "Staff",
    operation_id = "adminListReconciliations", security(("access_token" = [])),
    params(("from" = Option<Time>, Query, description = "Those of nights from then on"), Paged),
    responses((status = 200, description = "A page of comparisons", body = Page<Reconciliation>), Problems),
    extensions(
        ("x-gantry-limits" = json!(["admin"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 6, "write_units": 5})),
        ("x-gantry-usage" = json!({"person": 0.0001, "events": 1, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    staff: Staff<ReadBilling>,
    Searched(ReconciliationSearch { from }): Searched<ReconciliationSearch>,
    Paged { limit, cursor }: Paged,
) -> Result<Response, Problem> {
    let (table, page) = (&api.table, (limit, cursor.as_deref()));
    let from = from.map(Time::timestamp);
    let page = billing::reconciliations(table, &*api.cursors, &staff.permit, from, page).await?;
    let page = page.map(|found| found.shown());
    // which organizations they saw, what is kept of each night says
    let targets = page.items.iter().map(|found| found.night_at.to_string()).collect();
    let act = Act { by: *staff.permit, operation: "adminListReconciliations" };
    act.looked(table, &staff.cause(), &Found { searched: None, targets }).await?;
    Ok(Answer::ok(&page).into_response())
}
