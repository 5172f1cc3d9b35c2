//! A directory that an identity provider keeps.

use reqwest::Method;
use serde_json::{Value, json};

use crate::product::Product;

/// Willa's organization: people come and go as its directory says.
pub(super) async fn come_and_go(product: &Product) {
    let (willa, _) = product.owner("willa@willa.example", "willa-and-sons").await;
    product.verified(&willa, "willa.example").await;
    let tokens = "/v1/orgs/current/scim/tokens";
    let once = product.request(Method::POST, tokens).bearer_auth(&willa).header("idempotency-key", "once");
    let made = product.send(once.json(&json!({ "name": "IdP" }))).await;
    let token = &made.text("/secret");
    product.get("/v1/orgs/current/scim", &willa).await;
    let user = product.scim_user(token, "xan@willa.example").await.text("/id");
    let other = product.scim_user(token, "yuri@elsewhere.example").await.text("/id");
    product.scim(token, "POST", "/Users", &json!({})).await;
    for path in [
        "/Users?count=1",
        "/Users?startIndex=2&count=1",
        "/Users?cursor=&count=1",
        "/Users?filter=userName%20sw%20%22x%22",
    ] {
        product.scim(token, "GET", path, &Value::Null).await;
    }
    let group = product.scim_group(token, "Staff", &[&user, &other]).await;
    product.group_role(&willa, &group, &json!("admin")).await;
    product.get("/v1/orgs/current/scim/groups", &willa).await;
    product.get("/v1/orgs/current/scim/groups?cursor=forged", &willa).await;
    product.settle().await;
    let xan = product.sign_in("xan@willa.example").await.text("/access_token");
    let xan = product.within(&xan).await;
    product.api_key(&xan, &["members:read"]).await;
    let out = json!([{ "op": "remove", "path": format!("members[value eq \"{user}\"]") }]);
    product.scim_patch(token, &format!("/Groups/{group}"), &out).await;
    product.scim_active(token, &user, false).await;
    product.scim_active(token, &user, true).await;
    product.invited(&willa, "yuri@elsewhere.example", "member").await;
    product.scim_active(token, &other, false).await;
    product.scim_active(token, &other, true).await;
    for path in [format!("/Users/{other}"), format!("/Groups/{group}"), format!("/Users/{user}")] {
        assert!(product.scim(token, "DELETE", &path, &Value::Null).await.status.is_success(), "{path}");
    }
    // some stay
    let zoe = product.scim_user(token, "zoe@willa.example").await.text("/id");
    product.scim_group(token, "Staying", &[&zoe]).await;
    product.scim_token(&willa).await;
    let path = format!("{tokens}/{}", made.text("/scim_token/id"));
    assert!(product.delete(&path, &willa).await.status.is_success());
}
