//! Access tokens: what they say, and what is taken for one.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{AuthenticationError, Claims, SessionTokens};
use primitives::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use table::{Cause, Changes, Consistency, Item, Key};

use crate::setting::{ISSUER, Setting};

pub(crate) fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_says_what_rfc_9068_asks_for_and_each_has_a_name_of_its_own() {
    let setting = Setting::new().await;
    let first = setting.signed_in("ada@example.com").await;
    let began = setting.clock.now().as_second();
    setting.clock.advance(SignedDuration::from_mins(10));
    let org_id = setting.joins(first.user_id).await;
    let second = setting.refresh(first.refresh_token.expose()).await.unwrap();
    let who = setting.who(&second).await.unwrap();
    let (table, issuer, cause) = (&setting.table, &setting.issuer, crate::setting::cause());
    let switch = identity::switch_org(table, issuer, &setting.policy, &cause, &who, org_id);
    let third = crate::setting::whole(switch.await.unwrap());
    let mut names = std::collections::HashSet::new();
    for tokens in [&first, &second, &third] {
        assert_eq!(part(tokens.access_token.expose(), 0)["typ"], "at+jwt");
        let claims = part(tokens.access_token.expose(), 1);
        for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "sid", "auth_time", "acr", "amr"]
        {
            assert!(!claims[claim].is_null(), "{claim} in {claims}");
        }
        assert_eq!((&claims["auth_time"], &claims["client_id"]), (&json!(began), &json!("gantry")));
        names.insert(claims["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 3);
}

#[tokio::test]
async fn a_token_does_not_outlive_its_session() {
    let setting = Setting::new().await;
    let mut tokens = setting.signed_in("ada@example.com").await;
    for _ in 0..29 {
        setting.clock.advance(SignedDuration::from_hours(24));
        tokens = setting.refresh(tokens.refresh_token.expose()).await.unwrap();
    }
    setting.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(5));
    let last = setting.refresh(tokens.refresh_token.expose()).await.unwrap();
    assert_eq!(last.expires_in, 300);
    setting.clock.advance(SignedDuration::from_mins(5) - SignedDuration::from_secs(1));
    assert!(setting.who(&last).await.is_ok());
    setting.clock.advance(SignedDuration::from_secs(1));
    assert!(matches!(setting.who(&last).await, Err(AuthenticationError::TokenExpired)));
}

/// A key of ours that signs whatever it is told: it is published as if it were the product's own.
pub(crate) struct Forger(Ed25519KeyPair);

impl Forger {
    pub(crate) async fn new(setting: &Setting) -> Self {
        let forger = Self::unpublished();
        let keys = vec![json!({ "kid": "forger", "x": forger.public(), "added_at": setting.clock.now() })];
        let changes = Changes::new().overwrite(&Published { keys });
        setting.table.commit(&Cause::system("test", "test"), changes).await.unwrap();
        forger
    }

    /// One whose key nobody knows.
    pub(crate) fn unpublished() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl Item for Published {
    fn key(&self) -> Key {
        identity::keys::SigningKeys::key()
    }

    fn version(&self) -> u64 {
        7
    }
}

fn with(base: &Value, members: &Value) -> Value {
    let mut changed = base.clone();
    for (name, value) in members.as_object().unwrap() {
        if value == "gone" {
            changed.as_object_mut().unwrap().remove(name);
        } else {
            changed[name] = value.clone();
        }
    }
    changed
}

#[tokio::test]
async fn only_what_the_issuer_would_write_is_taken_for_a_token() {
    let setting = Setting::new().await;
    let tokens: SessionTokens = setting.signed_in("ada@example.com").await;
    let claims = part(tokens.access_token.expose(), 1);
    let _: Claims = serde_json::from_value(claims.clone()).unwrap();
    let forger = Forger::new(&setting).await;
    let header = json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "forger" });
    let take = async |header: &Value, claims: &Value| {
        let token = forger.sign(header, claims);
        setting.authority.principal(&token, Consistency::Eventual).await
    };
    let now = setting.clock.now().as_second();
    take(&header, &claims).await.unwrap();
    for fine in [
        json!({ "nbf": now }),
        json!({ "nbf": now + 60 }),
        json!({ "iat": now + 60 }),
        json!({ "nbf": now - 3600 }),
    ] {
        assert!(take(&header, &with(&claims, &fine)).await.is_ok(), "{fine}");
    }
    for odd in [
        json!({ "typ": "JWT" }),
        json!({ "typ": "gone" }),
        json!({ "typ": "id+jwt" }),
        json!({ "typ": "refresh+jwt" }),
        json!({ "typ": ["at+jwt"] }),
        json!({ "crit": ["foo"] }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A128GCM" }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "gone" }),
        json!({ "kid": "gone" }),
        json!({ "kid": "other" }),
        json!({ "kid": 1 }),
    ] {
        let refused = take(&with(&header, &odd), &claims).await;
        assert!(matches!(refused, Err(AuthenticationError::InvalidToken)), "{odd}: {refused:?}");
    }
    for odd in [
        json!({ "nbf": now + 3600 }),
        json!({ "nbf": "x" }),
        json!({ "nbf": now + 61 }),
        json!({ "iat": now + 3600 }),
        json!({ "iat": "gone" }),
        json!({ "exp": "gone" }),
        json!({ "exp": "x" }),
        json!({ "aud": "https://other.example" }),
        json!({ "aud": [ISSUER] }),
        json!({ "iss": "https://other.example" }),
        json!({ "sub": "gone" }),
        json!({ "jti": "gone" }),
        json!({ "client_id": "gone" }),
    ] {
        let refused = take(&header, &with(&claims, &odd)).await;
        assert!(matches!(refused, Err(AuthenticationError::InvalidToken)), "{odd}: {refused:?}");
    }
    let past = Timestamp::from_second(now - 1).unwrap().as_second();
    let expired = take(&header, &with(&claims, &json!({ "exp": past }))).await;
    assert!(matches!(expired, Err(AuthenticationError::TokenExpired)));
    // a header that is no object
    assert!(take(&json!(["at+jwt", "EdDSA", "forger"]), &claims).await.is_err());
}
