use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use primitives::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, CommitError, Consistency, Item, Key, Table};

use crate::{IdentityError, key::derive, token::Claims};

/// The public half of a key that signs access tokens, as a JSON Web Key (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Names the key: its thumbprint (RFC 7638).
    pub kid: String,
    /// The key, base64url.
    pub x: String,
    /// Since when tokens are signed with it.
    pub added_at: Timestamp,
}

/// The public halves of all keys that valid tokens may be signed with, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys {
    /// The keys.
    pub keys: Vec<PublicKey>,
    #[serde(default)]
    version: u64,
}

impl Item for SigningKeys {
    fn key(&self) -> Key {
        Key::SigningKeys
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// A key counts for an hour after its successor came: longer than a token that it signed lives and an instance takes to notice a rotation,
/// and no longer than that, since it may be replaced because it leaked.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Whoever signs with a key that was replaced this long ago makes it the newest again: a rotation was taken back, or not noticed. What it signs
/// until it looks again ([`SIGNER_LOOKS_EVERY`]) then lives as long as it should.
const REPUBLISHED_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// How often whoever signs has to call [`publish_signing_key`].
pub const SIGNER_LOOKS_EVERY: SignedDuration = SignedDuration::from_mins(10);

impl SigningKeys {
    /// The keys that tokens may be signed with at this time.
    pub fn valid_at(&self, now: Timestamp) -> impl Iterator<Item = &PublicKey> {
        self.replaced_for_less_than(KEPT, now)
    }

    fn replaced_for_less_than(
        &self,
        span: SignedDuration,
        now: Timestamp,
    ) -> impl Iterator<Item = &PublicKey> {
        let replaced_at =
            std::iter::once(None).chain(self.keys.iter().map(|successor| Some(successor.added_at)));
        let keys = self.keys.iter().zip(replaced_at);
        let recent =
            keys.filter(move |(_, replaced)| replaced.is_none_or(|at| now.duration_since(at) < span));
        recent.map(|(key, _)| key)
    }

    /// The keys with `key` as the newest one, and without those that nothing is signed with any more.
    fn with(&self, key: PublicKey, now: Timestamp) -> Self {
        let mut keys: Vec<_> = self.valid_at(now).filter(|old| old.kid != key.kid).cloned().collect();
        keys.insert(0, key);
        Self { keys, version: self.version }
    }
}

/// Signs access tokens (EdDSA, RFC 8037).
#[derive(Clone)]
pub(crate) struct Signer {
    key: EncodingKey,
    header: Header,
    x: String,
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
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(thumbprint(&x));
        Self { key: EncodingKey::from_ed_der(document.as_ref()), header, x }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, IdentityError> {
        Ok(jsonwebtoken::encode(&self.header, claims, &self.key)?)
    }

    pub(crate) fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    pub(crate) fn public_key(&self, now: Timestamp) -> PublicKey {
        PublicKey { kid: thumbprint(&self.x), x: self.x.clone(), added_at: now }
    }
}

/// RFC 7638, section 3, for an octet key pair: the members in this order, without spaces.
fn thumbprint(x: &str) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()))
}

/// Makes sure that everybody can check what this secret signs, for as long as the caller looks again every [`SIGNER_LOOKS_EVERY`] while it signs.
/// Gives the published keys.
pub async fn publish_signing_key(
    table: &Table,
    key: &crate::SessionKey,
) -> Result<SigningKeys, IdentityError> {
    let now = table.clock().now();
    let active = key.signer.public_key(now);
    for _ in 0..5 {
        let published: SigningKeys =
            table.get(&Key::SigningKeys, Consistency::Strong).await?.unwrap_or_default();
        if published.replaced_for_less_than(REPUBLISHED_AFTER, now).any(|key| key.kid == active.kid) {
            return Ok(published);
        }
        let updated = published.with(active.clone(), now);
        match table
            .commit(&Cause::system("signing keys", "signing-keys"), Changes::new().replace(&updated))
            .await
        {
            Ok(_) => return Ok(updated),
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(IdentityError::Contention)
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

    #[test]
    fn what_is_signed_before_the_next_look_lives_as_long_as_it_should() {
        let token = SignedDuration::from_secs(crate::Policy::default().access_token_seconds);
        assert!(REPUBLISHED_AFTER + SIGNER_LOOKS_EVERY + token < KEPT);
    }

    #[test]
    fn an_old_key_counts_until_its_last_token_has_expired() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let key =
            |name: &str, minutes| PublicKey { kid: name.to_owned(), x: String::new(), added_at: at(minutes) };
        let names = |keys: &SigningKeys, minutes| {
            keys.valid_at(at(minutes)).map(|key| key.kid.as_str()).collect::<Vec<_>>().join(" ")
        };
        let keys = SigningKeys::default().with(key("a", 0), at(0)).with(key("b", 100), at(100));
        assert_eq!(names(&keys, 159), "b a");
        assert_eq!(names(&keys, 160), "b");
        let twice = keys.with(key("c", 110), at(110));
        assert_eq!(names(&twice, 110), "c b a");
        assert_eq!(names(&twice, 160), "c b");
        assert_eq!(names(&twice, 170), "c");
        assert_eq!(keys.with(key("c", 200), at(200)).keys.len(), 2, "and then it goes");
        let back = keys.with(key("a", 140), at(140));
        assert_eq!(names(&back, 199), "a b");
        assert_eq!(names(&back, 300), "a");
    }
}
