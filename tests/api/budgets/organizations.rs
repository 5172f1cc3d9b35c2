//! What becomes of an organization.

use super::{Measured, json};

/// Olga's organization has had as many slugs as it may, and gets back the first one: the longest way.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (olga, _) = product.owner("olga@example.com", "olga").await;
    let (current, function) = ("/v1/orgs/current", "api-orgs");
    measured.get("/v1/orgs/slugs/olga", "GET /v1/orgs/slugs/{slug}", function, &olga).await;
    for path in ["/v1/billing/plans", "/v1/entitlements"] {
        measured.get(path, &format!("GET {path}"), "api-billing", &olga).await;
    }
    for number in 0..4 {
        product.change_org(&olga, &json!({ "slug": format!("olga-{number}") })).await;
    }
    let body = json!({ "slug": "olga-5", "name": "Olga Ltd", "locale": "de" });
    measured.change(current, "PATCH /v1/orgs/current", function, &olga, &body).await;
    measured.change(current, "DELETE /v1/orgs/current", function, &olga, &json!(null)).await;
    measured.post("POST /v1/orgs/current/restore", function, &olga, &json!(null)).await;
}
