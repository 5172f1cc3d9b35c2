//! The identity providers of organizations.

use super::{Measured, json, oauth};

/// Tess's organization connects a provider, tries it, has people sign in by it, and removes it.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (tess, _) = product.owner("tess@tess.test", "tess-and-sons").await;
    let (connections, function) = ("/v1/orgs/current/sso/connections", "api-sso");
    let mut domains = Vec::new();
    for name in ["tess.example", "second.example"] {
        domains.push(product.verified(&tess, name).await);
    }
    let new = product.local_connection(&[&domains[0]]);
    let connection = measured.post("POST /v1/orgs/current/sso/connections", function, &tess, &new).await;
    let one = format!("{connections}/{}", connection.text("/id"));
    let route = "PATCH /v1/orgs/current/sso/connections/{connection_id}";
    let both = json!({ "domain_ids": [domains[0].text("/id"), domains[1].text("/id")], "issuer": new["issuer"],
        "group_claim": "groups", "group_roles": { "it": "admin" } });
    measured.change(&one, route, function, &tess, &both).await;
    measured.get(connections, "GET /v1/orgs/current/sso/connections", function, &tess).await;
    measured.get(&one, "GET /v1/orgs/current/sso/connections/{connection_id}", function, &tess).await;
    let looked = json!({ "email": "uwe@tess.example" });
    measured.post("POST /v1/auth/discover", "api-auth", "", &looked).await;
    let route = "POST /v1/orgs/current/sso/connections/{connection_id}/test";
    let sent = measured.change(&format!("{one}/test"), route, function, &tess, &json!(null)).await;
    let back = product.there_in(&sent, oauth::known("uwe@tess.example"), "it").await;
    let route = "POST /v1/orgs/current/sso/connections/{connection_id}/test/verify";
    measured.change(&format!("{one}/test/verify"), route, function, &tess, &back).await;
    // somebody new, the same in another role, and as they were
    for groups in ["it", "", ""] {
        product.sso_away("uwe@tess.example").await;
        measured.again("POST /v1/auth/sso/authorizations", function);
        let signed_in = product.by_sso_in(oauth::known("uwe@tess.example"), groups).await;
        assert!(signed_in.status.is_success(), "{signed_in:?}");
        measured.again("POST /v1/auth/sso/verify", function);
    }
    product.post("/v1/auth/sso/authorizations", &json!({ "org_slug": "tess-and-sons" })).await;
    measured.again("POST /v1/auth/sso/authorizations", function);
    // somebody who is there, with an invite to the same address
    let invited = product.invite(&tess, "vera@tess.example", "admin").await;
    assert!(invited.status.is_success(), "{invited:?}");
    product.sign_in("vera@tess.example").await;
    assert!(product.by_sso("vera@tess.example").await.status.is_success());
    measured.check("POST /v1/auth/sso/verify", function);
    measured.seen.push("POST /v1/auth/sso/authorizations".to_owned());
    let route = "DELETE /v1/orgs/current/sso/connections/{connection_id}";
    measured.change(&one, route, function, &tess, &json!(null)).await;
}
