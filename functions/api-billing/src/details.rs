use access::{
    Always,
    needs::{ReadBilling, WriteBilling},
};
use billing::{
    AddressPart, NewAddress, NewDetails,
    api::{BillingAddress, BillingDetails},
};
use http_api::{Answer, Change, Command, IntoResponse, Member, Problem, Problems, Response, State, ToSchema};
use primitives::{Email, Text};
use serde::Deserialize;

use crate::{Api, refused};

/// Who pays for the organization: what invoices are made out to, and where they are sent.
#[utoipa::path(
    get, path = "/v1/billing/details", tag = "Billing", operation_id = "getBillingDetails",
    security(("access_token" = [])),
    responses((status = 200, description = "Who pays", body = BillingDetails), Problems),
    extensions(
        ("x-gantry-codes" = json!(["no_organization", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 2, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 0.1, "events": 0, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn show(
    State(api): State<Api>,
    member: Member<ReadBilling, Always>,
) -> Result<Response, Problem> {
    let details = api.payments().await?.details(&member.permit).await.map_err(refused)?;
    Ok(Answer::ok(&details).into_response())
}

/// A country, two capital letters.
type Country = Text<2, 2>;
type Line = Text<1, 200>;

/// What is to be otherwise of an address. What is left out stays; null clears it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateBillingAddress {
    /// Street and number.
    #[serde(default)]
    #[schema(inline, value_type = Option<Line>)]
    line1: Change<Line>,
    /// Anything else of it.
    #[serde(default)]
    #[schema(inline, value_type = Option<Line>)]
    line2: Change<Line>,
    /// The town.
    #[serde(default)]
    #[schema(inline, value_type = Option<Line>)]
    city: Change<Line>,
    /// The state or province.
    #[serde(default)]
    #[schema(inline, value_type = Option<Line>)]
    state: Change<Line>,
    /// The postal code.
    #[serde(default)]
    #[schema(inline, value_type = Option<Line>)]
    postal_code: Change<Line>,
    /// The country, two capital letters.
    #[serde(default)]
    #[schema(inline, value_type = Option<Country>)]
    country: Change<Country>,
}

/// What is to be otherwise of who pays. What is left out stays; null clears it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateBillingDetails {
    /// What invoices are made out to.
    #[serde(default)]
    #[schema(inline, value_type = Option<Line>)]
    company_name: Change<Line>,
    /// Where invoices are sent.
    #[serde(default)]
    #[schema(value_type = Option<Email>)]
    email: Change<Email>,
    /// Where it is.
    #[serde(default)]
    #[schema(value_type = Option<UpdateBillingAddress>)]
    address: Change<UpdateBillingAddress>,
}

/// Nothing where it stays; else what it is to be.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
fn new<T, U>(change: Change<T>, make: impl FnOnce(T) -> U) -> Option<Option<U>> {
    match change {
        Change::Keep => None,
        Change::Clear => Some(None),
        Change::Set(value) => Some(Some(make(value))),
    }
}

impl From<UpdateBillingAddress> for NewAddress {
    fn from(update: UpdateBillingAddress) -> Self {
        let UpdateBillingAddress { line1, line2, city, state, postal_code, country } = update;
        let mut parts = Vec::new();
        let mut put = |part: AddressPart, new: Option<Option<String>>| {
            parts.extend(new.map(|new| (part, new)));
        };
        put(|at: &mut BillingAddress| &mut at.line1, new(line1, Text::into_string));
        put(|at| &mut at.line2, new(line2, Text::into_string));
        put(|at| &mut at.city, new(city, Text::into_string));
        put(|at| &mut at.state, new(state, Text::into_string));
        put(|at| &mut at.postal_code, new(postal_code, Text::into_string));
        put(|at| &mut at.country, new(country, Text::into_string));
        Self { parts }
    }
}

/// Changes who pays for the organization.
#[utoipa::path(
    patch, path = "/v1/billing/details", tag = "Billing", operation_id = "updateBillingDetails",
    security(("access_token" = [])), request_body = UpdateBillingDetails,
    responses((status = 200, description = "Who pays", body = BillingDetails), Problems),
    extensions(
        ("x-gantry-codes" = json!(["conflict", "not_found", "upstream_unavailable"])),
        ("x-gantry-budget" = json!({"calls": 5, "read_units": 8, "write_units": 26})),
        ("x-gantry-usage" = json!({"organization": 0.01, "events": 1, "answer_bytes": 400})),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    member: Member<WriteBilling, Always>,
    command: Command<UpdateBillingDetails>,
) -> Result<Response, Problem> {
    let UpdateBillingDetails { company_name, email, address } = command.input;
    let details = NewDetails {
        company_name: new(company_name, Text::into_string),
        email: new(email, |email| email.as_str().to_owned()),
        address: new(address, NewAddress::from),
    };
    let payments = api.payments().await?;
    let after = payments.update_details(&member.cause(), &member.permit, &details).await;
    Ok(Answer::ok(&after.map_err(refused)?).into_response())
}
