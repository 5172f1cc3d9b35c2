//! What programs change with a key, and who is said to have done it.

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::MEMBERS;
use crate::{
    invites::{counted, refused},
    product::Product,
};

const ORGANIZATION: &str = "/v1/orgs/current";
const INVITES: &str = "/v1/orgs/current/invites";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_key_changes_is_said_of_the_key() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (key_id, key) = product.api_key(&ada, &["org:write", "members:write", "invites:write"]).await;
    let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
    let path = format!("{MEMBERS}/{member}");

    let renamed = product.patch_as(ORGANIZATION, &key, "*", &json!({ "name": "Acme & Sons" })).await;
    assert_eq!((renamed.status, renamed.text("/name")), (StatusCode::OK, "Acme & Sons".to_owned()));
    let changed = product.patch_as(&path, &key, "*", &json!({ "role": "viewer" })).await;
    assert_eq!((changed.status, changed.text("/role")), (StatusCode::OK, "viewer".to_owned()));
    assert_eq!(product.delete(&path, &key).await.status, StatusCode::NO_CONTENT);
    let (invite, _) = product.invited(&key, "eve@example.com", "member").await;
    let resent = product.post_as(&format!("{INVITES}/{invite}/resend"), &key, &json!(null)).await;
    assert_eq!(resent.status, StatusCode::OK, "{resent:?}");
    product.settle().await;
    let link = product.link("eve@example.com").await;
    assert_eq!(product.preview(&link).await.status, StatusCode::OK);
    assert_eq!(product.delete(&format!("{INVITES}/{invite}"), &key).await.status, StatusCode::NO_CONTENT);
    let items = json!({ "items": [
        { "email": "eve@example.com", "role": "member" }, { "email": "fay@example.com", "role": "admin" },
    ] });
    let batch = product.post_as(&format!("{INVITES}/batch"), &key, &items).await;
    assert_eq!(batch.status, StatusCode::MULTI_STATUS, "{batch:?}");
    assert_eq!(batch.text("/items/1/problem/code"), "insufficient_scope");

    product.settle().await;
    let log = product.get("/v1/audit/events?limit=100", &ada).await;
    let rows = log.body["items"].as_array().unwrap().iter();
    let by_key = rows.filter(|row| row["actor"] == json!({ "type": "api_key", "id": key_id }));
    let mut done: Vec<_> = by_key.map(|row| row["action"].as_str().unwrap()).collect();
    done.sort_unstable();
    let expected = [
        "invite.created",
        "invite.created",
        "invite.resent",
        "invite.revoked",
        "member.removed",
        "member.updated",
        "organization.updated",
    ];
    assert_eq!(done, expected);
    let by_key = product.get(&format!("/v1/audit/events?actor_id={key_id}&limit=100"), &ada).await;
    assert_eq!(by_key.body["items"].as_array().unwrap().len(), expected.len(), "{by_key:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_owners_do_and_admins_become_takes_a_person() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, key) = product.api_key(&ada, &["members:write", "invites:write"]).await;
    let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
    let owner = product.get(MEMBERS, &ada).await.text("/items/0/id");
    let only_people = (403, "insufficient_scope");
    let path = format!("{MEMBERS}/{member}");
    let made = product.patch_as(&path, &key, "*", &json!({ "role": "owner" })).await;
    assert_eq!(refused(&made), only_people);
    let lowered =
        product.patch_as(&format!("{MEMBERS}/{owner}"), &key, "*", &json!({ "role": "viewer" })).await;
    assert_eq!(refused(&lowered), only_people);
    assert_eq!(refused(&product.delete(&format!("{MEMBERS}/{owner}"), &key).await), only_people);
    for role in ["owner", "admin"] {
        assert_eq!(refused(&product.invite(&key, "eve@example.com", role).await), only_people, "{role}");
    }
    // an admin's invite that a person sent is not sent once more by a program
    let (invite, _) = product.invited(&ada, "gus@example.com", "admin").await;
    let resent = product.post_as(&format!("{INVITES}/{invite}/resend"), &key, &json!(null)).await;
    assert_eq!(refused(&resent), only_people);
    let body = json!({ "email": "hal@example.com" });
    let rebound = product.post_as(&format!("{INVITES}/{invite}/rebind"), &key, &body).await;
    assert_eq!(refused(&rebound), only_people);
    assert_eq!(product.told("member.updated").await, [] as [serde_json::Value; 0]);
}

/// The role of whoever made it counts with the next request; and who has left answers for no invite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_writes_what_its_maker_may_and_invites_while_there_is_one() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let (_, key) = product.api_key(&bob, &["org:write", "invites:write"]).await;
    assert_eq!(product.set_member(&ada, &member, "member").await.status, StatusCode::OK);
    let renamed = product.patch_as(ORGANIZATION, &key, "*", &json!({ "name": "Beta" })).await;
    assert_eq!(refused(&renamed), (403, "forbidden"));
    assert_eq!(refused(&product.invite(&key, "eve@example.com", "member").await), (403, "forbidden"));

    assert_eq!(product.set_member(&ada, &member, "admin").await.status, StatusCode::OK);
    product.keys_of_leavers(&ada, "keep").await;
    assert_eq!(product.remove_member(&ada, &member).await.status, StatusCode::NO_CONTENT);
    let renamed = product.patch_as(ORGANIZATION, &key, "*", &json!({ "name": "Beta" })).await;
    assert_eq!(renamed.status, StatusCode::OK, "{renamed:?}");
    let invited = product.invite(&key, "eve@example.com", "member").await;
    assert_eq!(refused(&invited), (403, "insufficient_scope"));
}

/// An `Idempotency-Key` is its caller's: the key's answers are not those of whoever made it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_requests_with_one_name_a_key_makes_one_invite() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, key) = product.api_key(&ada, &["invites:write"]).await;
    let named = |by: &str, email: &str| {
        let request = product.request(Method::POST, INVITES).bearer_auth(by).header("idempotency-key", "one");
        product.send(request.json(&json!({ "email": email, "role": "member" })))
    };
    let answers = join_all((0..20).map(|_| named(&key, "eve@example.com"))).await;
    let made = counted(&answers).get(&(201, "")).copied().unwrap_or_default();
    assert!(
        made >= 1 && answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 409)),
        "{answers:?}"
    );
    let again = named(&key, "eve@example.com").await;
    let first = answers.iter().find(|answer| answer.status == StatusCode::CREATED).unwrap();
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
    let own = named(&ada, "fay@example.com").await;
    assert_eq!(own.status, StatusCode::CREATED, "{own:?}");
    assert_eq!(product.told("invite.created").await.len(), 2);
}
