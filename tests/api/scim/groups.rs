//! The roles that groups give.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::Acme;
use crate::{invites::refused, product::Product};

impl Product {
    pub(crate) async fn scim_group(&self, token: &str, name: &str, members: &[&str]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        let made =
            self.scim(token, "POST", "/Groups", &json!({ "displayName": name, "members": members })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.text("/id")
    }

    pub(crate) async fn group_role(&self, by: &str, group: &str, role: &Value) -> Answer {
        let path = format!("/v1/orgs/current/scim/groups/{group}");
        self.send(self.request(Method::PATCH, &path).bearer_auth(by).json(&json!({ "role": role }))).await
    }
}

async fn role(product: &Product, acme: &Acme, email: &str) -> String {
    let roles = product.in_roles(&acme.ada).await;
    roles.into_iter().find(|(of, _)| of == email).map(|(_, role)| role).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_the_highest_role_of_the_groups() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let bob = product.scim_user(token, "bob@acme.example").await.text("/id");
    let (admins, viewers) = (
        product.scim_group(token, "Admins", &[&bob]).await,
        product.scim_group(token, "Viewers", &[&bob]).await,
    );
    let is = async |expected: &str| assert_eq!(role(&product, &acme, "bob@acme.example").await, expected);
    is("member").await;
    // a mapping reaches those who are in it, some seconds later
    let mapped = product.group_role(&acme.ada, &viewers, &json!("viewer")).await;
    assert_eq!(
        (mapped.status, mapped.text("/role"), &mapped.body["member_count"]),
        (StatusCode::OK, "viewer".to_owned(), &json!(1)),
        "{mapped:?}"
    );
    is("viewer").await;
    product.group_role(&acme.ada, &admins, &json!("admin")).await;
    is("admin").await;
    // who goes has the next one at once, and none the first one
    let out = json!([{ "op": "remove", "path": format!("members[value eq \"{bob}\"]") }]);
    product.scim_patch(token, &format!("/Groups/{admins}"), &out).await;
    is("viewer").await;
    let back = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]);
    product.scim_patch(token, &format!("/Groups/{admins}"), &back).await;
    is("admin").await;
    product.scim(token, "DELETE", &format!("/Groups/{admins}"), &Value::Null).await;
    is("viewer").await;
    product.group_role(&acme.ada, &viewers, &Value::Null).await;
    is("member").await;
    // whoever is let in has it from the start
    product.group_role(&acme.ada, &viewers, &json!("admin")).await;
    product.scim_active(token, &bob, false).await;
    product.scim_active(token, &bob, true).await;
    is("admin").await;
    let listed = product.get("/v1/orgs/current/scim/groups", &acme.ada).await;
    assert_eq!(
        (listed.text("/items/0/display_name"), listed.body["items"].as_array().unwrap().len()),
        ("Viewers".to_owned(), 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_are_made_and_unmade_by_owners_alone() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let ada = product.scim_user(token, "ada@example.com").await.text("/id");
    let group = product.scim_group(token, "Everybody", &[&ada]).await;
    let owner = product.group_role(&acme.ada, &group, &json!("owner")).await;
    assert_eq!(refused(&owner), (422, "invalid_request"), "{owner:?}");
    product.group_role(&acme.ada, &group, &json!("viewer")).await;
    assert_eq!(role(&product, &acme, "ada@example.com").await, "owner");
    let out = json!([{ "op": "remove", "path": "members" }]);
    product.scim_patch(token, &format!("/Groups/{group}"), &out).await;
    assert_eq!(role(&product, &acme, "ada@example.com").await, "owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_group_is_filled_emptied_and_mapped() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let mut ids = Vec::new();
    for number in 0..95 {
        let domain = if number < 15 { "acme" } else { "other" };
        ids.push(product.scim_user(token, &format!("p{number}@{domain}.example")).await.text("/id"));
    }
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let group = product.scim_group(token, "All", &all).await;
    let path = format!("/Groups/{group}");
    let count = async || {
        let shown = product.scim(token, "GET", &path, &Value::Null).await;
        shown.body["members"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count().await, 95);
    product.group_role(&acme.ada, &group, &json!("admin")).await;
    let admins =
        async || product.in_roles(&acme.ada).await.iter().filter(|(_, role)| role == "admin").count();
    assert_eq!(admins().await, 15);
    let keep: Vec<_> = ids[..3].iter().map(|id| json!({ "value": id })).collect();
    let put = product.scim(token, "PUT", &path, &json!({ "displayName": "All", "members": keep })).await;
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    assert_eq!((count().await, admins().await), (3, 3));
    product.scim(token, "DELETE", &path, &Value::Null).await;
    assert_eq!(admins().await, 0);
    let user = product.scim(token, "GET", &format!("/Users/{}", ids[0]), &Value::Null).await;
    assert!(user.body["groups"].is_null(), "{user:?}");
}

/// A user that is deleted is in no group any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_many_groups_is_deleted() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let (bob, eve) = (
        product.scim_user(token, "bob@acme.example").await.text("/id"),
        product.scim_user(token, "eve@acme.example").await.text("/id"),
    );
    let mut groups = Vec::new();
    for number in 0..20 {
        groups.push(product.scim_group(token, &format!("Group {number}"), &[&bob, &eve]).await);
    }
    let gone = product.scim(token, "DELETE", &format!("/Users/{bob}"), &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{gone:?}");
    for group in groups {
        let shown = product.scim(token, "GET", &format!("/Groups/{group}"), &Value::Null).await;
        assert_eq!(shown.body["members"].as_array().map(Vec::len), Some(1), "{shown:?}");
    }
    assert_eq!(product.in_roles(&acme.ada).await.len(), 2);
}

/// Whose role a group gives has no other by hand, until no group gives one; an owner is one by hand alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_a_group_gives_is_the_directorys_to_change() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let (ada, token) = (&acme.ada, &acme.token);
    let bob = product.scim_user(token, "bob@acme.example").await.text("/id");
    let member = product.scim(token, "GET", &format!("/Users/{bob}"), &Value::Null).await;
    assert_eq!(member.status, StatusCode::OK);
    product.settle().await;
    let listed = product.get("/v1/orgs/current/members?role=member", ada).await;
    let (id, by) = (listed.text("/items/0/id"), listed.body["items"][0]["managed_by"].clone());
    assert_eq!(by, Value::Null, "no group says so");
    let path = format!("/v1/orgs/current/members/{id}");
    let managed = async || {
        product.settle().await;
        product.get(&path, ada).await.body["managed_by"].clone()
    };
    assert_eq!(product.set_member(ada, &id, "admin").await.status, StatusCode::OK);

    let group = product.scim_group(token, "Admins", &[&bob]).await;
    product.group_role(ada, &group, &json!("admin")).await;
    assert_eq!(managed().await, "directory", "also where it is the role that the member had");
    let by_role = product.get("/v1/orgs/current/members?role=admin", ada).await;
    assert_eq!(by_role.text("/items/0/managed_by"), "directory");
    for role in ["viewer", "member"] {
        assert_eq!(refused(&product.set_member(ada, &id, role).await), (409, "managed_by_directory"));
    }
    let (_, key) = product.api_key(ada, &["members:write"]).await;
    assert_eq!(refused(&product.set_member(&key, &id, "viewer").await), (409, "managed_by_directory"));
    assert_eq!(product.set_member(ada, &id, "admin").await.status, StatusCode::OK, "it is so");
    let told = product.told("member.updated").await;
    assert_eq!(told.last().unwrap()["previous"], json!({ "managed_by": null }), "{told:?}");

    // no directory makes owners or ends them, and an owner is nobody's to direct
    let owner = product.set_member(ada, &id, "owner").await;
    assert_eq!((owner.status, &owner.body["managed_by"]), (StatusCode::OK, &Value::Null), "{owner:?}");
    assert_eq!(product.set_member(ada, &id, "viewer").await.status, StatusCode::OK);
    let out = json!([{ "op": "remove", "path": "members" }]);
    product.scim_patch(token, &format!("/Groups/{group}"), &out).await;
    assert_eq!(
        (managed().await, role(&product, &acme, "bob@acme.example").await),
        (Value::Null, "member".into())
    );
    assert_eq!(product.set_member(ada, &id, "viewer").await.status, StatusCode::OK);

    // in again, at once; and by hand when the group gives nothing more
    let back = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]);
    product.scim_patch(token, &format!("/Groups/{group}"), &back).await;
    assert_eq!(refused(&product.set_member(ada, &id, "viewer").await), (409, "managed_by_directory"));
    product.group_role(ada, &group, &Value::Null).await;
    assert_eq!(managed().await, Value::Null);
    assert_eq!(product.set_member(ada, &id, "viewer").await.status, StatusCode::OK);
    // whoever is let in again with a role of a group has it from the directory from the start
    product.group_role(ada, &group, &json!("viewer")).await;
    product.scim_active(token, &bob, false).await;
    product.scim_active(token, &bob, true).await;
    product.settle().await;
    let listed = product.get("/v1/orgs/current/members?role=viewer", ada).await;
    assert_eq!(listed.text("/items/0/managed_by"), "directory", "{listed:?}");
}
