use access::{Always, PLANS, Plan, needs::ReadOrganization};
use billing::api::{self, Entitlements, Features, PlanQuota};
use http_api::{Cached, MemberOrKey, Problems, Response, Searched, http::HeaderMap};
use primitives::{Page, SignedDuration, Text};
use serde::Deserialize;

/// How long what a plan gives may be remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(60);

/// Which prices are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    currency: Option<Text<3, 3>>,
}

/// What can be subscribed to, the smallest first.
#[utoipa::path(
    get, path = "/v1/billing/plans", tag = "Billing", operation_id = "listPlans",
    params(
        ("currency" = inline(Option<Text<3, 3>>), Query,
            description = "Prices in this currency (ISO 4217, lower case), and the plans that have one"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the plans that the client has"),
    ),
    responses(
        (status = 200, description = "The plans", body = Page<api::Plan>),
        (status = 304, description = "The client has them already"),
        Problems,
    ),
    extensions(
        ("x-gantry-budget" = json!({"calls": 0, "read_units": 0, "write_units": 0})),
        ("x-gantry-usage" = json!({"organization": 1, "events": 0, "answer_bytes": 1000})),
    ),
)]
pub(crate) async fn list(Searched(Asked { currency }): Searched<Asked>, headers: HeaderMap) -> Response {
    let mut items: Vec<_> = PLANS.iter().map(api::Plan::of).collect();
    if let Some(currency) = currency {
        for plan in &mut items {
            plan.prices.retain(|price| price.currency == currency.as_str());
        }
        items.retain(|plan| !plan.prices.is_empty());
    }
    Cached::json(&["application/json"], REMEMBERED, &Page { items, next_cursor: None }).answer(&headers)
}

/// What the organization's plan gives it. Whoever asks within a minute is told the same; what a route needs
/// of the plan is asked for at each request.
#[utoipa::path(
    get, path = "/v1/entitlements", tag = "Billing", operation_id = "getEntitlements",
    security(("access_token" = []), ("api_key" = [])),
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "What the plan gives", body = Entitlements),
        (status = 304, description = "The client has it already"),
        Problems,
    ),
    extensions(
        ("x-gantry-codes" = json!(["no_organization"])),
        ("x-gantry-budget" = json!({"calls": 1, "read_units": 2, "write_units": 0})),
        ("x-gantry-usage" = json!({"person": 20, "events": 0, "answer_bytes": 300})),
    ),
)]
pub(crate) async fn entitlements(
    member: MemberOrKey<ReadOrganization, Always>,
    headers: HeaderMap,
) -> Response {
    let plan: &Plan = member.permit.plan;
    let (id, features, quotas) = (plan.id.to_owned(), Features::of(plan), PlanQuota::of(plan));
    let content = Cached::json(&["application/json"], REMEMBERED, &(&id, &features, &quotas));
    let given = Entitlements { version: content.version().to_owned(), plan: id, features, quotas };
    let given = Cached::json(&["application/json"], REMEMBERED, &given);
    given.versioned_as(&content).private().answer(&headers)
}
