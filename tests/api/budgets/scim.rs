//! A directory that an identity provider keeps.

use super::{Measured, json};
use crate::scim::PATCH_OP;

/// Una's organization, in whose directory Vic comes and goes.
pub(super) async fn measure(measured: &mut Measured<'_>) {
    let product = measured.product;
    let (una, _) = product.owner("una@una.example", "una-and-sons").await;
    product.verified(&una, "una.example").await;
    let (page, function) = ("/v1/orgs/current/scim", "api-sso");
    product.scim_token(&una).await;
    let new = json!({ "name": "IdP" });
    let made = measured.post("POST /v1/orgs/current/scim/tokens", function, &una, &new).await;
    let token = made.text("/secret");
    measured.get(page, "GET /v1/orgs/current/scim", function, &una).await;

    let scim = "api-scim";
    for path in ["ServiceProviderConfig", "ResourceTypes", "Schemas"] {
        let path = format!("/scim/v2/{path}");
        measured.get(&path, &format!("GET {path}"), scim, &token).await;
    }
    let one = "/scim/v2/ResourceTypes/User";
    measured.get(one, "GET /scim/v2/ResourceTypes/{name}", scim, &token).await;
    let one = "/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User";
    measured.get(one, "GET /scim/v2/Schemas/{uri}", scim, &token).await;

    let vic = json!({ "userName": "vic@una.example", "externalId": "v", "displayName": "Vic" });
    let vic = measured.post("POST /scim/v2/Users", scim, &token, &vic).await.text("/id");
    let user = format!("/scim/v2/Users/{vic}");
    measured.get(&user, "GET /scim/v2/Users/{user_id}", scim, &token).await;
    measured.get("/scim/v2/Users", "GET /scim/v2/Users", scim, &token).await;
    for query in [
        "filter=userName%20eq%20%22vic@una.example%22",
        "filter=userName%20sw%20%22v%22",
        "count=1",
        "cursor=",
    ] {
        product.scim(&token, "GET", &format!("/Users?{query}"), &json!(null)).await;
        measured.again("GET /scim/v2/Users", scim);
    }
    let group = json!({ "displayName": "Staff", "members": [{ "value": vic }] });
    let group = measured.post("POST /scim/v2/Groups", scim, &token, &group).await.text("/id");
    let groups = format!("/scim/v2/Groups/{group}");
    measured.get("/scim/v2/Groups", "GET /scim/v2/Groups", scim, &token).await;
    measured.get(&groups, "GET /scim/v2/Groups/{group_id}", scim, &token).await;
    measured.get(&format!("{page}/groups"), "GET /v1/orgs/current/scim/groups", function, &una).await;
    let route = "PATCH /v1/orgs/current/scim/groups/{group_id}";
    let path = format!("{page}/groups/{group}");
    measured.change(&path, route, function, &una, &json!({ "role": "admin" })).await;
    product.settle().await;
    measured.worker("queue-member-copies");

    let search = json!({ "filter": "userName eq \"vic@una.example\"" });
    for path in ["", "Users/", "Groups/"] {
        let route = format!("POST /scim/v2/{path}.search");
        measured.post(&route, scim, &token, &search).await;
    }
    let patch = |operation: serde_json::Value| json!({ "schemas": [PATCH_OP], "Operations": [operation] });
    let remove = patch(json!({ "op": "remove", "path": format!("members[value eq \"{vic}\"]") }));
    measured.change(&groups, "PATCH /scim/v2/Groups/{group_id}", scim, &token, &remove).await;
    let put = json!({ "displayName": "Staff", "members": [{ "value": vic }] });
    measured.change(&groups, "PUT /scim/v2/Groups/{group_id}", scim, &token, &put).await;

    // with a key, and a session, which end as well
    let person = product.sign_in("vic@una.example").await.text("/access_token");
    let person = product.within(&person).await;
    product.api_key(&person, &["members:read"]).await;
    let off = patch(json!({ "op": "replace", "path": "active", "value": false }));
    let route = "PATCH /scim/v2/Users/{user_id}";
    measured.change(&user, route, scim, &token, &off).await;
    let put = json!({ "userName": "vic@una.example", "active": true });
    measured.change(&user, "PUT /scim/v2/Users/{user_id}", scim, &token, &put).await;
    measured.change(&user, "DELETE /scim/v2/Users/{user_id}", scim, &token, &json!(null)).await;
    measured.change(&groups, "DELETE /scim/v2/Groups/{group_id}", scim, &token, &json!(null)).await;
    let path = format!("{page}/tokens/{}", made.text("/scim_token/id"));
    let route = "DELETE /v1/orgs/current/scim/tokens/{token_id}";
    measured.change(&path, route, function, &una, &json!(null)).await;
}
