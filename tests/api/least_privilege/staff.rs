//! What staff does, for [`super::walk`].

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::product::Product;

/// Staff are made, find somebody and an organization, do all that they can, and go.
pub(crate) async fn works(product: &Product) {
    let operator = async |command| product.cloud.invoke("operator", command).await.unwrap();
    let token = product.staff("op@example.com", "operator").await;
    product.appoint("help@example.com", "support").await;
    product.settle().await;
    let listed = operator(json!({ "command": "staff.list" })).await;
    assert_eq!(listed["staff"].as_array().unwrap().len(), 2, "{listed}");
    let (mut device, walt) = product.with_passkey("walt@example.com").await;
    product.sign_in_by(&mut device, None).await;
    let org = product.post_as("/v1/orgs", &walt, &json!({ "name": "Walt", "slug": "walt" })).await;
    let bounced = product.sign_in("complaint@simulator.amazonses.com").await.text("/user_id");
    product.settle().await;
    let user_id = product.get("/v1/admin/people?q=walt@", &token).await.text("/items/0/id");
    let of_walt = format!("/v1/admin/people/{user_id}");
    let passkey = product.get(&of_walt, &token).await.text("/details/factors/0/id");
    let of_org = format!("/v1/admin/orgs/{}", org.text("/id"));
    for path in [
        "/v1/admin/orgs?q=walt",
        "/v1/admin/orgs?slug=walt",
        of_org.as_str(),
        "/v1/admin/staff?limit=1",
        "/v1/admin/billing/reconciliations",
    ] {
        assert_eq!(product.get(path, &token).await.status, StatusCode::OK, "{path}");
    }
    for path in [
        format!("/v1/admin/people/{bounced}/mail-suppression/lift"),
        format!("{of_walt}/factors/{passkey}/remove"),
        format!("{of_walt}/sessions/end"),
        format!("{of_walt}/suspend"),
        format!("{of_walt}/unsuspend"),
        format!("{of_org}/suspend"),
        format!("{of_org}/unsuspend"),
    ] {
        let done = product.act(&path, &token).await;
        assert!(done.status.is_success(), "{path}: {done:?}");
    }
    for path in
        ["/v1/admin/billing/revenue", "/v1/admin/billing/shared-fingerprints", "/v1/admin/orgs?access=grace"]
    {
        assert_eq!(product.get(path, &token).await.status, StatusCode::OK, "{path}");
    }
    let extension = json!({ "days": 7, "reason": "their review takes longer" });
    let extend = product.request(Method::POST, &format!("{of_org}/trial-extensions")).bearer_auth(&token);
    let extended = product.send(extend.header("idempotency-key", "extend").json(&extension)).await;
    assert_eq!(extended.status, StatusCode::CREATED, "{extended:?}");
    let body = json!({ "org_id": org.text("/id"), "user_id": user_id, "minutes": 5, "mode": "read",
        "reason": "they asked for it by phone", "ticket": "SUP-1" });
    let started = product.post_as("/v1/admin/impersonations", &token, &body).await;
    let as_walt = started.text("/access_token");
    for (path, token) in [("/v1/admin/impersonations?limit=1", &token), ("/v1/me", &as_walt)] {
        product.settle().await;
        assert_eq!(product.get(path, token).await.status, StatusCode::OK, "{path}");
    }
    let path = format!("/v1/admin/impersonations/{}", started.text("/impersonation/id"));
    assert_eq!(product.delete(&path, &token).await.status, StatusCode::NO_CONTENT);
    erasures(product, &token, &org.text("/id"), &bounced).await;
    let path = format!("/v1/admin/staff/{user_id}");
    let put = product.request(Method::PUT, &path).bearer_auth(&token);
    let body = json!({ "role": "operator", "reason": "begins with us today" });
    assert_eq!(product.send(put.json(&body)).await.status, StatusCode::OK);
    let remove = product.request(Method::DELETE, &format!("{path}?reason=left+the+company"));
    assert_eq!(product.send(remove.bearer_auth(&token)).await.status, StatusCode::NO_CONTENT);
    let id = product.appoint("op2@example.com", "operator").await;
    let removed =
        operator(json!({ "command": "staff.remove", "user_id": id, "reason": "left the company" })).await;
    assert_eq!(removed["removed"], true, "{removed}");
}

/// An organization is to be erased, and is not after all; a person is.
async fn erasures(product: &Product, token: &str, org: &str, person: &str) {
    let why = json!({ "reason": "they asked for it by phone" });
    let confirmed = json!({ "confirm_slug": "walt", "reason": "they asked for it by phone" });
    for (path, key, body) in [
        (format!("/v1/admin/orgs/{org}/erase"), "one", &confirmed),
        (format!("/v1/admin/orgs/{org}/restore"), "two", &why),
        (format!("/v1/admin/people/{person}/erase"), "three", &why),
    ] {
        let act = product.request(Method::POST, &path).bearer_auth(token).header("idempotency-key", key);
        let done = product.send(act.json(body)).await;
        assert!(done.status.is_success(), "{path}: {done:?}");
    }
    // with a key that is free again
    let refused = product.request(Method::POST, &format!("/v1/admin/orgs/{org}/erase")).bearer_auth(token);
    let refused = refused.header("idempotency-key", "four").json(&json!({
        "confirm_slug": "another", "reason": "they asked for it by phone",
    }));
    assert_eq!(product.send(refused).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = product.get(&format!("/v1/admin/erasures/{person}"), token).await;
    assert_eq!(shown.text("/status"), "requested");
}
