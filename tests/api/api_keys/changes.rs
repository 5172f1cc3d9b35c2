//! What of a key changes: its name, scopes, end, addresses, text, and when it was used last.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{BILLING, KEYS, MEMBERS, parts};
use crate::{invites::refused, product::Product};

impl Product {
    /// Which of these texts work.
    async fn which_work(&self, texts: &[&str]) -> Vec<bool> {
        let mut works = Vec::new();
        for text in texts {
            let refusal = self.refusal(text).await;
            assert!(["", "invalid_api_key"].contains(&&*refusal), "{refusal}");
            works.push(refusal.is_empty());
        }
        works
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_changes_from_the_next_request_on() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, text) = product.api_key(&ada, &["members:read"]).await;
    let path = format!("{KEYS}/{id}");
    let ends_at = product.cloud.clock().now() + SignedDuration::from_secs(60);
    let body = json!({ "name": "Build", "scopes": ["billing:read"], "expires_at": ends_at.to_string() });
    let changed = product.patch_as(&path, &ada, "\"1\"", &body).await;
    assert_eq!((changed.status, &changed.body["version"]), (StatusCode::OK, &json!(2)), "{changed:?}");
    let told = ["name", "status", "expires_at"].map(|name| changed.text(&format!("/{name}")));
    assert_eq!(told, ["Build", "active", &format!("{ends_at:.3}")]);
    assert_eq!(
        (&*product.refusal(&text).await, product.get(BILLING, &text).await.status),
        ("insufficient_scope", StatusCode::OK)
    );

    let late = product.patch_as(&path, &ada, "\"1\"", &json!({ "name": "Late" })).await;
    assert_eq!(
        (refused(&late), &late.headers["etag"]),
        ((412, "version_mismatch"), &"\"2\"".parse().unwrap())
    );
    let for_good = product.patch_as(&path, &ada, "\"2\"", &json!({ "expires_at": null })).await;
    assert_eq!((&for_good.body["expires_at"], &for_good.body["version"]), (&Value::Null, &json!(3)));
    assert_eq!(
        (for_good.text("/name"), &for_good.body["scopes"]),
        ("Build".into(), &json!(["billing:read"]))
    );
    let again = product.change_key(&ada, &id, &json!({ "name": "Build", "expires_at": null })).await;
    assert_eq!((again.status, &again.body["version"]), (StatusCode::OK, &json!(3)), "it is no change");
    product.advance(SignedDuration::from_secs(61)).await;
    assert_eq!(product.get(BILLING, &text).await.status, StatusCode::OK, "it has no end any more");
    let previous: Vec<_> =
        product.told("api_key.updated").await.iter().map(|data| data["previous"].clone()).collect();
    let first = json!({ "name": "CI", "scopes": ["members:read"], "expires_at": null });
    assert_eq!(previous, [first, json!({ "expires_at": changed.body["expires_at"] })]);

    for (part, value) in [("scopes", json!([])), ("expires_at", json!("2020-01-01T00:00:00Z"))] {
        let wrong = product.change_key(&ada, &id, &json!({ part: value })).await;
        assert_eq!((refused(&wrong).0, wrong.text("/errors/0/pointer")), (422, format!("/{part}")));
    }
    assert_eq!(product.revoke_key(&ada, &id).await.status, StatusCode::NO_CONTENT);
    let rename = json!({ "name": "Again" });
    assert_eq!(refused(&product.change_key(&ada, &id, &rename).await), (409, "key_revoked"));
    assert_eq!(refused(&product.rotate_key(&ada, &id, &json!({})).await), (409, "key_revoked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_key_asks_for_a_fresh_proof_and_its_end_does_not() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, text) = product.api_key(&ada, &["members:read"]).await;
    product.advance(SignedDuration::from_secs(601)).await;
    for answer in [
        product.post_as(KEYS, &ada, &json!({ "name": "CI", "scopes": ["org:read"] })).await,
        product.change_key(&ada, &id, &json!({ "name": "Build" })).await,
        product.rotate_key(&ada, &id, &json!({})).await,
    ] {
        assert_eq!(refused(&answer), (401, "step_up_required"), "{answer:?}");
    }
    assert_eq!(product.get(KEYS, &ada).await.status, StatusCode::OK);
    assert_eq!(product.revoke_key(&ada, &id).await.status, StatusCode::NO_CONTENT, "nobody waits for that");
    assert_eq!(product.refusal(&text).await, "invalid_api_key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_texts_of_a_rotated_key_work_for_a_while_and_then_the_new_one() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, first) = product.api_key(&ada, &["members:read"]).await;
    let rotated = async |seconds: u32| {
        let answer = product.rotate_key(&ada, &id, &json!({ "overlap_seconds": seconds })).await;
        assert_eq!(
            (answer.status, answer.text("/api_key/id")),
            (StatusCode::CREATED, id.clone()),
            "{answer:?}"
        );
        answer.text("/secret")
    };
    let second = rotated(300).await;
    assert_eq!(parts(&first).0, parts(&second).0, "it is the same key");
    assert_eq!(product.which_work(&[&first, &second]).await, [true, true]);
    product.advance(SignedDuration::from_secs(299)).await;
    assert_eq!(product.which_work(&[&first, &second]).await, [true, true]);
    product.advance(SignedDuration::from_secs(1)).await;
    assert_eq!(product.which_work(&[&first, &second]).await, [false, true]);

    let third = rotated(300).await;
    let fourth = rotated(300).await;
    assert_eq!(
        product.which_work(&[&second, &third, &fourth]).await,
        [false, true, true],
        "two work at most"
    );
    let fifth = rotated(0).await;
    assert_eq!(product.which_work(&[&third, &fourth, &fifth]).await, [false, false, true]);

    let sixth = product.rotate_key(&ada, &id, &json!({})).await.text("/secret");
    let now = product.cloud.clock().now();
    let told = product.told("api_key.rotated").await;
    let ends_at: jiff::Timestamp = told[4]["overlap_ends_at"].as_str().unwrap().parse().unwrap();
    let left = ends_at.duration_since(now).as_secs();
    assert!((86_340..=86_400).contains(&left), "a day where nothing is said: {left}");
    let shown = product.get(&format!("{KEYS}/{id}"), &ada).await;
    assert_eq!((&shown.body["version"], told.len()), (&json!(6), 5), "{shown:?}");
    for wrong in [json!(604_801), json!(-1), json!(1.5), json!("300")] {
        let answer = product.rotate_key(&ada, &id, &json!({ "overlap_seconds": wrong })).await;
        let pointer = answer.text("/errors/0/pointer");
        assert_eq!((refused(&answer).0, &*pointer), (422, "/overlap_seconds"), "{wrong}: {answer:?}");
    }
    assert_eq!(product.which_work(&[&fifth, &sixth]).await, [true, true], "what is refused ends no text");

    // both end with the key
    assert_eq!(product.revoke_key(&ada, &id).await.status, StatusCode::NO_CONTENT);
    assert_eq!(product.which_work(&[&fifth, &sixth]).await, [false, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_asked_for_twice_with_one_key_is_one() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, first) = product.api_key(&ada, &["members:read"]).await;
    let rotate = async || {
        let request = product.request(Method::POST, &format!("{KEYS}/{id}/rotate")).bearer_auth(&ada);
        product.send(request.header("idempotency-key", "once").json(&json!({}))).await
    };
    let (one, again) = (rotate().await, rotate().await);
    assert_eq!((again.status, &again.body["secret"]), (StatusCode::CREATED, &Value::Null), "{again:?}");
    assert_eq!(again.body["api_key"], one.body["api_key"]);
    for text in [&first, &one.text("/secret")] {
        assert_eq!(product.refusal(text).await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_a_list_of_addresses_works_from_there_alone() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let body = json!({
        "name": "CI", "scopes": ["members:read"],
        "allowed_addresses": ["2001:DB8::/32", "192.0.2.77/24", "127.0.0.7"],
    });
    let made = product.post_as(KEYS, &ada, &body).await;
    let (id, text) = (made.text("/api_key/id"), made.text("/secret"));
    let written = json!(["127.0.0.7/32", "192.0.2.0/24", "2001:db8::/32"]);
    assert_eq!(made.body["api_key"]["allowed_addresses"], written);
    assert_eq!(product.get_from(7, MEMBERS, &text).await.status, StatusCode::OK);
    assert_eq!(refused(&product.get_from(8, MEMBERS, &text).await), (403, "address_not_allowed"));
    let claimed = product.request(Method::GET, MEMBERS).bearer_auth(&text);
    let claimed = product.send(claimed.header("x-forwarded-for", "127.0.0.7")).await;
    assert_eq!(refused(&claimed), (403, "address_not_allowed"), "what a client claims is not believed");
    let wrong = text.replacen(parts(&text).1, &"0".repeat(44), 1);
    assert_eq!(product.refusal(&wrong).await, "invalid_api_key", "who has no key hears nothing of the list");

    product.change_key(&ada, &id, &json!({ "allowed_addresses": ["127.0.0.8"] })).await;
    assert_eq!(refused(&product.get_from(7, MEMBERS, &text).await), (403, "address_not_allowed"));
    assert_eq!(product.get_from(8, MEMBERS, &text).await.status, StatusCode::OK);
    let anywhere = product.change_key(&ada, &id, &json!({ "allowed_addresses": [] })).await;
    assert_eq!(anywhere.body["allowed_addresses"], json!([]), "{anywhere:?}");
    assert_eq!(product.refusal(&text).await, "");
}

/// While reads are late, nobody is refused what a key may do by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_key_may_since_a_moment_it_may() {
    let product = Product::crowded().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let body = json!({ "name": "CI", "scopes": ["org:read"], "allowed_addresses": ["192.0.2.0/24"] });
    let made = product.post_as(KEYS, &ada, &body).await;
    let (id, first) = (made.text("/api_key/id"), made.text("/secret"));
    product.settle().await;
    let mut texts = vec![first];
    for body in [json!({ "allowed_addresses": [] }), json!({ "scopes": ["members:read"] })] {
        let changed = product.change_key(&ada, &id, &body).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
        let answer = product.get("/v1/orgs/current", &texts[0]).await;
        assert_ne!(answer.problem_or_empty(), "address_not_allowed", "{body}");
    }
    // what is read is late again each time
    texts.push(product.rotate_key(&ada, &id, &json!({})).await.text("/secret"));
    for text in texts {
        assert_eq!(product.refusal(&text).await, "");
    }
    let (_, new) = product.api_key(&ada, &["members:read"]).await;
    assert_eq!(product.refusal(&new).await, "", "made a moment ago");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_use_is_noted_to_a_minute_and_is_no_change() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, text) = product.api_key(&ada, &["members:read"]).await;
    let path = format!("{KEYS}/{id}");
    let noted = async |tag: &str| {
        let shown = product.get(&path, &ada).await;
        assert_eq!(shown.headers["etag"], tag, "{shown:?}");
        shown.body["last_used_at"].clone()
    };
    assert_eq!(noted("\"1\"").await, Value::Null);
    let before = product.cloud.clock().now();
    assert_eq!(product.refusal(&text).await, "");
    let first = noted("\"1\"").await;
    let at: jiff::Timestamp = first.as_str().unwrap().parse().unwrap();
    assert!(at.duration_since(before).abs() < SignedDuration::from_secs(30), "{first}");
    product.advance(SignedDuration::from_secs(20)).await;
    assert_eq!(product.refusal(&text).await, "");
    assert_eq!(noted("\"1\"").await, first, "within a minute nothing is written");
    let changed = product.patch_as(&path, &ada, "\"1\"", &json!({ "name": "Build" })).await;
    assert_eq!((changed.status, &changed.body["last_used_at"]), (StatusCode::OK, &first), "{changed:?}");
    product.advance(SignedDuration::from_secs(41)).await;
    assert_eq!(noted("\"2\"").await, first, "to be looked at is no use");
    assert_eq!(product.refusal(&text).await, "");
    assert_ne!(noted("\"2\"").await, first);
    assert_eq!(product.told("api_key.updated").await.len(), 1, "the new name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_time_is_over_gets_another_end_before_another_text() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (id, text) = product.api_key(&ada, &["members:read"]).await;
    let ends_at = (product.cloud.clock().now() + SignedDuration::from_secs(60)).to_string();
    let ended = product.change_key(&ada, &id, &json!({ "expires_at": ends_at })).await;
    assert_eq!(ended.status, StatusCode::OK, "{ended:?}");
    product.advance(SignedDuration::from_secs(60)).await;
    assert_eq!(product.refusal(&text).await, "invalid_api_key");
    assert_eq!(refused(&product.rotate_key(&ada, &id, &json!({})).await), (409, "key_expired"));
    assert_eq!(product.change_key(&ada, &id, &json!({ "expires_at": null })).await.status, StatusCode::OK);
    assert_eq!(product.refusal(&text).await, "");
    assert_eq!(product.rotate_key(&ada, &id, &json!({})).await.status, StatusCode::CREATED);
}
