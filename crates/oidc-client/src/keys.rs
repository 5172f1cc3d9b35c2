use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use primitives::json;
use serde::Deserialize;
use serde_json::Value;

/// What we take, by name: public keys alone, so that nobody signs with what is published.
pub(crate) const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// A key that a provider signs with.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    pub(crate) id: Option<String>,
    /// The only algorithm that it is for, where it says so.
    pub(crate) algorithm: Option<String>,
    /// The only issuer that it is for, where it says so: at Microsoft one for each tenant.
    pub(crate) issuer: Option<String>,
    pub(crate) key: DecodingKey,
}

impl SigningKey {
    /// A key of a set; nothing where it is none to sign with that we know.
    pub(crate) fn new(jwk: &Jwk, issuer: Option<&str>) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let key = DecodingKey::from_jwk(jwk).ok().filter(|_| signs)?;
        let is_public = ALGORITHMS.iter().any(|(_, algorithm)| algorithm.family() == key.family());
        is_public.then(|| Self {
            id: common.key_id.clone(),
            algorithm: common.key_algorithm.map(|algorithm| algorithm.to_string()),
            issuer: issuer.map(str::to_owned),
            key,
        })
    }
}

/// How many keys of a provider are looked at.
const MOST_KEYS: usize = 100;

/// The keys of a provider. What is no key of a kind that we know is passed over.
pub(crate) fn read_keys(text: &[u8]) -> Result<Vec<SigningKey>, String> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Value>,
    }
    let set: KeySet = json::from_slice(text).map_err(|error| format!("its keys: {error}"))?;
    let key = |value: &Value| {
        let jwk: Jwk = json::from_ref(value).ok()?;
        SigningKey::new(&jwk, value.get("issuer").and_then(Value::as_str))
    };
    Ok(set.keys.iter().take(MOST_KEYS).filter_map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_unknown_kinds_do_no_harm() {
        let text = br#"{"keys": [{"kty": "new"}, 7, {"kty": "oct", "k": "AAAA"}, {"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "enc"}, {"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        assert_eq!(read_keys(text).unwrap().len(), 1, "neither a shared secret nor one to encrypt for");
        assert!(read_keys(b"[]").is_err() && read_keys(b"{}").is_err());
    }
}
