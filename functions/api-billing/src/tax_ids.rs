use access::{
    Always,
    needs::{ReadBilling, WriteBilling},
};
use billing::{BillingError, TaxIdType, api::TaxId};
use http_api::{
    Answer, Caller, IntoResponse, Member, PathParameter, Problem, Problems, Repeatable, Response, State,
    StatusCode, ToSchema,
};
use primitives::{Page, Text};
use serde::Deserialize;

use crate::{Api, refused};

/// The tax ids of who pays, the newest first: all of them.
#[utoipa::path(
    get, path = "/v1/billing/tax-ids", tag = "Billing", operation_id = "listTaxIds",
    security(("access_token" = [])),
    responses((status = 200, description = "The tax ids", body = Page<TaxId>), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.05, "events": 0, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    member: Member<ReadBilling, Always>,
) -> Result<Response, Problem> {
    let items = api.payments().await?.tax_ids(&member.permit).await.map_err(refused)?;
    Ok(Answer::ok(&Page { items, next_cursor: None }).into_response())
}

/// A tax id to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddTaxId {
    /// What kind of one.
    #[serde(rename = "type")]
    kind: TaxIdType,
    /// The id itself.
    #[schema(inline)]
    value: Text<1, 40>,
}

fn added(tax_id: &TaxId) -> Answer {
    Answer::new(StatusCode::CREATED, tax_id).at(format!("/v1/billing/tax-ids/{}", tax_id.id))
}

/// Adds a tax id: it is on invoices from then on. One that is there already is there once.
#[utoipa::path(
    post, path = "/v1/billing/tax-ids", tag = "Billing", operation_id = "addTaxId",
    security(("access_token" = [])), request_body = AddTaxId,
    responses((status = 201, description = "Added", body = TaxId, headers(("Location"))), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 6, "read_units": 10, "write_units": 30})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    caller: Caller,
    command: Repeatable<AddTaxId>,
) -> Result<Response, Problem> {
    let (table, scope) = (api.table.clone(), caller.principal.scope());
    let add = |input: AddTaxId, keep| async move {
        let (cause, permit) = (member.cause(), &member.permit);
        let payments = api.payments().await?;
        payments.add_tax_id(&cause, permit, (input.kind, input.value.as_str()), &keep).await.map_err(refused)
    };
    command.once(&table, &scope, added, add).await
}

/// Removes a tax id.
#[utoipa::path(
    delete, path = "/v1/billing/tax-ids/{tax_id}", tag = "Billing", operation_id = "removeTaxId",
    security(("access_token" = [])),
    params(("tax_id" = String, Path, description = "Its id at Stripe")),
    responses((status = 204, description = "It is removed"), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 4, "read_units": 7, "write_units": 22})),
        ("x-gantry-usage" = json!({"organization": 0.002, "events": 1, "answer_bytes": 250})),
    ),
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    PathParameter(id): PathParameter<String>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| BillingError::NotThere)?;
    let payments = api.payments().await?;
    payments.remove_tax_id(&member.cause(), &member.permit, &id).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}
