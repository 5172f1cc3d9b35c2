use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity_core::derive;
use primitives::{Keys, Secret, UserId, random_secret};

use crate::IdentityError;

/// Encrypts what must be read again, such as the seed of an authenticator app, and cannot be hashed
/// (AES-256-GCM). What it sealed for one person opens for no other.
#[derive(Clone, Debug)]
pub struct SealKey(Secret<[u8; 32]>);

impl SealKey {
    /// Derives the key from a secret text.
    pub fn from_secret(secret: &str) -> Self {
        Self(derive(secret, "second factors"))
    }

    fn cipher(&self) -> Result<LessSafeKey, IdentityError> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.expose()).map_err(|_| IdentityError::Sealing)?;
        Ok(LessSafeKey::new(key))
    }

    /// The bytes, so that only [`open`] can read them: base64url.
    pub(crate) fn seal(&self, user_id: UserId, bytes: &[u8]) -> Result<String, IdentityError> {
        let nonce: [u8; NONCE_LEN] = random_secret();
        let (mut sealed, about) = (bytes.to_vec(), Aad::from(*user_id.uuid().as_bytes()));
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), about, &mut sealed)
            .map_err(|_| IdentityError::Sealing)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    fn open(&self, user_id: UserId, sealed: &str) -> Option<Secret<Vec<u8>>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let (mut sealed, about) = (sealed.to_vec(), Aad::from(*user_id.uuid().as_bytes()));
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.cipher().ok()?.open_in_place(nonce, about, &mut sealed).ok()?;
        Some(Secret::new(opened.to_vec()))
    }
}

/// What one of these keys sealed for this person.
pub(crate) fn open(
    keys: &Keys<SealKey>,
    user_id: UserId,
    sealed: &str,
) -> Result<Secret<Vec<u8>>, IdentityError> {
    keys.iter().find_map(|key| key.open(user_id, sealed)).ok_or(IdentityError::Sealing)
}

#[cfg(test)]
mod tests {
    use primitives::Ids;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_person_with_either_key() {
        let (old, new) = (SealKey::from_secret("one"), SealKey::from_secret("two"));
        let (ada, bob) = (Ids::unguessable(), Ids::unguessable());
        let sealed = old.seal(ada, b"seed").unwrap();
        assert_ne!(old.seal(ada, b"seed").unwrap(), sealed, "the same is not seen twice");
        let rotated = Keys { current: new.clone(), previous: Some(old.clone()) };
        assert_eq!(open(&rotated, ada, &sealed).unwrap().expose(), b"seed");
        assert!(open(&Keys::only(new), ada, &sealed).is_err());
        assert!(open(&Keys::only(old), bob, &sealed).is_err());
    }

    proptest! {
        #[test]
        fn no_text_opens(text in "[-_A-Za-z0-9]{0,80}") {
            let keys = Keys::only(SealKey::from_secret("one"));
            prop_assert!(open(&keys, Ids::unguessable(), &text).is_err());
        }
    }
}
