//! What is encrypted so that nobody but us reads it, and nobody changes it or puts it elsewhere
//! (AES-256-GCM).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{Secret, random_secret};

fn cipher(key: &Secret<[u8; 32]>) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.expose()).ok().map(LessSafeKey::new)
}

/// The bytes, so that only [`open`] can read them, with the same `about`: base64url. Nothing where it cannot
/// be done, which has no reason that anybody knows.
pub fn seal(key: &Secret<[u8; 32]>, about: &[u8], bytes: &[u8]) -> Option<String> {
    let nonce: [u8; NONCE_LEN] = random_secret();
    let mut sealed = bytes.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed)
        .ok()?;
    Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

/// What this key sealed about this.
pub fn open(key: &Secret<[u8; 32]>, about: &[u8], sealed: &str) -> Option<Secret<Vec<u8>>> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
    let mut sealed = sealed.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let opened = cipher(key)?.open_in_place(nonce, Aad::from(about), &mut sealed).ok()?;
    Some(Secret::new(opened.to_vec()))
}
