//! Whom the directory takes out: at once, with all that hangs on it, and so that nothing but the directory
//! lets that person in again.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::scim_type;
use crate::{invites::refused, product::Product, scim::user, stored};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_keys_and_the_seat_end_at_once() {
    for delete in [false, true] {
        let product = Product::start().await;
        let acme = product.acme().await;
        let id = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
        let bob = product.sign_in("bob@acme.example").await.text("/access_token");
        let bob = product.within(&bob).await;
        let member = product.own_member(&bob).await;
        product.set_member(&acme.ada, &member, "admin").await;
        let (_, key) = product.api_key(&bob, &["members:read"]).await;
        assert_eq!(product.get("/v1/orgs/current/members", &key).await.status, StatusCode::OK);
        let (seats, ..) = product.seats().await;
        assert_eq!(seats, 2);

        let out = if delete {
            product.scim(&acme.token, "DELETE", &format!("/Users/{id}"), &Value::Null).await
        } else {
            product.scim_active(&acme.token, &id, false).await
        };
        assert!(out.status.is_success(), "{out:?}");
        assert_eq!(product.get("/v1/orgs/current/members", &bob).await.status, StatusCode::FORBIDDEN);
        assert_eq!(product.get("/v1/orgs/current/members", &key).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(product.seats().await.0, 1);
        let told = product.told("member.removed").await;
        assert_eq!(told.last().unwrap()["via"], "scim", "{told:?}");
    }
}

/// The old invite, a new one, a link, the domain: nothing lets somebody in whom the directory has taken
/// out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_undoes_it_but_the_directory() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let ada = &acme.ada;
    let listed = product.get("/v1/orgs/current/domains", ada).await;
    let path = format!("/v1/orgs/current/domains/{}", listed.text("/items/0/id"));
    let capture = async |how: &str| {
        let body = json!({ "capture": how });
        product.send(product.request(Method::PATCH, &path).bearer_auth(ada).json(&body)).await
    };
    let id = product.scim_user(&acme.token, "bob@acme.example").await.text("/id");
    let bob = product.sign_in("bob@acme.example").await.text("/access_token");
    assert_eq!(product.scim_active(&acme.token, &id, false).await.status, StatusCode::OK);
    let (_, link) = product.invited(ada, "bob@acme.example", "member").await;
    assert_eq!(refused(&product.accept(&bob, &link).await), (403, "deprovisioned"));
    product.advance(jiff::SignedDuration::from_secs(1)).await;
    let ends = (product.cloud.clock().now() + jiff::SignedDuration::from_hours(24)).to_string();
    let body = json!({ "role": "viewer", "max_uses": 2, "expires_at": ends });
    let many = product.post_as("/v1/orgs/current/invite-links", ada, &body).await;
    let many = many.text("/url").split_once("#token=").unwrap().1.to_owned();
    assert_eq!(refused(&product.accept(&bob, &many).await), (403, "deprovisioned"));
    capture("automatic").await;
    let asked = product.ask_to_join(&bob, &acme.org_id).await;
    if asked.status == StatusCode::CREATED {
        assert_eq!(refused(&product.decide(ada, &asked, "approve").await), (403, "deprovisioned"));
    } else {
        assert_eq!(refused(&asked), (403, "deprovisioned"));
    }
    // another address is the same person
    let seats = product.seats().await;
    assert_eq!((seats.1, product.in_roles(ada).await.len()), (1, 1), "{seats:?}");

    // somebody whom nobody knew yet, taken out by the address alone
    let new = json!({ "userName": "eve@other.example", "active": false });
    let made = product.scim(&acme.token, "POST", "/Users", &new).await;
    assert_eq!((made.status, &made.body["active"]), (StatusCode::CREATED, &json!(false)), "{made:?}");
    let (_, link) = product.invited(ada, "eve@other.example", "member").await;
    let eve = product.sign_in("eve@other.example").await.text("/access_token");
    assert_eq!(refused(&product.accept(&eve, &link).await), (403, "deprovisioned"));
    let on = product.scim_active(&acme.token, &made.text("/id"), true).await;
    assert_eq!(on.status, StatusCode::OK);
    assert_eq!(product.in_roles(ada).await.len(), 1, "a foreign address is let in by an invite alone");
    assert_eq!(product.accept(&eve, &link).await.status, StatusCode::OK, "which works from now on");

    // and the directory lets its own people in again, with a seat or that of the invite
    let on = product.scim_active(&acme.token, &id, true).await;
    assert_eq!((on.status, &on.body["active"]), (StatusCode::OK, &json!(true)), "{on:?}");
    assert_eq!(product.in_roles(ada).await.len(), 3);
    assert!(!product.within(&bob).await.is_empty());

    // without a directory there is nobody whom it keeps out
    assert_eq!(product.scim_active(&acme.token, &id, false).await.status, StatusCode::OK);
    let tokens = product.get("/v1/orgs/current/scim", ada).await;
    let token = format!("/v1/orgs/current/scim/tokens/{}", tokens.text("/tokens/0/id"));
    assert_eq!(product.delete(&token, ada).await.status, StatusCode::NO_CONTENT);
    let (_, link) = product.invited(ada, "bob@acme.example", "member").await;
    assert_eq!(product.accept(&bob, &link).await.status, StatusCode::OK);
}

/// A member by invite, of another domain, whom the directory took out, is let in again by it: that is what
/// it undoes. Who left is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_brings_back_whom_it_took_out_and_nobody_who_left() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let (eve, member) = product.joined(&acme.ada, "eve@other.example", "viewer").await;
    let id = product.scim_user(&acme.token, "eve@other.example").await.text("/id");
    assert_eq!(product.scim_active(&acme.token, &id, false).await.status, StatusCode::OK);
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1);
    assert_eq!(product.scim_active(&acme.token, &id, true).await.status, StatusCode::OK);
    let roles = product.in_roles(&acme.ada).await;
    assert_eq!(roles[1], ("eve@other.example".to_owned(), "viewer".to_owned()), "as before");
    let eve = product.within(&eve).await;
    assert_ne!(product.own_member(&eve).await, member, "another membership: no old one is revived");
    let left = product.post_nothing("/v1/orgs/current/leave", &eve).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT, "{left:?}");
    product.scim_active(&acme.token, &id, false).await;
    product.scim_active(&acme.token, &id, true).await;
    assert_eq!(product.in_roles(&acme.ada).await.len(), 1, "of her own will");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_owner_stays_and_the_seats_have_an_end() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let ada = product.scim_user(&acme.token, "ada@example.com").await.text("/id");
    let refused = product.scim_active(&acme.token, &ada, false).await;
    assert_eq!(scim_type(&refused), (409, ""), "{refused:?}");
    let refused = product.scim(&acme.token, "DELETE", &format!("/Users/{ada}"), &Value::Null).await;
    assert_eq!(scim_type(&refused), (409, ""), "{refused:?}");
    let shown = product.scim(&acme.token, "GET", &format!("/Users/{ada}"), &Value::Null).await;
    assert_eq!(shown.body["active"], true, "nothing has changed");
    // with another owner who stays it is possible
    let (_, bob) = product.joined(&acme.ada, "bob@example.com", "admin").await;
    assert_eq!(product.set_member(&acme.ada, &bob, "owner").await.status, StatusCode::OK);
    assert_eq!(product.scim_active(&acme.token, &ada, false).await.status, StatusCode::OK);
    assert_eq!(product.get("/v1/orgs/current/members", &acme.ada).await.status, StatusCode::FORBIDDEN);
}

/// A trial has twenty seats: the owner has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_seat_nobody_comes_into_the_directory_as_a_member() {
    let product = Product::start().await;
    let acme = product.acme().await;
    let token = &acme.token;
    let mut first = String::new();
    for number in 1..20 {
        first = product.scim_user(token, &format!("p{number}@acme.example")).await.text("/id");
    }
    assert_eq!(product.seats().await.0, 20);
    let total = async || {
        let all = product.scim(token, "GET", "/Users?count=1", &Value::Null).await;
        all.body["totalResults"].as_u64().unwrap()
    };
    let over = user("over@acme.example");
    for _ in 0..2 {
        let full = product.scim(token, "POST", "/Users", &over).await;
        assert_eq!(scim_type(&full), (403, ""), "{full:?}");
        assert!(full.text("/detail").contains("no seat left"), "{full:?}");
    }
    assert_eq!((total().await, product.seats().await.0), (19, 20), "nothing of it is stored");
    let people = stored::items(&product).await.into_iter().filter(|item| item["kind"] == "user");
    assert!(people.into_iter().all(|person| person["email"] != "over@acme.example"));
    // one who is not active takes none, and is not let in either
    let mut inactive = over.clone();
    inactive["active"] = false.into();
    let made = product.scim(token, "POST", "/Users", &inactive).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let id = made.text("/id");
    assert_eq!(scim_type(&product.scim_active(token, &id, true).await), (403, ""));
    let shown = product.scim(token, "GET", &format!("/Users/{id}"), &Value::Null).await;
    assert_eq!(shown.body["active"], false, "{shown:?}");
    // a seat is free again
    assert_eq!(product.scim_active(token, &first, false).await.status, StatusCode::OK);
    assert_eq!(product.scim_active(token, &id, true).await.status, StatusCode::OK);
    assert_eq!((total().await, product.seats().await.0), (20, 20));
}

/// Also somebody who never was a member, and whose address is of a domain that the provider may speak of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_provider_lets_nobody_in_whom_the_directory_keeps_out() {
    let product = Product::start().await;
    let acme = product.with_sso("acme", &json!({})).await;
    let token = product.scim_token(&acme.ada).await;
    let mut new = user("bob@acme.example");
    new["active"] = false.into();
    let made = product.scim(&token, "POST", "/Users", &new).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(refused(&product.by_sso("bob@acme.example").await), (403, "deprovisioned"));
    assert_eq!(product.seats().await.0, 1);
    assert_eq!(product.by_sso("eve@acme.example").await.status, StatusCode::OK, "of whom it says nothing");
    assert_eq!(product.scim_active(&token, &made.text("/id"), true).await.status, StatusCode::OK);
    assert_eq!(product.by_sso("bob@acme.example").await.status, StatusCode::OK);
    assert_eq!(product.seats().await.0, 3);
}
