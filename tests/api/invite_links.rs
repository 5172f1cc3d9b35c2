//! Links by which several people come in.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{
    invites::{counted, refused},
    product::Product,
};

impl Product {
    /// Makes a link: its id and its token.
    async fn made(&self, token: &str, what: &Value) -> (String, String) {
        let made = self.make(token, what).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let token = made.text("/url").split_once("#token=").unwrap().1.to_owned();
        (made.text("/invite_link/id"), token)
    }

    async fn make(&self, token: &str, what: &Value) -> Answer {
        let expires_at = (self.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
        let mut body = json!({ "role": "viewer", "max_uses": 2, "expires_at": expires_at });
        body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        self.post_as("/v1/orgs/current/invite-links", token, &body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_link_so_many_come_in_of_its_domains_until_its_day() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let (_, link) = product.made(&ada, &json!({ "allowed_domains": ["example.com"] })).await;
    let preview = product.preview(&link).await;
    assert_eq!((preview.text("/org_name"), &preview.body["email_hint"]), ("acme".into(), &Value::Null));
    assert_eq!(refused(&product.decline(&link).await), (410, "invite_closed"));
    let come = async |email: &str, link: &str| {
        let token = product.sign_in(email).await.text("/access_token");
        (product.accept(&token, link).await, token)
    };
    let (foreign, _) = come("eve@example.org", &link).await;
    assert_eq!(refused(&foreign), (403, "domain_not_allowed"));
    let (bob, token) = come("bob@example.com", &link).await;
    assert_eq!((bob.text("/org_id"), bob.text("/role")), (org, "viewer".to_owned()), "{bob:?}");
    assert_eq!(product.accept(&token, &link).await.body, bob.body, "the same twice is once");
    assert_eq!(come("kim@example.com", &link).await.0.status, StatusCode::OK);
    assert_eq!(refused(&come("len@example.com", &link).await.0), (410, "invite_closed"), "used up");
    assert_eq!(product.seats().await, (3, 3, 0));
    // who was taken out does not come back by a link from before, and does by one from after
    let (old, link) = product.made(&ada, &json!({ "max_uses": 9 })).await;
    product.delete(&format!("/v1/orgs/current/members/{}", bob.text("/id")), &ada).await;
    assert_eq!(refused(&product.accept(&token, &link).await), (410, "invite_closed"));
    product.delete(&format!("/v1/orgs/current/invite-links/{old}"), &ada).await;
    assert_eq!(refused(&come("len@example.com", &link).await.0), (410, "invite_closed"), "taken back");
    product.advance(SignedDuration::from_secs(1)).await;
    let (_, link) = product.made(&ada, &json!({})).await;
    assert_eq!(product.accept(&token, &link).await.status, StatusCode::OK);
    product.advance(SignedDuration::from_hours(24)).await;
    assert_eq!(refused(&come("len@example.com", &link).await.0), (410, "invite_closed"), "its day is over");
    let (_, ada) = come("ada@example.com", "x").await;
    let gone = product.get("/v1/orgs/current/invite-links", &product.within(&ada).await).await;
    assert!(gone.body["items"].as_array().unwrap().iter().all(|link| link["status"] != "active"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_no_more_than_it_may_be() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let late = (product.cloud.clock().now() + SignedDuration::from_hours(91 * 24)).to_string();
    for (what, pointer, code) in [
        (json!({ "role": "admin" }), "/role", "unknown_value"),
        (json!({ "max_uses": 0 }), "/max_uses", "out_of_range"),
        (json!({ "max_uses": 1001 }), "/max_uses", "out_of_range"),
        (json!({ "expires_at": late }), "/expires_at", "out_of_range"),
        (json!({ "expires_at": "2020-01-01T00:00:00.000Z" }), "/expires_at", "out_of_range"),
        (json!({ "allowed_domains": [] }), "/allowed_domains", "out_of_range"),
    ] {
        let no = product.make(&ada, &what).await;
        let error = (no.text("/errors/0/pointer"), no.text("/errors/0/code"));
        assert_eq!(
            (refused(&no), error),
            ((422, "invalid_request"), (pointer.into(), code.into())),
            "{what}"
        );
    }
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let (_, link) = product.made(&bob, &json!({})).await;
    for _ in 0..9 {
        product.made(&ada, &json!({})).await;
    }
    assert_eq!(refused(&product.make(&ada, &json!({})).await), (409, "too_many_invite_links"));
    product.set_member(&ada, &member, "member").await;
    let eve = product.sign_in("eve@example.com").await.text("/access_token");
    assert_eq!(
        refused(&product.accept(&eve, &link).await),
        (410, "invite_closed"),
        "its maker invites no more"
    );
    let (other, _) = product.owner("zoe@example.com", "zoe").await;
    let id = product.get("/v1/orgs/current/invite-links", &ada).await.text("/items/0/id");
    let foreign = product.delete(&format!("/v1/orgs/current/invite-links/{id}"), &other).await;
    assert_eq!(refused(&foreign), (404, "not_found"));
}

/// Twenty come by one link into the last seat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_come_at_once_into_the_last_seat_one_gets_it() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for number in 1..19 {
        product.invite(&ada, &format!("p{number}@example.com"), "member").await;
    }
    let (_, link) = product.made(&ada, &json!({ "max_uses": 100 })).await;
    let mut tokens = Vec::new();
    for number in 0..20 {
        tokens.push(product.sign_in(&format!("q{number}@example.com")).await.text("/access_token"));
    }
    let answers = join_all(tokens.iter().map(|token| product.accept(token, &link))).await;
    let counted = counted(&answers);
    assert_eq!(counted, [((200, ""), 1), ((402, "seat_limit_reached"), 19)].into());
    assert_eq!(product.seats().await, (20, 2, 18));
    let links = product.get("/v1/orgs/current/invite-links", &ada).await;
    assert_eq!(links.body["items"][0]["uses"], 1, "{links:?}");
}

/// A seat that an invite holds is the person's, whichever way they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invited_and_comes_by_a_link_takes_one_seat() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for number in 0..18 {
        product.invite(&ada, &format!("p{number}@example.com"), "member").await;
    }
    let invited = product.invite(&ada, "bob@example.com", "admin").await.text("/id");
    let (_, link) = product.made(&ada, &json!({})).await;
    assert_eq!(product.seats().await, (20, 1, 19));
    let bob = product.sign_in("bob@example.com").await.text("/access_token");
    let joined = product.accept(&bob, &link).await;
    assert_eq!((joined.status, joined.text("/role")), (StatusCode::OK, "viewer".to_owned()), "{joined:?}");
    assert_eq!(product.seats().await, (20, 2, 18));
    let shown = product.get(&format!("/v1/orgs/current/invites/{invited}"), &ada).await;
    assert_eq!(shown.text("/status"), "accepted", "it is over: {shown:?}");
}
