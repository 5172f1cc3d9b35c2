use aws_lc_rs::{
    constant_time,
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
};
use primitives::Secret;

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

/// 32 bytes for one purpose, made from a secret text that serves several (HKDF, RFC 5869).
///
/// # Panics
/// Never: 32 bytes are within what HKDF gives.
#[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes")]
pub fn derive(secret: &str, purpose: &str) -> Secret<[u8; 32]> {
    let key = Salt::new(HKDF_SHA256, b"gantry").extract(secret.as_bytes());
    let mut bytes = [0; 32];
    let info = [purpose.as_bytes()];
    key.expand(&info, Length).and_then(|output| output.fill(&mut bytes)).expect("32 bytes");
    Secret::new(bytes)
}

/// An HMAC-SHA256 over the parts, each with its length before it.
pub fn mac(key: &Secret<[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    bytes
}

/// Whether both are the same, in a time that does not tell where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}
