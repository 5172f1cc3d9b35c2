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

use super::{CLIENT_ID, SSO_CLIENT_ID, SSO_SECRET};

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
    /// The groups that they are in.
    pub(crate) groups: Vec<String>,
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
    /// What those addresses begin with to which organizations have people sent back.
    sso_redirect_uris: String,
    secret: String,
    key: Ed25519KeyPair,
    grants: Mutex<HashMap<String, Grant>>,
}

impl Issuer {
    /// One at this address, whose client is the app there, is sent back to its address for this provider, and
    /// shows this secret. Any organization may name it too, with the client and the secret that are for all.
    pub(crate) fn new(url: String, app_url: &str, provider: &str, secret: String) -> Option<Self> {
        let key = Ed25519KeyPair::generate().ok()?;
        let redirect_uri = format!("{app_url}/auth/oauth/{provider}");
        let sso_redirect_uris = format!("{app_url}/auth/sso/");
        Some(Self { url, redirect_uri, sso_redirect_uris, secret, key, grants: Mutex::default() })
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
            "scopes_supported": ["openid", "email", "groups"],
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
        let is_back = match asked.client_id.as_str() {
            CLIENT_ID => asked.redirect_uri == self.redirect_uri,
            SSO_CLIENT_ID => asked.redirect_uri.starts_with(&self.sso_redirect_uris),
            _ => return Some("this client is unknown here"),
        };
        if !is_back {
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
        (client_id, secret): (&str, &str),
        shown: &Redeemed,
        now: Timestamp,
    ) -> Result<Value, &'static str> {
        let expected = if client_id == SSO_CLIENT_ID { SSO_SECRET } else { &self.secret };
        if secret != expected {
            return Err("invalid_client");
        }
        if shown.grant_type != "authorization_code" {
            return Err("unsupported_grant_type");
        }
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        let grant = grants.remove(&shown.code).filter(|grant| now < grant.until).ok_or("invalid_grant")?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, shown.code_verifier.as_bytes()));
        if client_id != grant.asked.client_id
            || challenge != grant.asked.code_challenge
            || shown.redirect_uri != grant.asked.redirect_uri
        {
            return Err("invalid_grant");
        }
        let mut claims = json!({
            "iss": self.url,
            "sub": grant.person.subject,
            "aud": client_id,
            "iat": now.as_second(),
            "exp": now.as_second() + TOKEN_SECONDS,
            "nonce": grant.asked.nonce,
            "email": grant.person.email,
            "email_verified": grant.person.verified,
        });
        if client_id == SSO_CLIENT_ID {
            claims["groups"] = json!(grant.person.groups);
        }
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
