//! Requests in the shapes in which Entra ID sends them: operations in capitals, yes and no as texts, paths
//! with filters of what is not there yet, attributes of other schemas, members one by one.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{PATCH_OP, scim_type};
use crate::product::Product;

/// A whole life as the provisioning service of Entra leads it.
#[expect(clippy::too_many_lines, reason = "a whole life, as it was recorded")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_looked_for_made_changed_and_taken_out() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    // "Test connection": a user that there cannot be
    let probe = "/Users?filter=userName%20eq%20%22f81d4fae-7dec-11d0-a765-00a0c91e6bf6%22";
    let probe = product.scim(token, "GET", probe, &Value::Null).await;
    assert_eq!((probe.status, &probe.body["totalResults"]), (StatusCode::OK, &json!(0)), "{probe:?}");
    let made = product
        .scim(
            token,
            "POST",
            "/Users",
            &json!({
                "schemas": [
                    "urn:ietf:params:scim:schemas:core:2.0:User",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                ],
                "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
                "userName": "bob@acme.example",
                "active": true,
                "addresses": [{ "primary": false, "type": "work", "country": "Germany" }],
                "displayName": "Bob Builder",
                "emails": [{ "primary": true, "type": "work", "value": "bob@acme.example" }],
                "meta": { "resourceType": "User" },
                "name": { "formatted": "Bob Builder", "familyName": "Builder", "givenName": "Bob" },
                "phoneNumbers": [{ "type": "mobile", "value": "+49 30 1" }],
                "roles": [],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Works" },
            }),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.body["name"]["givenName"], "Bob");
    let path = format!("/Users/{}", made.text("/id"));
    let found = product
        .scim(
            token,
            "GET",
            "/Users?filter=externalId%20eq%20%220a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef%22",
            &Value::Null,
        )
        .await;
    assert_eq!(
        (&found.body["totalResults"], &found.body["Resources"][0]),
        (&json!(1), &made.body),
        "{found:?}"
    );

    let changed = product
        .scim_patch(
            token,
            &path,
            &json!([
                { "op": "Replace", "path": "displayName", "value": "Robert" },
                { "op": "Add", "path": "title", "value": "Manager" },
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "robert@acme.example" },
                { "op": "Add", "path": "emails[type eq \"other\"].value", "value": "r@acme.example" },
                { "op": "Add", "path": "name.honorificPrefix", "value": "Dr." },
                { "op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Berlin" },
                { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "IT" },
                { "op": "Add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:nickName", "value": "Bobby" },
            ]),
        )
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    for (pointer, value) in [
        ("/displayName", "Robert"),
        ("/title", "Manager"),
        ("/emails/0/value", "robert@acme.example"),
        ("/emails/1/value", "r@acme.example"),
        ("/emails/1/type", "other"),
        ("/name/honorificPrefix", "Dr."),
        ("/nickName", "Bobby"),
    ] {
        assert_eq!(changed.text(pointer), value, "{pointer}: {changed:?}");
    }
    assert!(changed.body["addresses"].is_null(), "no schema of ours has it");

    // without a path, with names that have dots and URIs
    let loose = product
        .scim_patch(
            token,
            &path,
            &json!([{ "op": "Replace", "value": {
                "title": "Director", "name.familyName": "Baumann", "urn:ietf:params:scim:schemas:core:2.0:User:userType": "Employee",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "HQ", "id": "whatever", "unheardOf": 1,
            } }]),
        )
        .await;
    assert_eq!(loose.status, StatusCode::OK, "{loose:?}");
    assert_eq!(
        (loose.text("/title"), loose.text("/name/familyName"), loose.text("/userType")),
        ("Director".to_owned(), "Baumann".to_owned(), "Employee".to_owned())
    );

    // the word for no
    let off = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
    let off = product.scim_patch(token, &path, &off).await;
    assert_eq!((off.status, &off.body["active"]), (StatusCode::OK, &json!(false)), "{off:?}");
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1);
    let on = json!([{ "op": "Replace", "value": { "active": "True" } }]);
    let on = product.scim_patch(token, &path, &on).await;
    assert_eq!((on.status, &on.body["active"]), (StatusCode::OK, &json!(true)), "{on:?}");
    assert_eq!(product.in_roles(&acme.ada).await.len(), 2);
    let gone = product.scim(token, "DELETE", &path, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_one_by_one() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let made = product
        .scim(
            token,
            "POST",
            "/Groups",
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
                "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
                "displayName": "Engineers",
                "meta": { "resourceType": "Group" },
            }),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let group = made.text("/id");
    let path = format!("/Groups/{group}");
    let (mut ids, names) = (Vec::new(), ["bob@acme.example", "eve@acme.example"]);
    for name in names {
        ids.push(product.scim_user(token, name).await.text("/id"));
    }
    for id in &ids {
        let add = json!([{ "op": "Add", "path": "members", "value": [{ "value": id }] }]);
        let added = product.scim_patch(token, &path, &add).await;
        assert_eq!(added.status, StatusCode::OK, "{added:?}");
        // what is so already changes nothing
        assert_eq!(product.scim_patch(token, &path, &add).await.body, added.body);
    }
    let found = "/Groups?excludedAttributes=members&filter=displayName%20eq%20%22engineers%22";
    let found = product.scim(token, "GET", found, &Value::Null).await;
    assert_eq!(
        (found.text("/Resources/0/id"), found.body["Resources"][0]["members"].is_null()),
        (group.clone(), true)
    );
    let asked = format!("/Groups?filter=id%20eq%20%22{group}%22%20and%20members%20eq%20%22{}%22", ids[0]);
    assert_eq!(product.scim(token, "GET", &asked, &Value::Null).await.body["totalResults"], 1);
    let remove = json!([{ "op": "Remove", "path": "members", "value": [{ "value": ids[0] }] }]);
    product.scim_patch(token, &path, &remove).await;
    let remove = json!([{ "op": "Remove", "path": format!("members[value eq \"{}\"]", ids[1]) }]);
    let left = product.scim_patch(token, &path, &remove).await;
    assert!(left.body["members"].is_null(), "{left:?}");
    assert_eq!(product.scim(token, "GET", &asked, &Value::Null).await.body["totalResults"], 0);
    let renamed = json!([{ "op": "Replace", "path": "displayName", "value": "Builders" }]);
    assert_eq!(product.scim_patch(token, &path, &renamed).await.text("/displayName"), "Builders");
    let gone = product.scim(token, "DELETE", &path, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}

/// What it is told when it asks for what there is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_said_in_its_words() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let bob = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    let path = format!("/Users/{bob}");
    for (operation, expected) in [
        (json!({ "op": "Remove" }), "noTarget"),
        (json!({ "op": "Move", "path": "title" }), "invalidSyntax"),
        (json!({ "op": "Replace", "path": "groups", "value": [] }), "mutability"),
        (json!({ "op": "Replace", "path": "id", "value": "x" }), "mutability"),
        (json!({ "op": "Remove", "path": "userName" }), "invalidValue"),
        (json!({ "op": "Replace", "path": "active", "value": "perhaps" }), "invalidValue"),
        (json!({ "op": "Replace", "path": "emails[type eq", "value": "x" }), "invalidPath"),
        (json!({ "op": "Replace", "path": "title eq 1", "value": "x" }), "invalidPath"),
        (json!({ "op": "Replace", "path": "emails[type zz \"work\"]", "value": "x" }), "invalidFilter"),
        (
            json!({ "op": "Replace", "path": "emails[type co \"home\"].value", "value": "x@x.example" }),
            "noTarget",
        ),
        (json!({ "op": "Replace", "value": "text" }), "invalidValue"),
    ] {
        let refused = product.scim_patch(&acme.token, &path, &json!([operation])).await;
        assert_eq!(scim_type(&refused), (400, expected), "{operation}");
    }
    // all or nothing
    let half =
        json!([{ "op": "Add", "path": "title", "value": "X" }, { "op": "Remove", "path": "userName" }]);
    product.scim_patch(&acme.token, &path, &half).await;
    assert!(product.scim(&acme.token, "GET", &path, &Value::Null).await.body["title"].is_null());
    let other = json!({ "schemas": ["urn:x"], "Operations": [] });
    let refused = product.scim(&acme.token, "PATCH", &path, &other).await;
    assert_eq!(scim_type(&refused), (400, "invalidSyntax"), "{PATCH_OP}");
}
