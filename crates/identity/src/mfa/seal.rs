use identity_core::{derive, mac};
use primitives::{Email, Keys, Secret, UserId};

use crate::{IdentityError, sealed};

/// Encrypts what must be read again, such as the seed of an authenticator app, and cannot be hashed
/// (AES-256-GCM). What it sealed for one person opens for no other.
#[derive(Clone, Debug)]
pub struct SealKey {
    factors: Secret<[u8; 32]>,
    ceremonies: Secret<[u8; 32]>,
    decoys: Secret<[u8; 32]>,
}

impl SealKey {
    /// Derives the key from a secret text.
    pub fn from_secret(secret: &str) -> Self {
        Self {
            factors: derive(secret, "second factors"),
            ceremonies: derive(secret, "passkey ceremonies"),
            decoys: derive(secret, "passkey decoys"),
        }
    }

    /// The bytes, so that only [`open`] can read them: base64url.
    pub(crate) fn seal(&self, user_id: UserId, bytes: &[u8]) -> Result<String, IdentityError> {
        sealed::seal(&self.factors, user_id.uuid().as_bytes(), bytes)
    }

    fn open(&self, user_id: UserId, text: &str) -> Option<Secret<Vec<u8>>> {
        sealed::open(&self.factors, user_id.uuid().as_bytes(), text)
    }

    /// What is in the challenge of a passkey, so that only [`SealKey::open_ceremony`] can read it.
    pub(crate) fn seal_ceremony(&self, bytes: &[u8]) -> Result<String, IdentityError> {
        sealed::seal(&self.ceremonies, b"", bytes)
    }

    pub(crate) fn open_ceremony(&self, text: &str) -> Option<Secret<Vec<u8>>> {
        sealed::open(&self.ceremonies, b"", text)
    }

    /// What looks as if it were random, and is always the same for this address.
    pub(crate) fn decoy(&self, email: &Email) -> [u8; 32] {
        mac(&self.decoys, &[email.as_str().as_bytes()])
    }
}

/// What one of these keys sealed for this person.
pub(crate) fn open(
    keys: &Keys<SealKey>,
    user_id: UserId,
    text: &str,
) -> Result<Secret<Vec<u8>>, IdentityError> {
    keys.iter().find_map(|key| key.open(user_id, text)).ok_or(IdentityError::Sealing)
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
