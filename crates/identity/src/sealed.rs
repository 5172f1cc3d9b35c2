//! What is encrypted so that nobody but us reads it, and nobody changes it or puts it elsewhere.

pub(crate) use identity_core::sealed::open;
use primitives::Secret;

use crate::IdentityError;

/// The bytes, so that only [`open`] can read them, with the same `about`: base64url.
pub(crate) fn seal(key: &Secret<[u8; 32]>, about: &[u8], bytes: &[u8]) -> Result<String, IdentityError> {
    identity_core::sealed::seal(key, about, bytes).ok_or(IdentityError::Sealing)
}
