//! What becomes of a key when whoever made it may less, or is no member any more.

use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::{BILLING, MEMBERS, POLICIES};
use crate::{invites::refused, product::Product};

impl Product {
    /// Says what becomes of the keys of those who leave.
    pub(super) async fn keys_of_leavers(&self, by: &str, policy: &str) -> Answer {
        let set = self.patch_as(POLICIES, by, "*", &json!({ "api_keys_of_leavers": policy })).await;
        assert_eq!((set.status, set.text("/api_keys_of_leavers")), (StatusCode::OK, policy.to_owned()));
        self.settle().await;
        set
    }
}

fn status(id: &str, status: &str) -> (String, String) {
    (id.to_owned(), status.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_may_no_more_than_whoever_made_it() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let (_, text) = product.api_key(&bob, &["billing:read", "members:read"]).await;
    for (role, may_pay) in [("viewer", false), ("member", false), ("owner", true), ("admin", true)] {
        assert_eq!(product.set_member(&ada, &member, role).await.status, StatusCode::OK, "{role}");
        assert_eq!(product.refusal(&text).await, "", "{role}");
        let answer = product.get(BILLING, &text).await;
        if may_pay {
            assert_eq!(answer.status, StatusCode::OK, "{role}: {answer:?}");
        } else {
            let told = (refused(&answer), answer.text("/needed"));
            assert_eq!(told, ((403, "forbidden"), "billing:read".to_owned()), "{role}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_ends_with_the_membership_of_whoever_made_it() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    assert_eq!(product.get(POLICIES, &ada).await.text("/api_keys_of_leavers"), "revoke");
    let (own, good) = product.api_key(&ada, &["members:read"]).await;
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let (one, first) = product.api_key(&bob, &["members:read"]).await;
    let (two, second) = product.api_key(&bob, &["members:read"]).await;
    let (gone, _) = product.api_key(&bob, &["members:read"]).await;
    assert_eq!(product.revoke_key(&ada, &gone).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.remove_member(&ada, &member).await.status, StatusCode::NO_CONTENT);
    for text in [&first, &second] {
        assert_eq!(product.refusal(text).await, "invalid_api_key");
    }
    assert_eq!(product.refusal(&good).await, "", "of somebody who is there");
    let expected =
        [status(&own, "active"), status(&one, "revoked"), status(&two, "revoked"), status(&gone, "revoked")];
    assert_eq!((product.statuses(&ada).await, product.counted_keys().await), (expected.to_vec(), 1));
    let told = product.told("member.removed").await;
    assert_eq!(told[0]["revoked_api_keys"], json!([one, two]), "and none that was taken back before");

    // nothing brings them back: neither the person who comes again, nor another policy, nor a new text
    product.joined(&ada, "bob@example.com", "admin").await;
    assert_eq!(product.refusal(&first).await, "invalid_api_key");
    product.keys_of_leavers(&ada, "keep").await;
    assert_eq!(product.refusal(&first).await, "invalid_api_key");
    assert_eq!(refused(&product.rotate_key(&ada, &one, &json!({})).await), (409, "key_revoked"));
    product.keys_of_leavers(&ada, "revoke").await;

    // whoever goes by themselves goes the same way
    let (eve, _) = product.joined(&ada, "eve@example.com", "admin").await;
    let (id, text) = product.api_key(&eve, &["members:read"]).await;
    assert_eq!(product.post_nothing("/v1/orgs/current/leave", &eve).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.refusal(&text).await, "invalid_api_key");
    let told = product.told("member.removed").await;
    assert_eq!((&told[1]["revoked_api_keys"], product.counted_keys().await), (&json!([id]), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_may_keep_the_keys_of_those_who_leave() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let set = product.keys_of_leavers(&ada, "keep").await;
    assert_eq!((&set.body["version"], set.text("/mfa/mode")), (&json!(1), "optional".to_owned()));
    let wrong = product.patch_as(POLICIES, &ada, "*", &json!({ "api_keys_of_leavers": "ask" })).await;
    assert_eq!(wrong.text("/errors/0/pointer"), "/api_keys_of_leavers", "{wrong:?}");
    let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let (id, text) = product.api_key(&bob, &["billing:read", "members:read"]).await;
    assert_eq!(product.remove_member(&ada, &member).await.status, StatusCode::NO_CONTENT);
    for path in [BILLING, MEMBERS] {
        let answer = product.get(path, &text).await;
        assert_eq!(answer.status, StatusCode::OK, "it goes on with its scopes: {answer:?}");
    }
    let foreign = product.get("/v1/orgs/current", &text).await;
    assert_eq!(refused(&foreign), (403, "insufficient_scope"), "and has no others");
    assert_eq!(product.statuses(&ada).await, [status(&id, "active")]);
    assert_eq!(product.told("member.removed").await[0]["revoked_api_keys"], json!([]));
    let kept = product.told("member.api_keys_retained").await;
    assert_eq!((kept.len(), &kept[0]["api_keys"]), (1, &json!([id])));
    let told = "API keys of a former member go on working in acme";
    let subjects = product.subjects("ada@example.com").await;
    assert!(subjects.iter().any(|subject| subject.starts_with(told)), "{subjects:?}");

    // it is the organization's, whose members rotate it
    let rotated = product.rotate_key(&ada, &id, &json!({ "overlap_seconds": 0 })).await.text("/secret");
    assert_eq!((&*product.refusal(&text).await, &*product.refusal(&rotated).await), ("invalid_api_key", ""));
    product.keys_of_leavers(&ada, "revoke").await;
    assert_eq!(product.refusal(&rotated).await, "invalid_api_key", "from the next request on");
    assert_eq!(
        (product.statuses(&ada).await, product.counted_keys().await),
        (vec![status(&id, "revoked")], 0)
    );
    let told = product.told("organization.policies_updated").await;
    assert_eq!(told.last().unwrap()["revoked_api_keys"], json!([id]));
    product.keys_of_leavers(&ada, "keep").await;
    assert_eq!(product.refusal(&rotated).await, "invalid_api_key", "for good");
    product.keys_of_leavers(&ada, "revoke").await;
    // nobody gets something back by leaving
    product.keys_of_leavers(&ada, "keep").await;
    let (zoe, member) = product.joined(&ada, "zoe@example.com", "admin").await;
    let (_, text) = product.api_key(&zoe, &["billing:read", "members:read"]).await;
    assert_eq!(product.set_member(&ada, &member, "viewer").await.status, StatusCode::OK);
    assert_eq!(product.post_nothing("/v1/orgs/current/leave", &zoe).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.refusal(&text).await, "");
    assert_eq!(refused(&product.get(BILLING, &text).await), (403, "insufficient_scope"));
    // nobody is told of nothing
    product.keys_of_leavers(&ada, "revoke").await;
    let (_, member) = product.joined(&ada, "eve@example.com", "admin").await;
    product.keys_of_leavers(&ada, "keep").await;
    assert_eq!(product.remove_member(&ada, &member).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.told("member.api_keys_retained").await.len(), 2);
    let policies = product.get(POLICIES, &ada).await;
    assert_eq!(
        (policies.text("/api_keys_of_leavers"), &policies.body["allowed_email_domains"]),
        ("keep".into(), &Value::Null)
    );
}

/// Whichever is first, the key ends: none sleeps that another policy would wake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_changes_while_somebody_leaves_ends_the_keys() {
    for turn in 0..6 {
        let product = Product::crowded().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        product.keys_of_leavers(&ada, "keep").await;
        let (bob, member) = product.joined(&ada, "bob@example.com", "admin").await;
        let (id, text) = product.api_key(&bob, &["members:read"]).await;
        let revoke = json!({ "api_keys_of_leavers": "revoke" });
        let (set, removed) = futures::join!(
            product.patch_as(POLICIES, &ada, "*", &revoke),
            product.remove_member(&ada, &member)
        );
        assert_eq!(
            (set.status, removed.status),
            (StatusCode::OK, StatusCode::NO_CONTENT),
            "{set:?} {removed:?}"
        );
        let left = (product.statuses(&ada).await, product.counted_keys().await);
        assert_eq!(left, (vec![status(&id, "revoked")], 0), "turn {turn}");
        product.keys_of_leavers(&ada, "keep").await;
        assert_eq!(product.refusal(&text).await, "invalid_api_key", "turn {turn}");
    }
}
