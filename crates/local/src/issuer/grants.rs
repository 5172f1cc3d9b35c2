use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::CLIENT_ID;

/// How long a code works, seconds.
const CODE_SECONDS: i64 = 60;
/// How long an ID token works, seconds.
const TOKEN_SECONDS: i64 = 300;

/// What somebody is sent here with.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Asked {
    pub(crate) response_type: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) code_challenge: String,
    pub(crate) code_challenge_method: String,
}

/// Who somebody says they are.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) subject: String,
    pub(crate) email: String,
    pub(crate) verified: bool,
}

/// What somebody comes back with to be redeemed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Redeemed {
    pub(crate) grant_type: String,
    pub(crate) code: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_verifier: String,
}

struct Grant {
    asked: Asked,
    person: Person,
    until: Timestamp,
}

/// The provider: its key, which lives as long as it does, and the codes that were not redeemed yet.
pub(crate) struct Issuer {
    url: String,
    redirect_uri: String,
    secret: String,
    key: Ed25519KeyPair,
    grants: Mutex<HashMap<String, Grant>>,
}

impl Issuer {
    /// One at this address, whose client is sent back to that one and shows this secret.
    pub(crate) fn new(url: String, redirect_uri: String, secret: String) -> Option<Self> {
        let key = Ed25519KeyPair::generate().ok()?;
        Some(Self { url, redirect_uri, secret, key, grants: Mutex::default() })
    }

    pub(crate) fn metadata(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    pub(crate) fn keys(&self) -> Value {
        let key = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "local", "x": key }] })
    }

    /// Why nobody is asked anything who is sent here with this; such a person is not sent back.
    pub(crate) fn refuses(&self, asked: &Asked) -> Option<&'static str> {
        if asked.client_id != CLIENT_ID {
            return Some("this client is unknown here");
        }
        if asked.redirect_uri != self.redirect_uri {
            return Some("this is not where the client is sent back");
        }
        let is_right = asked.response_type == "code" && asked.code_challenge_method == "S256";
        (!is_right).then_some("this provider knows the code flow with PKCE (S256) alone")
    }

    /// Where to send this person back.
    pub(crate) fn grant(&self, asked: Asked, person: Person, code: String, now: Timestamp) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &asked.state)
            .append_pair("iss", &self.url)
            .finish();
        let back = format!("{}?{query}", asked.redirect_uri);
        let until = now + jiff::SignedDuration::from_secs(CODE_SECONDS);
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.retain(|_, grant| now < grant.until);
        grants.insert(code, Grant { asked, person, until });
        back
    }

    /// The tokens for a code, once; else the error of RFC 6749.
    pub(crate) fn redeem(
        &self,
        secret: &str,
        shown: &Redeemed,
        now: Timestamp,
    ) -> Result<Value, &'static str> {
        if secret != self.secret {
            return Err("invalid_client");
        }
        if shown.grant_type != "authorization_code" {
            return Err("unsupported_grant_type");
        }
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        let grant = grants.remove(&shown.code).filter(|grant| now < grant.until).ok_or("invalid_grant")?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, shown.code_verifier.as_bytes()));
        if challenge != grant.asked.code_challenge || shown.redirect_uri != grant.asked.redirect_uri {
            return Err("invalid_grant");
        }
        let claims = json!({
            "iss": self.url,
            "sub": grant.person.subject,
            "aud": CLIENT_ID,
            "iat": now.as_second(),
            "exp": now.as_second() + TOKEN_SECONDS,
            "nonce": grant.asked.nonce,
            "email": grant.person.email,
            "email_verified": grant.person.verified,
        });
        Ok(json!({
            // there is nothing that it opens
            "access_token": "none",
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self.sign(&claims),
        }))
    }

    fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "local" });
        let text = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
