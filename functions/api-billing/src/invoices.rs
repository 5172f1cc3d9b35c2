use access::{Always, needs::ReadBilling};
use billing::{BillingError, WhichInvoices, api::InvoiceDetails};
use http_api::{
    Answer, IntoResponse, MemberOrKey, Paged, PathParameter, Problem, Problems, Response, Searched, State,
    ToSchema,
};
use primitives::{Page, Time};
use serde::{Deserialize, Serialize};
use stripe_client::InvoiceStatus;

use crate::{Api, refused};

/// Where an invoice stands.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Still being written.
    Draft,
    /// To be paid.
    Open,
    /// Paid.
    Paid,
    /// Given up.
    Uncollectible,
    /// Cancelled.
    Void,
}

impl From<Status> for InvoiceStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Draft => Self::Draft,
            Status::Open => Self::Open,
            Status::Paid => Self::Paid,
            Status::Uncollectible => Self::Uncollectible,
            Status::Void => Self::Void,
        }
    }
}

/// Which invoices are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    status: Option<Status>,
    from: Option<Time>,
    to: Option<Time>,
}

/// The organization's invoices as Stripe has them, the newest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/billing/invoices", tag = "Billing", operation_id = "listInvoices",
    security(("access_token" = []), ("api_key" = [])),
    params(
        Paged,
        ("status" = inline(Option<Status>), Query, description = "Those that stand so"),
        ("from" = Option<Time>, Query, description = "Those created from then on, to the second"),
        ("to" = Option<Time>, Query, description = "Those created before then"),
    ),
    responses((status = 200, description = "A page of invoices", body = Page<InvoiceDetails>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found", "invalid_cursor", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.2, "events": 0, "answer_bytes": 3000})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    member: MemberOrKey<ReadBilling, Always>,
    Paged { limit, cursor }: Paged,
    Searched(asked): Searched<Asked>,
) -> Result<Response, Problem> {
    let which = WhichInvoices {
        status: asked.status.map(InvoiceStatus::from),
        from: asked.from.map(Time::timestamp),
        to: asked.to.map(Time::timestamp),
    };
    let page = (limit.get(), cursor.as_deref());
    let page = api.payments().await?.invoices(&member.permit, &which, page).await.map_err(refused)?;
    Ok(Answer::ok(&page).into_response())
}

/// An invoice of the organization, with where it can be read and paid.
#[utoipa::path(
    get, path = "/v1/billing/invoices/{invoice_id}", tag = "Billing", operation_id = "getInvoice",
    security(("access_token" = []), ("api_key" = [])),
    params(("invoice_id" = String, Path, description = "Its id at Stripe")),
    responses((status = 200, description = "The invoice", body = InvoiceDetails), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 700})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: MemberOrKey<ReadBilling, Always>,
    PathParameter(id): PathParameter<String>,
) -> Result<Response, Problem> {
    let id = id.parse().map_err(|_| BillingError::NotThere)?;
    let found = api.payments().await?.invoice(&member.permit, &id).await.map_err(refused)?;
    Ok(Answer::ok(&found).into_response())
}
