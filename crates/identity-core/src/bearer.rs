use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{Id, Kind, Secret, UserId, kind, random_secret};
use uuid::Uuid;

use crate::same;

/// What somebody is given by whom a thing of a person's is found again: the token of a half-session, of a
/// remembered browser, of a device link. It says whose the thing is and which, and has 32 bytes of the OS's
/// randomness, of which a hash is stored with the thing.
///
/// As it is read it says where to look, and not that it is right.
#[derive(Clone)]
pub struct Bearer<K> {
    /// Whose the thing is, as the token says.
    pub user_id: UserId,
    /// Which it is.
    pub id: Id<K>,
    secret: [u8; 32],
}

/// What has such tokens.
pub trait Borne: Kind {
    /// What they begin with.
    const PREFIX: &'static str;
}

/// What the tokens of half-sessions begin with.
pub const HALF_SESSION_TOKEN: &str = "ghs_";

impl Borne for kind::HalfSession {
    const PREFIX: &'static str = HALF_SESSION_TOKEN;
}

impl Borne for kind::TrustedBrowser {
    const PREFIX: &'static str = "gtb_";
}

impl Borne for kind::DeviceLink {
    const PREFIX: &'static str = "gdl_";
}

impl<K: Borne> Bearer<K> {
    /// One for this thing.
    pub fn new(user_id: UserId, id: Id<K>) -> Self {
        Self { user_id, id, secret: random_secret() }
    }

    /// What a token says, if it is one.
    pub fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(K::PREFIX)?).ok()?;
        let bytes: [u8; 64] = bytes.try_into().ok()?;
        Some(Self {
            user_id: UserId::from_uuid(Uuid::from_slice(&bytes[..16]).ok()?),
            id: Id::from_uuid(Uuid::from_slice(&bytes[16..32]).ok()?),
            secret: bytes[32..].try_into().ok()?,
        })
    }

    /// The token.
    pub fn token(&self) -> Secret<String> {
        let (user, id) = (self.user_id.uuid(), self.id.uuid());
        let parts = [user.as_bytes().as_slice(), id.as_bytes(), &self.secret].concat();
        Secret::new(format!("{}{}", K::PREFIX, URL_SAFE_NO_PAD.encode(parts)))
    }

    /// What is stored of its secret.
    pub(crate) fn hash(&self) -> String {
        hash(&self.secret)
    }

    /// Whether this was stored of its secret.
    pub(crate) fn is_of(&self, stored: &str) -> bool {
        same(stored.as_bytes(), self.hash().as_bytes())
    }
}

/// Without the secret.
impl<K: Kind> fmt::Debug for Bearer<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bearer({}, {})", self.user_id, self.id)
    }
}

/// A SHA-256 as text.
pub(crate) fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_is_of_its_own_hash_alone() {
        let make = || Bearer::<kind::DeviceLink>::new(Ids::unguessable(), Ids::unguessable());
        let (made, other) = (make(), make());
        let read = Bearer::<kind::DeviceLink>::read(made.token().expose()).unwrap();
        assert_eq!((read.user_id, read.id), (made.user_id, made.id));
        assert!(read.is_of(&made.hash()) && !read.is_of(&other.hash()));
        let secret = URL_SAFE_NO_PAD.encode(made.secret);
        assert!(!format!("{made:?} {}", made.hash()).contains(&secret[..20]));
    }

    proptest! {
        #[test]
        fn no_text_is_read_as_more_than_it_is(text in "(ghs_|gtb_|gdl_)?[-_A-Za-z0-9]{0,90}") {
            let read = [
                (HALF_SESSION_TOKEN, Bearer::<kind::HalfSession>::read(&text).is_some()),
                ("gtb_", Bearer::<kind::TrustedBrowser>::read(&text).is_some()),
                ("gdl_", Bearer::<kind::DeviceLink>::read(&text).is_some()),
            ];
            for (prefix, is_read) in read {
                prop_assert!(!is_read || (text.starts_with(prefix) && text.len() == 4 + 86));
            }
        }
    }
}
