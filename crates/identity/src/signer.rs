use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity_core::derive;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

use crate::{
    IdentityError,
    token::{ACCESS_TOKEN, Claims},
};

/// Signs access tokens (EdDSA, RFC 8037).
#[derive(Clone)]
pub(crate) struct Signer {
    key: EncodingKey,
    header: Header,
    x: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signer").field(&self.kid()).finish()
    }
}

impl Signer {
    /// # Panics
    /// Never: any 32 bytes are a seed.
    #[expect(clippy::expect_used, reason = "any 32 bytes are an Ed25519 seed")]
    pub(crate) fn from_secret(secret: &str) -> Self {
        let seed = derive(secret, "access tokens");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("a seed");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let document = pair.to_pkcs8v1().expect("a key");
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(ACCESS_TOKEN.to_owned());
        header.kid = Some(thumbprint(&x));
        Self { key: EncodingKey::from_ed_der(document.as_ref()), header, x }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, IdentityError> {
        Ok(jsonwebtoken::encode(&self.header, claims, &self.key)?)
    }

    pub(crate) fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// The public half, base64url.
    pub(crate) fn public(&self) -> &str {
        &self.x
    }
}

/// RFC 7638, section 3, for an octet key pair: the members in this order, without spaces.
fn thumbprint(x: &str) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_rfc() {
        // RFC 8037, appendix A.3
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}
