//! What staff looks at and does.

use super::{Measured, json};

/// Walt, whom an operator looks at and helps; and his organization.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let token = &product.staff("op@example.com", "operator").await;
    let (walt, org_id) = product.owner("walt@example.com", "walt").await;
    // who owns what another one owns, too
    product.joined(&walt, "willow@example.com", "owner").await;
    product.set_up(&walt).await;
    product.settle().await;
    // the second time, as of all that is looked at
    product.get("/v1/admin/people?email=walt@example.com", token).await;
    let found = product.get("/v1/admin/people?email=walt@example.com", token).await;
    measured.check("GET /v1/admin/people", "api-admin");
    let user_id = found.text("/items/0/id");
    let of_walt = format!("/v1/admin/people/{user_id}");
    let shown = product.get(&of_walt, token).await;
    let factor = shown.text("/details/factors/0/id");
    let of_org = format!("/v1/admin/orgs/{org_id}");
    for (path, route) in [
        (of_walt.clone(), "/v1/admin/people/{user_id}"),
        ("/v1/admin/orgs?slug=walt".to_owned(), "/v1/admin/orgs"),
        (of_org.clone(), "/v1/admin/orgs/{org_id}"),
        (format!("{of_org}/members"), "/v1/admin/orgs/{org_id}/members"),
        ("/v1/admin/staff".to_owned(), "/v1/admin/staff"),
        ("/v1/admin/billing/reconciliations".to_owned(), "/v1/admin/billing/reconciliations"),
    ] {
        measured.get(&path, &format!("GET {route}"), "api-admin", token).await;
    }
    for (path, route) in
        [("/v1/admin/people?q=walt", "/v1/admin/people"), ("/v1/admin/orgs?q=walt", "/v1/admin/orgs")]
    {
        measured.get(path, &format!("GET {route}"), "api-admin", token).await;
        measured.seen.pop();
    }
    let body = json!({ "org_id": org_id, "user_id": user_id, "minutes": 60, "mode": "write",
        "reason": "they asked for it by phone", "ticket": "SUP-1" });
    let route = "POST /v1/admin/impersonations";
    let started = measured.post(route, "api-admin", token, &body).await.text("/impersonation/id");
    measured.get("/v1/admin/impersonations", "GET /v1/admin/impersonations", "api-admin", token).await;
    let (path, route) =
        (format!("/v1/admin/impersonations/{started}"), "DELETE /v1/admin/impersonations/{impersonation_id}");
    measured.change(&path, route, "api-admin", token, &json!(null)).await;
    let why = json!({ "reason": "they asked for it by phone" });
    let bounced = product.sign_in("bounce@simulator.amazonses.com").await.text("/user_id");
    let path = format!("/v1/admin/people/{bounced}/mail-suppression/lift");
    let route = "POST /v1/admin/people/{user_id}/mail-suppression/lift";
    measured.change(&path, route, "api-admin", token, &why).await;
    for (act, route) in [
        ("sessions/end".to_owned(), "sessions/end"),
        (format!("factors/{factor}/remove"), "factors/{factor_id}/remove"),
        ("suspend".to_owned(), "suspend"),
        ("unsuspend".to_owned(), "unsuspend"),
    ] {
        let (path, route) =
            (format!("{of_walt}/{act}"), format!("POST /v1/admin/people/{{user_id}}/{route}"));
        measured.change(&path, &route, "api-admin", token, &why).await;
    }
    for act in ["suspend", "unsuspend"] {
        let (path, route) = (format!("{of_org}/{act}"), format!("POST /v1/admin/orgs/{{org_id}}/{act}"));
        measured.change(&path, &route, "api-admin", token, &why).await;
    }
    // somebody else, whose limit is not as full
    let other = &product.staff("money@example.com", "operator").await;
    for route in ["/v1/admin/billing/revenue", "/v1/admin/billing/shared-fingerprints"] {
        measured.get(route, &format!("GET {route}"), "api-admin", other).await;
    }
    measured.get("/v1/admin/orgs?access=grace", "GET /v1/admin/orgs", "api-admin", other).await;
    measured.seen.pop();
    let extension = json!({ "days": 7, "reason": "their review takes longer" });
    let (path, route) =
        (format!("{of_org}/trial-extensions"), "POST /v1/admin/orgs/{org_id}/trial-extensions");
    measured.change(&path, route, "api-admin", other, &extension).await;
    erasures(measured, token, &of_org).await;
    let (path, route) = (format!("/v1/admin/staff/{user_id}"), "PUT /v1/admin/staff/{user_id}");
    let body = json!({ "role": "operator", "reason": "begins with us today" });
    measured.change(&path, route, "api-admin", token, &body).await;
    let path = format!("{path}?reason=left+the+company");
    measured.change(&path, "DELETE /v1/admin/staff/{user_id}", "api-admin", token, &json!(null)).await;
}

/// The organization is to be erased, and is not after all; another person is.
async fn erasures(measured: &mut Measured<'_>, token: &str, of_org: &str) {
    let product = measured.product;
    let why = json!({ "reason": "they asked for it by phone" });
    let confirmed = json!({ "confirm_slug": "walt", "reason": "they asked for it by phone" });
    let route = "POST /v1/admin/orgs/{org_id}/erase";
    measured.change(&format!("{of_org}/erase"), route, "api-admin", token, &confirmed).await;
    let route = "POST /v1/admin/orgs/{org_id}/restore";
    measured.change(&format!("{of_org}/restore"), route, "api-admin", token, &why).await;
    let willow = product.sign_in("willow@example.com").await.text("/user_id");
    let user_id = &willow;
    let path = format!("/v1/admin/people/{user_id}/erase");
    let route = "POST /v1/admin/people/{user_id}/erase";
    measured.change(&path, route, "api-admin", token, &why).await;
    let shown = format!("/v1/admin/erasures/{user_id}");
    measured.get(&shown, "GET /v1/admin/erasures/{subject_id}", "api-admin", token).await;
}
