//! The identity providers of organizations.

use reqwest::Method;
use serde_json::json;

use crate::{
    oauth::{There, known},
    product::Product,
    sso::CONNECTIONS,
};

/// Tess's organization connects a provider, tries it, changes it, and people sign in by it: somebody new,
/// somebody in another role, somebody whom an invite waits for, and somebody for whom a seat has to be found.
pub(super) async fn come_and_go(product: &Product) {
    let groups = json!({ "group_claim": "groups", "group_roles": { "it": "admin" } });
    let tess = product.with_sso("tess", &groups).await;
    let second = product.verified(&tess.ada, "second.example").await;
    let once = product.request(Method::POST, CONNECTIONS).bearer_auth(&tess.ada);
    let once = once.header("idempotency-key", "once").json(&product.local_connection(&[&second]));
    let other = product.send(once).await;
    product.get(&tess.at(), &tess.ada).await;
    for query in ["", "?cursor=forged"] {
        product.get(&format!("{CONNECTIONS}{query}"), &tess.ada).await;
    }
    product.post("/v1/auth/discover", &json!({ "email": "uwe@tess.example" })).await;
    let sent = product.post_nothing(&format!("{}/test", tess.at()), &tess.ada).await;
    let back = product.there_in(&sent, known("uwe@tess.example"), "it").await;
    product.post_as(&format!("{}/test/verify", tess.at()), &tess.ada, &back).await;
    for (person, groups) in [
        (known("uwe@tess.example"), "it"),
        (known("uwe@tess.example"), ""),
        (There { verified: false, ..known("uwe@tess.example") }, ""),
    ] {
        product.by_sso_in(person, groups).await;
        product.settle().await;
    }
    product.invite(&tess.ada, "vera@tess.example", "admin").await;
    product.by_sso("vera@tess.example").await;
    product.post("/v1/auth/sso/authorizations", &json!({ "org_slug": "tess" })).await;
    product.change_sso(&tess, &json!({ "domain_ids": [tess.domain.text("/id")], "name": "Other" })).await;
    let path = format!("{}/{}", CONNECTIONS, other.text("/id"));
    assert!(product.delete(&path, &tess.ada).await.status.is_success());
    product.settle().await;
}
