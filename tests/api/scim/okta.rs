//! Requests in the shapes in which Okta sends them: a PUT of the whole user, deactivation without a path,
//! groups with all of their members at once.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_assigned_updated_deactivated_and_assigned_again() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let probe = "/Users?filter=userName%20eq%20%22bob%40acme.example%22&startIndex=1&count=100";
    let probe = product.scim(token, "GET", probe, &Value::Null).await;
    let none = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "startIndex": 1,
        "itemsPerPage": 0, "Resources": [],
    });
    assert_eq!(probe.body, none);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bob@acme.example",
        "name": { "givenName": "Bob", "familyName": "Builder" },
        "emails": [{ "primary": true, "value": "bob@acme.example", "type": "work" }],
        "displayName": "Bob Builder", "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [], "password": "1mz050nq", "active": true,
    });
    let made = product.scim(token, "POST", "/Users", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert!(!made.body.to_string().contains("1mz050nq"), "we keep no password");
    let path = format!("/Users/{}", made.text("/id"));
    let mut whole = made.body.clone();
    whole["name"]["familyName"] = json!("Baumeister");
    let put = product.scim(token, "PUT", &path, &whole).await;
    assert_eq!(
        (put.status, put.text("/name/familyName")),
        (StatusCode::OK, "Baumeister".to_owned()),
        "{put:?}"
    );

    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    let off = product.scim_patch(token, &path, &off).await;
    assert_eq!((off.status, &off.body["active"]), (StatusCode::OK, &json!(false)), "{off:?}");
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1);
    whole["active"] = json!(true);
    let on = product.scim(token, "PUT", &path, &whole).await;
    assert_eq!((on.status, on.text("/id")), (StatusCode::OK, made.text("/id")), "the same user: {on:?}");
    assert_eq!(product.in_roles(&acme.ada).await.len(), 2);
    whole["active"] = json!(false);
    let off = product.scim(token, "PUT", &path, &whole).await;
    assert_eq!((off.status, &off.body["active"]), (StatusCode::OK, &json!(false)), "{off:?}");
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_pushed_with_its_members() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(product.scim_user(token, &format!("p{number}@acme.example")).await.text("/id"));
    }
    let member = |id: &String| json!({ "value": id, "display": "somebody@acme.example" });
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales",
        "members": [member(&ids[0]), member(&ids[1])],
    });
    let made = product.scim(token, "POST", "/Groups", &body).await;
    assert_eq!(
        (made.status, made.body["members"].as_array().map(Vec::len)),
        (StatusCode::CREATED, Some(2)),
        "{made:?}"
    );
    let (group, path) = (made.text("/id"), format!("/Groups/{}", made.text("/id")));
    let user = product.scim(token, "GET", &format!("/Users/{}", ids[0]), &Value::Null).await;
    assert_eq!(user.text("/groups/0/value"), group);

    // rename with the id along, then members in and out in one patch, then all of them anew
    let rename = json!([{ "op": "replace", "value": { "id": group, "displayName": "Sales EMEA" } }]);
    assert_eq!(product.scim_patch(token, &path, &rename).await.text("/displayName"), "Sales EMEA");
    let moves = json!([
        { "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) },
        { "op": "add", "path": "members", "value": [member(&ids[2]), member(&ids[3])] },
    ]);
    let moved = product.scim_patch(token, &path, &moves).await;
    let inside = |answer: &system_tests::answer::Answer| -> Vec<String> {
        let members = answer.body["members"].as_array().cloned().unwrap_or_default();
        let mut inside: Vec<_> =
            members.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
        inside.sort();
        inside
    };
    assert_eq!(inside(&moved), ids[1..]);
    let all = json!([{ "op": "replace", "path": "members", "value": [member(&ids[0])] }]);
    assert_eq!(inside(&product.scim_patch(token, &path, &all).await), ids[..1]);
    let put = json!({ "displayName": "Sales EMEA", "members": ids.iter().map(member).collect::<Vec<_>>() });
    assert_eq!(inside(&product.scim(token, "PUT", &path, &put).await), ids);
    let shown = product.scim(token, "GET", &path, &Value::Null).await;
    assert_eq!(inside(&shown), ids);
}
