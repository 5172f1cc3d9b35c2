//! What is no key, or none any more, and what an organization itself may not.

use access::AccessLevel;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::{BILLING, CURRENT, KEYS, MEMBERS, SCOPES, parts, written};
use crate::{authorisation::set_level, invites::refused, product::Product};

/// The same text with another character at this place.
fn changed(text: &str, place: usize) -> String {
    let other = if text[place..].starts_with('a') { "b" } else { "a" };
    format!("{}{other}{}", &text[..place], &text[place + 1..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_key_is_answered_alike() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.owner("bob@example.com", "beta").await;
    let (_, good) = product.api_key(&ada, &SCOPES).await;
    let (_, foreign) = product.api_key(&bob, &SCOPES).await;
    let (id, revoked) = product.api_key(&ada, &SCOPES).await;
    assert_eq!(product.revoke_key(&ada, &id).await.status, StatusCode::NO_CONTENT);
    let ends_at = product.cloud.clock().now() + SignedDuration::from_secs(60);
    let body = json!({ "name": "CI", "scopes": SCOPES, "expires_at": ends_at.to_string() });
    let expired = product.post_as(KEYS, &ada, &body).await;
    let (ending, expired) = (expired.text("/api_key/id"), expired.text("/secret"));
    assert_eq!(product.refusal(&expired).await, "");
    product.advance(SignedDuration::from_secs(61)).await;

    let ((own, secret), (others, other_secret)) = (parts(&good), parts(&foreign));
    assert_eq!(written(own, secret), good, "the forgeries below are right but for what they say");
    let of = |ids: [&str; 3]| written(&ids.concat(), secret);
    let mut first = None;
    for (case, text) in [
        ("revoked", revoked),
        ("expired", expired),
        ("of no organization", of([&"0".repeat(22), &own[22..44], &own[44..]])),
        ("of another organization", of([&others[..22], &own[22..44], &own[44..]])),
        ("another key of it", of([&own[..22], &others[22..44], &own[44..]])),
        ("somebody else's", of([&own[..22], &own[22..44], &others[44..]])),
        ("all of another one but its secret", written(others, secret)),
        ("with another secret", written(own, other_secret)),
        ("with ids that are too large", of([&"z".repeat(22), &own[22..44], &own[44..]])),
        ("its organization changed", changed(&good, 9)),
        ("its secret changed", changed(&good, 80)),
        ("its checksum changed", changed(&good, good.len() - 1)),
        ("of another environment", good.replacen("local", "live", 1)),
        ("cut", good[..good.len() - 1].to_owned()),
        ("longer", format!("{good}0")),
        ("not at all one", "gk_x".to_owned()),
    ] {
        for path in [MEMBERS, BILLING, CURRENT] {
            let mut answer = product.get(path, &text).await;
            assert_eq!(refused(&answer), (401, "invalid_api_key"), "{case}: {path}: {answer:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
            answer.body["instance"] = Value::Null;
            assert_eq!(first.get_or_insert(answer.body.clone()), &answer.body, "{case}: {path}");
        }
        let answer = product.introspect(&text, &ada).await;
        assert_eq!(refused(&answer), (401, "invalid_api_key"), "{case}: {answer:?}");
    }
    assert_eq!(product.refusal(&good).await, "");
    let shown = product.get(&format!("{KEYS}/{ending}"), &ada).await;
    assert_eq!(shown.text("/status"), "expired");
    // its end is not for good: somebody may say another one
    let again = product.change_key(&ada, &ending, &json!({ "expires_at": null })).await;
    assert_eq!(again.text("/status"), "active", "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_another_organization_is_not_there() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (invite, _) = product.invited(&ada, "eve@example.com", "member").await;
    let member = product.own_member(&ada).await;
    let (id, text) = product.api_key(&ada, &["members:read"]).await;
    let (bob, beta) = product.owner("bob@example.com", "beta").await;
    let (_, foreign) = product.api_key(&bob, &SCOPES).await;
    assert_eq!(product.get("/v1/orgs/current", &foreign).await.text("/id"), beta);
    assert_eq!(product.get(MEMBERS, &foreign).await.text("/items/0/email"), "bob@example.com");
    assert_eq!(product.introspect(&foreign, &ada).await.body, json!({ "active": false }));
    for path in [format!("{MEMBERS}/{member}"), format!("/v1/orgs/current/invites/{invite}")] {
        assert_eq!(refused(&product.get(&path, &foreign).await), (404, "not_found"), "{path}");
    }
    for id in [&*id, "key_01kar8h5g0e0vsx4q1v3f6m2ah", "key_x"] {
        for answer in [
            product.get(&format!("{KEYS}/{id}"), &bob).await,
            product.change_key(&bob, id, &json!({ "name": "Mine" })).await,
            product.rotate_key(&bob, id, &json!({ "overlap_seconds": 0 })).await,
            product.revoke_key(&bob, id).await,
        ] {
            assert_eq!(refused(&answer), (404, "not_found"), "{id}: {answer:?}");
        }
    }
    assert_eq!(product.refusal(&text).await, "");
    assert_eq!(product.statuses(&ada).await, [(id, "active".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_may_what_its_organization_may() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let (_, text) = product.api_key(&ada, &SCOPES).await;
    let paths = ["/v1/orgs/current", MEMBERS, "/v1/orgs/current/invites", BILLING];
    for level in AccessLevel::ALL {
        set_level(&product, &org, level).await;
        let mut codes = Vec::new();
        for path in paths {
            let (by_key, by_member) = (product.get(path, &text).await, product.get(path, &ada).await);
            let told = |answer: &Answer| {
                let [needed, access] = ["needed", "access"].map(|name| answer.body[name].clone());
                (answer.status, answer.problem_or_empty().to_owned(), needed, access)
            };
            // what is shown may have an `access` of its own
            if by_member.status != StatusCode::OK {
                assert_eq!(told(&by_key), told(&by_member), "{level}: {path}");
            }
            assert_eq!(by_key.status, by_member.status, "{level}: {path}: {by_key:?}");
            codes.push(by_key.problem_or_empty().to_owned());
        }
        let closed = if level == AccessLevel::Suspended || level == AccessLevel::ExportOnly {
            "access_restricted"
        } else {
            ""
        };
        assert_eq!(codes, ["", closed, closed, ""], "{level}");
    }
    set_level(&product, &org, AccessLevel::Full).await;

    let operator = product.staff("op@example.com", "operator").await;
    let path = format!("/v1/admin/orgs/{org}");
    assert_eq!(product.act(&format!("{path}/suspend"), &operator).await.status, StatusCode::OK);
    for path in paths {
        assert_eq!(refused(&product.get(path, &text).await), (403, "organization_suspended"), "{path}");
    }
    let asked = product.introspect(&text, &ada).await;
    assert_eq!(refused(&asked), (403, "organization_suspended"));
    assert_eq!(product.act(&format!("{path}/unsuspend"), &operator).await.status, StatusCode::OK);
    assert_eq!(product.refusal(&text).await, "");
}
