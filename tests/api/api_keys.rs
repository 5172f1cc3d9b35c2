//! Keys by which programs act for an organization: how they are made and shown, and what they open.

mod changes;
mod ends;
mod leavers;
mod races;
mod writing;

use std::net::{IpAddr, Ipv4Addr};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{invites::refused, product::Product, stored};

const KEYS: &str = "/v1/orgs/current/api-keys";
const CURRENT: &str = "/v1/orgs/current/api-keys/current";
const MEMBERS: &str = "/v1/orgs/current/members";
const BILLING: &str = "/v1/billing/subscription";
const POLICIES: &str = "/v1/orgs/current/policies";
const SCOPES: [&str; 5] = ["org:read", "members:read", "invites:read", "billing:read", "tokens:read"];

impl Product {
    /// Makes a key with these scopes: its id and its text.
    pub(crate) async fn api_key(&self, by: &str, scopes: &[&str]) -> (String, String) {
        let made = self.post_as(KEYS, by, &json!({ "name": "CI", "scopes": scopes })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        (made.text("/api_key/id"), made.text("/secret"))
    }

    async fn patch_as(&self, path: &str, token: &str, tag: &str, body: &Value) -> Answer {
        let request = self.request(Method::PATCH, path).bearer_auth(token).header("if-match", tag);
        self.send(request.json(body)).await
    }

    async fn change_key(&self, by: &str, id: &str, body: &Value) -> Answer {
        self.patch_as(&format!("{KEYS}/{id}"), by, "*", body).await
    }

    async fn rotate_key(&self, by: &str, id: &str, body: &Value) -> Answer {
        self.post_as(&format!("{KEYS}/{id}/rotate"), by, body).await
    }

    async fn revoke_key(&self, by: &str, id: &str) -> Answer {
        self.delete(&format!("{KEYS}/{id}"), by).await
    }

    /// Why the members are not shown to this key; empty where they are.
    async fn refusal(&self, text: &str) -> String {
        let answer = self.get(MEMBERS, text).await;
        let is_shown = answer.status == StatusCode::OK;
        (if is_shown { "" } else { answer.problem() }).to_owned()
    }

    async fn get_from(&self, host: u8, path: &str, token: &str) -> Answer {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        let client = Client::builder().local_address(address).build().unwrap();
        self.send(client.get(format!("{}{path}", self.cloud.api_url())).bearer_auth(token)).await
    }

    /// The keys of the organization, oldest first, as they are once all can be seen: id and status.
    async fn statuses(&self, token: &str) -> Vec<(String, String)> {
        self.settle().await;
        let listed = self.get(&format!("{KEYS}?limit=100"), token).await;
        assert_eq!(
            (listed.status, &listed.body["next_cursor"]),
            (StatusCode::OK, &Value::Null),
            "{listed:?}"
        );
        let items = listed.body["items"].as_array().unwrap().iter();
        let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
        items.map(|key| (text(key, "id"), text(key, "status"))).collect()
    }

    /// How many keys the only organization has that were not taken back, as it counts them.
    async fn counted_keys(&self) -> u64 {
        self.settle().await;
        let items = stored::items(self).await;
        let counts = items.iter().filter(|item| item["kind"] == "api_key_count");
        counts.map(|count| count["n"].as_u64().unwrap()).sum()
    }

    /// What the events of this kind say, oldest first.
    pub(crate) async fn told(&self, kind: &str) -> Vec<Value> {
        self.settle().await;
        let events = self.local(&format!("/events?type={kind}")).await;
        let items = events["items"].as_array().unwrap().iter().rev();
        items.map(|event| event["detail"]["data"].clone()).collect()
    }
}

/// The checksum at the end of a key, as a scanner for secrets computes it: CRC-32 (IEEE 802.3) of what stands
/// before it, in six digits of base 62.
fn checksum(text: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let shifted = |sum: u32, _: u8| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    let sum = text.bytes().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(byte), shifted));
    let digit = |place| char::from(DIGITS[(!sum / 62_u32.pow(place) % 62) as usize]);
    (0..6).rev().map(digit).collect()
}

/// The ids in the text of a key, and its secret without the checksum.
fn parts(text: &str) -> (&str, &str) {
    let (ids, secret) = text.strip_prefix("gk_local_").unwrap().split_once('_').unwrap();
    (ids, &secret[..44])
}

/// A text that has the form of a key.
fn written(ids: &str, secret: &str) -> String {
    let text = format!("gk_local_{ids}_{secret}");
    let check = checksum(&text);
    text + &check
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_once_and_its_text_is_shown_once() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let user_id = product.get("/v1/me", &ada).await.text("/id");
    let body = json!({ "name": "Deployments", "scopes": ["members:read", "org:read", "members:read"] });
    let make = async || {
        let request = product.request(Method::POST, KEYS).bearer_auth(&ada).header("idempotency-key", "once");
        product.send(request.json(&body)).await
    };
    let made = make().await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let (id, text) = (made.text("/api_key/id"), made.text("/secret"));
    let (ids, secret) = parts(&text);
    assert_eq!((ids.len(), text.len()), (66, "gk_local_".len() + 66 + 1 + 50), "{text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{text}");
    assert_eq!(text, written(ids, secret), "scanners tell it by its checksum");
    let key = &made.body["api_key"];
    let expected = json!({
        "id": id, "name": "Deployments", "scopes": ["org:read", "members:read"], "allowed_addresses": [],
        "status": "active", "created_by": user_id, "created_at": key["created_at"], "expires_at": null,
        "last_used_at": null, "version": 1,
    });
    assert_eq!(key, &expected);
    let told = ["etag", "cache-control"].map(|name| made.headers[name].to_str().unwrap());
    assert_eq!(told, ["\"1\"", "no-store"]);
    let path = format!("{KEYS}/{id}");
    assert_eq!(made.headers["location"], path);

    let again = make().await;
    assert_eq!((again.status, &again.body["secret"]), (StatusCode::CREATED, &Value::Null), "{again:?}");
    assert_eq!(
        (&again.headers["idempotent-replayed"], &again.body["api_key"]),
        (&"true".parse().unwrap(), key)
    );
    product.settle().await;
    let listed = product.get(KEYS, &ada).await;
    assert_eq!(listed.body, json!({ "items": [key], "next_cursor": null }), "one key was made");
    let shown = product.get(&path, &ada).await;
    assert_eq!((&shown.body, &shown.headers["etag"]), (key, &made.headers["etag"]));
    assert_eq!(
        (product.told("api_key.created").await, product.counted_keys().await),
        (vec![json!({ "api_key": key })], 1)
    );

    assert_eq!(product.refusal(&text).await, "");
    product.settle().await;
    let everywhere = format!("{:?} {}", stored::items(&product).await, product.local("/events").await);
    assert!(everywhere.contains(&id), "it was looked where the key is");
    for part in [&*text, secret, &text[text.len() - 50..]] {
        assert!(!everywhere.contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_key_is_to_be_like_is_judged_part_by_part() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let many: Vec<_> = (0..21).map(|number| format!("192.0.2.{number}")).collect();
    for (part, value, pointer, code) in [
        ("name", json!(""), "/name", "too_short"),
        ("scopes", json!(["owners:write"]), "/scopes/0", "unknown_value"),
        ("scopes", json!(["org:read", "*"]), "/scopes/1", "unknown_value"),
        ("scopes", json!([]), "/scopes", "out_of_range"),
        ("allowed_addresses", json!(["0.0.0.0/0"]), "/allowed_addresses/0", "invalid_format"),
        ("allowed_addresses", json!(["192.0.2.7", "::/0"]), "/allowed_addresses/1", "invalid_format"),
        ("allowed_addresses", json!(["the office"]), "/allowed_addresses/0", "invalid_format"),
        ("allowed_addresses", json!(many), "/allowed_addresses", "out_of_range"),
        ("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at", "out_of_range"),
        ("expires_at", json!("tomorrow"), "/expires_at", "invalid_format"),
        ("secret", json!("gk_local_"), "/secret", "unknown_field"),
    ] {
        let mut body = json!({ "name": "CI", "scopes": ["org:read"] });
        body[part] = value;
        let answer = product.post_as(KEYS, &ada, &body).await;
        assert_eq!(refused(&answer), (422, "invalid_request"), "{body}: {answer:?}");
        let error = (answer.text("/errors/0/pointer"), answer.text("/errors/0/code"));
        assert_eq!(error, (pointer.to_owned(), code.to_owned()), "{body}");
    }
    assert!(product.statuses(&ada).await.is_empty(), "none was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_reads_what_its_scopes_say_and_nothing_else() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (invite, _) = product.invited(&ada, "bob@example.com", "member").await;
    let member = product.own_member(&ada).await;
    let routes = [
        ("org:read", "/v1/orgs/current".to_owned()),
        ("members:read", MEMBERS.to_owned()),
        ("members:read", format!("{MEMBERS}/{member}")),
        ("invites:read", "/v1/orgs/current/invites".to_owned()),
        ("invites:read", format!("/v1/orgs/current/invites/{invite}")),
        ("billing:read", BILLING.to_owned()),
        ("tokens:read", "/v1/auth/introspect".to_owned()),
    ];
    for scope in SCOPES {
        let (id, text) = product.api_key(&ada, &[scope]).await;
        for (needed, path) in &routes {
            let answer = match *needed {
                "tokens:read" => product.introspect(&text, &ada).await,
                _ => product.get(path, &text).await,
            };
            if scope == *needed {
                assert_eq!(answer.status, StatusCode::OK, "{scope} at {path}: {answer:?}");
            } else {
                let told = (refused(&answer), answer.text("/needed"));
                assert_eq!(told, ((403, "insufficient_scope"), (*needed).to_owned()), "{scope} at {path}");
            }
        }
        let current = product.get(CURRENT, &text).await;
        assert_eq!((current.text("/id"), &current.body["scopes"]), (id, &json!([scope])), "{current:?}");
    }
    let (_, text) = product.api_key(&ada, &SCOPES).await;
    assert_eq!(product.get("/v1/orgs/current", &text).await.text("/id"), acme);
    let said = product.introspect(&text, &ada).await;
    assert_eq!((&said.body["active"], said.text("/org")), (&json!(true), acme));
    let of_a_key = product.introspect(&text, &text).await;
    assert_eq!(of_a_key.body, json!({ "active": false }), "a key is no access token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_opens_nothing_that_people_do() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
    let (id, text) = product.api_key(&ada, &SCOPES).await;
    // a use is noted once a minute
    assert_eq!(product.refusal(&text).await, "");
    product.settle().await;
    let before = stored::items(&product).await;
    let key = json!({ "name": "Another", "scopes": ["org:read"] });
    for (method, path, body) in [
        ("GET", "/v1/me".to_owned(), Value::Null),
        ("DELETE", "/v1/me".to_owned(), Value::Null),
        ("GET", "/v1/me/sessions".to_owned(), Value::Null),
        ("POST", "/v1/orgs".to_owned(), json!({ "name": "Beta", "slug": "beta" })),
        ("POST", "/v1/auth/switch-org".to_owned(), json!({ "org_id": acme })),
        ("PATCH", format!("{MEMBERS}/{member}"), json!({ "role": "owner" })),
        ("DELETE", format!("{MEMBERS}/{member}"), Value::Null),
        ("POST", "/v1/orgs/current/leave".to_owned(), Value::Null),
        (
            "POST",
            "/v1/orgs/current/invites".to_owned(),
            json!({ "email": "eve@example.com", "role": "owner" }),
        ),
        ("GET", POLICIES.to_owned(), Value::Null),
        ("PATCH", POLICIES.to_owned(), json!({ "api_keys_of_leavers": "keep" })),
        ("GET", KEYS.to_owned(), Value::Null),
        ("POST", KEYS.to_owned(), key),
        ("GET", format!("{KEYS}/{id}"), Value::Null),
        ("PATCH", format!("{KEYS}/{id}"), json!({ "name": "Mine" })),
        ("POST", format!("{KEYS}/{id}/rotate"), json!({})),
        ("DELETE", format!("{KEYS}/{id}"), Value::Null),
    ] {
        let request = product.request(method.parse().unwrap(), &path).bearer_auth(&text);
        let answer = product.send(if body.is_null() { request } else { request.json(&body) }).await;
        assert_eq!(refused(&answer), (403, "insufficient_scope"), "{method} {path}: {answer:?}");
    }
    product.settle().await;
    assert_eq!(stored::items(&product).await, before, "nothing was written");
}
