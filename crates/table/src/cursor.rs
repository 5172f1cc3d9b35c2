use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    digest::{SHA256, digest},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use futures::future::BoxFuture;
use primitives::Keys;

use crate::{
    error::StoreError,
    item::{Attributes, text},
};

/// Makes and reads cursors: where a page ended, encrypted and bound to the list it came from.
pub struct CursorKey(RandomizedNonceKey);

impl CursorKey {
    /// Derives the key from a secret text.
    ///
    /// # Panics
    /// Never: the digest has the key's length.
    #[expect(clippy::expect_used, reason = "SHA-256 gives the 32 bytes that AES-256 asks for")]
    pub fn from_secret(secret: &str) -> Self {
        let key = digest(&SHA256, format!("gantry cursor {secret}").as_bytes());
        Self(RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).expect("a key of 32 bytes"))
    }

    /// `list` names tenant and query: a cursor opens only for the same.
    pub(crate) fn seal(&self, list: &str, last: &Attributes) -> Result<String, StoreError> {
        let plain: Option<HashMap<&String, &String>> =
            last.iter().map(|(name, value)| Some((name, value.as_s().ok()?))).collect();
        let mut bytes =
            plain.and_then(|plain| serde_json::to_vec(&plain).ok()).ok_or(StoreError::Unsealed)?;
        let nonce = self.0.seal_in_place_append_tag(Aad::from(list.as_bytes()), &mut bytes);
        let nonce = nonce.map_err(|_| StoreError::Unsealed)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat()))
    }

    fn open(&self, list: &str, cursor: &str) -> Option<Attributes> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(list.as_bytes()), &mut sealed).ok()?;
        let last: HashMap<String, String> = primitives::json::from_slice(plain).ok()?;
        Some(last.into_iter().map(|(name, value)| (name, text(value))).collect())
    }
}

/// Where the keys of cursors are kept. A page that neither begins nor ends at a cursor needs none,
/// and most lists fit into one page: so they are asked for when a cursor comes in or goes out, and
/// not before.
pub trait CursorKeys: Send + Sync {
    /// The keys at hand.
    fn at_hand(&self) -> BoxFuture<'_, Result<Arc<Keys<CursorKey>>, StoreError>>;

    /// Newer ones than `known`, if there are any: another instance may know them, and have made a
    /// cursor with them.
    fn newer<'a>(
        &'a self,
        known: &'a Arc<Keys<CursorKey>>,
    ) -> BoxFuture<'a, Result<Option<Arc<Keys<CursorKey>>>, StoreError>>;
}

/// Keys that never rotate.
impl CursorKeys for Arc<Keys<CursorKey>> {
    fn at_hand(&self) -> BoxFuture<'_, Result<Self, StoreError>> {
        Box::pin(async { Ok(Self::clone(self)) })
    }

    fn newer<'a>(&'a self, _known: &'a Self) -> BoxFuture<'a, Result<Option<Self>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Where the page before ended.
pub(crate) async fn opened(
    cursors: &dyn CursorKeys,
    list: &str,
    cursor: &str,
) -> Result<Attributes, StoreError> {
    let keys = cursors.at_hand().await?;
    match open(&keys, list, cursor) {
        Err(StoreError::ForeignCursor) => match cursors.newer(&keys).await? {
            Some(newer) => open(&newer, list, cursor),
            None => Err(StoreError::ForeignCursor),
        },
        start => start,
    }
}

/// Where the page before ended, by whichever of the keys sealed it.
fn open(keys: &Keys<CursorKey>, list: &str, cursor: &str) -> Result<Attributes, StoreError> {
    keys.iter().find_map(|key| key.open(list, cursor)).ok_or(StoreError::ForeignCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> Attributes {
        HashMap::from([("pk".to_owned(), text("ORG#1")), ("sk".to_owned(), text("MEMBER#2"))])
    }

    #[test]
    fn opens_for_the_list_it_was_made_for() {
        let keys = Keys::only(CursorKey::from_secret("secret"));
        let cursor = keys.current.seal("org_1 members", &last()).unwrap();
        assert_eq!(open(&keys, "org_1 members", &cursor).unwrap(), last());
    }

    #[test]
    fn opens_after_one_rotation_and_not_after_two() {
        let key = CursorKey::from_secret;
        let cursor = key("first").seal("org_1 members", &last()).unwrap();
        let once = Keys { current: key("second"), previous: Some(key("first")) };
        assert_eq!(open(&once, "org_1 members", &cursor).unwrap(), last());
        let twice = Keys { current: key("third"), previous: Some(key("second")) };
        assert!(matches!(open(&twice, "org_1 members", &cursor), Err(StoreError::ForeignCursor)));
    }

    #[test]
    fn what_cannot_be_sealed_does_not_end_the_list() {
        let number = HashMap::from([("pk".to_owned(), crate::item::number(1))]);
        let sealed = CursorKey::from_secret("secret").seal("org_1 members", &number);
        assert!(matches!(sealed, Err(StoreError::Unsealed)));
    }

    #[test]
    fn opens_for_nothing_else() {
        let keys = Keys::only(CursorKey::from_secret("secret"));
        let cursor = keys.current.seal("org_1 members", &last()).unwrap();
        let mut tampered = cursor.clone().into_bytes();
        tampered[20] = if tampered[20] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        for (list, cursor) in [
            ("org_2 members", &*cursor),
            ("org_1 members", &tampered),
            ("org_1 members", ""),
            ("org_1 members", "%%%"),
            ("org_1 members", "AAAA"),
        ] {
            assert!(matches!(open(&keys, list, cursor), Err(StoreError::ForeignCursor)));
        }
        assert!(CursorKey::from_secret("another").open("org_1 members", &cursor).is_none());
    }
}
