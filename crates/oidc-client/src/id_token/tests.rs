use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use jsonwebtoken::{EncodingKey, Header as Written, jwk::Jwk};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::configuration::Providers;

const ISSUER: &str = "https://login.acme.example";
const NOW: i64 = 1_800_000_000;
const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const EVERY_TENANT: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// A provider with its key: nothing of it is known to be secret, since it lives as long as a test.
struct World {
    provider: Provider,
    metadata: Metadata,
    private: EncodingKey,
    key: SigningKey,
    /// The public key as it is published: DER and JWK.
    public: (Vec<u8>, Vec<u8>),
}

impl World {
    fn new(configuration: &str, key: &str) -> Self {
        let providers: Providers = json::from_str(configuration).unwrap();
        let provider = providers.get(key).unwrap().clone();
        let text = json!({
            "issuer": provider.issuer, "authorization_endpoint": "https://a.example", "token_endpoint": "https://t.example",
        });
        let metadata = Metadata::read(text.to_string().as_bytes(), &provider).unwrap();
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Vec<u8> =
            AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec();
        // the library takes the PKCS#1 within, behind 26 bytes that say it is an RSA key
        let private = EncodingKey::from_rsa_der(&private[26..]);
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some("one".to_owned());
        jwk.common.key_algorithm = None;
        let public = (pair.public_key().as_ref().to_vec(), serde_json::to_vec(&jwk).unwrap());
        let key = SigningKey::new(&jwk, None).unwrap();
        Self { provider, metadata, private, key, public }
    }

    fn acme() -> Self {
        Self::new(r#"{"acme": {"client_id": "us", "issuer": "https://login.acme.example"}}"#, "acme")
    }

    fn microsoft() -> Self {
        Self::new(r#"{"microsoft": {"client_id": "us"}}"#, "microsoft")
    }

    fn google() -> Self {
        Self::new(r#"{"google": {"client_id": "us"}}"#, "google")
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.provider.issuer.replace("{tenantid}", TENANT), "tid": TENANT, "sub": "ada", "aud": "us",
            "exp": NOW + 300, "iat": NOW, "nonce": "n", "email": "ada@acme.example", "email_verified": true,
        })
    }

    fn token(&self, algorithm: Algorithm, claims: &Value) -> String {
        let mut header = Written::new(algorithm);
        header.kid = Some("one".to_owned());
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }

    /// Reads a token from its header to the person.
    fn read(&self, token: &str) -> Result<ExternalPerson, &'static str> {
        let header = Header::read(token, &self.metadata.algorithms()).ok_or("header")?;
        let keys = std::slice::from_ref(&self.key);
        let key = header.key(keys).ok_or("key")?;
        let claims = signed(token, &header, key).ok_or("signature")?;
        self.judge(&claims, key)
    }

    fn judge(&self, claims: &Object, key: &SigningKey) -> Result<ExternalPerson, &'static str> {
        let now = Timestamp::from_second(NOW).unwrap();
        let (provider, metadata) = (&self.provider, &self.metadata);
        judge(claims, key, &Expected { provider, metadata, nonce: "n", now })
    }

    /// What becomes of the claims with these over them; null takes one away.
    fn with(&self, changes: &Value) -> Result<ExternalPerson, &'static str> {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        self.judge(claims.as_object().unwrap(), &self.key)
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

#[test]
fn a_token_of_the_provider_names_a_person() {
    let world = World::acme();
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::RS512] {
        let person = world.read(&world.token(algorithm, &world.claims())).unwrap();
        assert_eq!((person.issuer.as_str(), person.subject.as_str()), (ISSUER, "ada"));
        assert_eq!((person.email.unwrap().as_str(), person.email_verified), ("ada@acme.example", true));
    }
}

/// RFC 8725, and the attacks that gave rise to it.
#[test]
fn nobody_else_signs_for_the_provider() {
    let world = World::acme();
    let claims = world.claims();
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS257", "dir"] {
        let token = unsigned(&json!({ "alg": algorithm, "kid": "one" }), &claims);
        for signature in ["", ".", ".AAAA"] {
            assert_eq!(world.read(&format!("{token}{signature}")), Err("header"), "{algorithm}");
        }
    }
    // signed with what is published, as if it were a shared secret
    for secret in [&world.public.0, &world.public.1] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mut header = Written::new(algorithm);
            header.kid = Some("one".to_owned());
            let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(world.read(&token), Err("header"));
        }
    }
    // another key of the same name; and one that the token brings along
    let stranger = World::acme();
    assert_eq!(world.read(&stranger.token(Algorithm::RS256, &claims)), Err("signature"));
    let mut header = Written::new(Algorithm::RS256);
    header.jwk = Some(json::from_slice(&stranger.public.1).unwrap());
    header.jku = Some("https://evil.example/keys".to_owned());
    let token = jsonwebtoken::encode(&header, &claims, &stranger.private).unwrap();
    assert_eq!(world.read(&token), Err("signature"));
    // changed after it was signed
    let token = world.token(Algorithm::RS256, &claims);
    let parts: Vec<_> = token.split('.').collect();
    let other = unsigned(&json!({}), &json!({ "sub": "bob" }));
    let changed = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(world.read(&changed), Err("signature"));
    assert!(world.read(&format!("{}.{}", parts[0], parts[1])).is_err());
}

#[test]
fn a_header_that_changes_the_meaning_is_no_header() {
    let allowed = [Algorithm::RS256];
    let read = |header: &str| Header::read(&format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header)), &allowed);
    for header in [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","typ":"JWT","kid":"one"}"#] {
        assert!(read(header).is_some(), "{header}");
    }
    for header in [
        r#"{"alg":"RS256","crit":["exp"]}"#,
        r#"{"alg":"RS256","b64":false}"#,
        r#"{"alg":"RS256","zip":"DEF"}"#,
        r#"{"alg":"RS256","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","typ":"logout+jwt"}"#,
        r#"{"alg":"RS256","kid":7}"#,
        r#"{"alg":"RS256","alg":"none"}"#,
        r#"{"alg":["RS256"]}"#,
        r#"{"alg":"ES256"}"#,
        "{}",
        "[]",
    ] {
        assert!(read(header).is_none(), "{header}");
    }
    assert_eq!(Header::read(&"a".repeat(LONGEST + 1), &allowed), None);
}

#[test]
fn a_key_is_the_only_one_that_fits() {
    let (one, mut two) = (World::acme().key, World::acme().key);
    two.id = Some("two".to_owned());
    let header = |key_id: Option<&str>| Header {
        name: "RS256",
        algorithm: Algorithm::RS256,
        key_id: key_id.map(str::to_owned),
    };
    let keys = [one, two];
    assert_eq!(header(Some("two")).key(&keys).unwrap().id.as_deref(), Some("two"));
    assert!(header(Some("three")).key(&keys).is_none());
    assert!(header(None).key(&keys).is_none(), "it could be either");
    assert!(header(None).key(&keys[..1]).is_some());
    let mut of_another = keys;
    of_another[1].algorithm = Some("PS256".to_owned());
    assert!(header(Some("two")).key(&of_another).is_none());
    let elliptic = Header { name: "ES256", algorithm: Algorithm::ES256, key_id: None };
    assert!(elliptic.key(&of_another).is_none());
}

#[test]
fn a_token_for_others_or_of_another_time_is_refused() {
    let world = World::acme();
    for (changes, why) in [
        (json!({ "iss": "https://evil.example" }), "another issuer"),
        (json!({ "iss": "https://login.acme.example/" }), "another issuer"),
        (json!({ "iss": null }), "another issuer"),
        (json!({ "aud": "them" }), "another audience"),
        (json!({ "aud": ["us", "them"] }), "another audience"),
        (json!({ "aud": [] }), "another audience"),
        (json!({ "aud": null }), "another audience"),
        (json!({ "azp": "them" }), "another audience"),
        (json!({ "exp": NOW - 60 }), "it has expired"),
        (json!({ "exp": NOW - 86_400 }), "it has expired"),
        (json!({ "exp": null }), "it does not say when"),
        (json!({ "exp": "later" }), "it does not say when"),
        (json!({ "iat": NOW + 61 }), "it is from the future"),
        (json!({ "iat": null }), "it does not say when"),
        (json!({ "nbf": NOW + 61 }), "it is from the future"),
        (json!({ "nbf": "now" }), "it does not say when"),
        (json!({ "nonce": "m" }), "another attempt"),
        (json!({ "nonce": null }), "another attempt"),
        (json!({ "sub": "" }), "it names nobody"),
        (json!({ "sub": "a".repeat(256) }), "it names nobody"),
        (json!({ "sub": 7 }), "it names nobody"),
    ] {
        assert_eq!(world.with(&changes), Err(why), "{changes}");
    }
    for changes in [
        json!({ "aud": ["us"], "azp": "us" }),
        json!({ "exp": NOW - 59 }),
        json!({ "exp": 1_800_000_300.5 }),
        json!({ "iat": NOW + 60, "nbf": NOW + 60 }),
    ] {
        assert!(world.with(&changes).is_ok(), "{changes}");
    }
}

#[test]
fn an_address_is_verified_when_the_provider_says_so() {
    let world = World::acme();
    let verified = |changes: Value| world.with(&changes).unwrap().email_verified;
    assert!(verified(json!({ "email_verified": "true" })));
    for changes in [
        json!({ "email_verified": false }),
        json!({ "email_verified": "false" }),
        json!({ "email_verified": null }),
        json!({ "email_verified": [true] }),
        json!({ "email": null }),
        json!({ "email": "not an address" }),
    ] {
        assert!(!verified(changes.clone()), "{changes}");
    }
}

#[test]
fn google_knows_its_own_addresses_and_those_that_it_hosts() {
    let world = World::google();
    let verified = |changes: Value| world.with(&changes).unwrap().email_verified;
    assert!(verified(json!({ "email": "ada@gmail.com" })));
    assert!(verified(json!({ "hd": "acme.example" })));
    assert!(!verified(json!({})), "somebody else has the domain by now");
    assert!(!verified(json!({ "email": "ada@gmail.com.evil.example" })));
    assert!(!verified(json!({ "email": "ada@gmail.com", "email_verified": false })));
}

#[test]
fn microsoft_s_issuer_names_the_tenant_that_the_token_names() {
    let world = World::microsoft();
    let person = world.with(&json!({})).unwrap();
    assert_eq!(person.issuer, EVERY_TENANT.replace("{tenantid}", TENANT));
    let other = "11111111-2222-3333-4444-555555555555";
    for changes in [
        json!({ "tid": other }),
        json!({ "tid": null }),
        json!({ "iss": EVERY_TENANT }),
        json!({ "iss": format!("https://evil.example/{TENANT}/v2.0") }),
        json!({ "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0/x") }),
        json!({ "iss": "https://login.microsoftonline.com/common/v2.0", "tid": "common" }),
    ] {
        assert_eq!(world.with(&changes), Err("another issuer"), "{changes}");
    }
    let mut key = world.key.clone();
    let claims = world.claims();
    let claims = claims.as_object().unwrap();
    for (of_key, is_its) in [
        (EVERY_TENANT.to_owned(), true),
        (EVERY_TENANT.replace("{tenantid}", TENANT), true),
        (EVERY_TENANT.replace("{tenantid}", other), false),
    ] {
        key.issuer = Some(of_key);
        assert_eq!(world.judge(claims, &key).is_ok(), is_its, "{key:?}");
    }
}

#[test]
fn an_address_at_microsoft_s_is_the_tenant_s_word_alone() {
    let world = World::microsoft();
    let verified = |changes: Value| world.with(&changes).unwrap().email_verified;
    assert!(!verified(json!({})), "email_verified says nothing there");
    for yes in [json!(true), json!("1"), json!("true"), json!(1)] {
        assert!(verified(json!({ "xms_edov": yes })));
    }
    assert!(!verified(json!({ "xms_edov": false })) && !verified(json!({ "xms_edov": "0" })));
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in "[-_.A-Za-z0-9]{0,200}") {
        let allowed: Vec<_> = ALGORITHMS.iter().map(|(_, algorithm)| *algorithm).collect();
        prop_assert_eq!(Header::read(&text, &allowed), None);
    }
}
