//! What a directory says while others say something else at the same moment.

use futures::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::scim_type;
use crate::{
    invites::{counted, refused},
    product::Product,
};

/// Whoever is first: in the end nobody is in whom the directory has taken out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_out_while_an_invite_is_accepted() {
    let product = Product::crowded().await;
    let acme = product.acme().await;
    let mut all = Vec::new();
    for number in 0..8 {
        let email = format!("p{number}@other.example");
        let id = product.scim_user(&acme.token, &email).await.text("/id");
        let (_, link) = product.invited(&acme.ada, &email, "member").await;
        let token = product.sign_in(&email).await.text("/access_token");
        all.push((id, link, token));
    }
    let race = all.iter().map(|(id, link, token)| {
        let (product, acme) = (&product, &acme);
        async move { join(product.accept(token, link), product.scim_active(&acme.token, id, false)).await }
    });
    for (accepted, taken_out) in join_all(race).await {
        assert_eq!(taken_out.status, StatusCode::OK, "{taken_out:?}");
        let fine = [StatusCode::OK, StatusCode::FORBIDDEN, StatusCode::GONE];
        assert!(fine.contains(&accepted.status), "{accepted:?}");
    }
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1);
    let (seats, members, open) = product.seats().await;
    assert_eq!((seats, members, open), (1, 1, 0));
    for (_, link, token) in &all {
        assert_ne!(product.accept(token, link).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_users_with_one_name_there_is_one() {
    let product = Product::crowded().await;
    let acme = product.acme().await;
    let body = json!({ "userName": "bob@acme.example", "externalId": "1" });
    let create = || product.scim(&acme.token, "POST", "/Users", &body);
    let answers = join_all((0..20).map(|_| create())).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert_eq!(scim_type(refused), (409, "uniqueness"));
    }
    let listed = product.scim(&acme.token, "GET", "/Users", &Value::Null).await;
    assert_eq!((&listed.body["totalResults"], product.in_roles(&acme.ada).await.len()), (&json!(1), 2));
}

/// Groups with roles, whose members come and go at once: in the end each has the role of the groups.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_those_of_the_groups_whoever_was_first() {
    let product = Product::crowded().await;
    let acme = product.acme().await;
    let bob = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    let mut groups = Vec::new();
    for number in 0..4 {
        let group = product.scim_group(&acme.token, &format!("Admins {number}"), &[&bob]).await;
        product.group_role(&acme.ada, &group, &json!("admin")).await;
        groups.push(group);
    }
    product.settle().await;
    let out = json!([{ "op": "remove", "path": "members" }]);
    let paths: Vec<_> = groups.iter().map(|group| format!("/Groups/{group}")).collect();
    let answers = join_all(paths.iter().map(|path| product.scim_patch(&acme.token, path, &out))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    let roles = product.in_roles(&acme.ada).await;
    assert_eq!(roles[1], ("bob@acme.example".to_owned(), "member".to_owned()));
}

/// Somebody gives a role by hand while the directory gives another: whoever is first, the directory's holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_by_hand_while_a_group_gives_one() {
    let product = Product::crowded().await;
    let acme = product.acme().await;
    let group = product.scim_group(&acme.token, "Admins", &[]).await;
    product.group_role(&acme.ada, &group, &json!("admin")).await;
    let mut all = Vec::new();
    for number in 0..6 {
        let name = format!("p{number}@acme.example");
        let id = product.scim_user(&acme.token, &name).await.text("/id");
        product.settle().await;
        let found = product.get(&format!("/v1/orgs/current/members?q={name}"), &acme.ada).await;
        all.push((id, found.text("/items/0/id")));
    }
    let race = all.iter().map(|(user, member)| {
        let (product, acme, group) = (&product, &acme, &group);
        async move {
            let into = json!([{ "op": "add", "path": "members", "value": [{ "value": user }] }]);
            let path = format!("/Groups/{group}");
            let by_group = product.scim_patch(&acme.token, &path, &into);
            join(product.set_member(&acme.ada, member, "viewer"), by_group).await
        }
    });
    for (by_hand, by_group) in join_all(race).await {
        assert_eq!(by_group.status, StatusCode::OK, "{by_group:?}");
        let fine = [(200, ""), (409, "managed_by_directory")];
        assert!(fine.contains(&refused(&by_hand)), "{by_hand:?}");
    }
    product.settle().await;
    let admins = product.get("/v1/orgs/current/members?role=admin", &acme.ada).await;
    let admins = admins.body["items"].as_array().unwrap();
    assert_eq!(admins.len(), 6, "{admins:?}");
    assert!(admins.iter().all(|admin| admin["managed_by"] == "directory"), "{admins:?}");
}

/// When somebody comes in, the organization has no directory; a moment later it has, whose first word is that
/// this person stays out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_out_by_a_directory_that_begins_while_somebody_comes_in() {
    // the first transaction of `api-members` makes the link
    let (product, held) = Product::held("api-members", 1).await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let bob = product.sign_in("bob@other.example").await.text("/access_token");
    let ends = (product.cloud.clock().now() + jiff::SignedDuration::from_hours(1)).to_string();
    let link = json!({ "role": "member", "max_uses": 2, "expires_at": ends });
    let link = product.post_as("/v1/orgs/current/invite-links", &ada, &link).await;
    let link = link.text("/url").split_once("#token=").unwrap().1.to_owned();
    let begins = held.meanwhile(async {
        let token = product.scim_token(&ada).await;
        let new = json!({ "userName": "bob@other.example", "active": false });
        let made = product.scim(&token, "POST", "/Users", &new).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    });
    let (accepted, ()) = join(product.accept(&bob, &link), begins).await;
    assert_eq!(refused(&accepted), (403, "deprovisioned"), "{accepted:?}");
    assert_eq!(product.in_roles(&ada).await.len(), 1);
    assert_eq!(product.seats().await, (1, 1, 0));
}

/// The same twice at the same moment, as where an answer was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_out_ten_times_is_taken_out_once() {
    let product = Product::crowded().await;
    let acme = product.acme().await;
    let bob = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    let answers = join_all((0..10).map(|_| product.scim_active(&acme.token, &bob, false))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    assert_eq!(product.told("member.removed").await.len(), 1);
    assert_eq!(product.seats().await.0, 1);
    let answers = join_all((0..10).map(|_| product.scim_active(&acme.token, &bob, true))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    assert_eq!((product.seats().await.0, product.in_roles(&acme.ada).await.len()), (2, 2));
}

/// The cap of tokens under many callers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_tokens_at_once_an_organization_gets_ten() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let body = json!({ "name": "IdP" });
    let answers = join_all((0..50).map(|_| product.post_as("/v1/orgs/current/scim/tokens", &ada, &body)));
    let answers = answers.await;
    let counts = counted(&answers);
    assert_eq!((counts[&(201, "")], counts[&(409, "too_many_scim_tokens")]), (10, 40), "{counts:?}");
    product.settle().await;
    let shown = product.get("/v1/orgs/current/scim", &ada).await;
    assert_eq!(shown.body["tokens"].as_array().unwrap().len(), 10);
}
