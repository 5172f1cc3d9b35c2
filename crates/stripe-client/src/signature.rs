//! Webhook signatures (<https://docs.stripe.com/webhooks/signature>).

use aws_lc_rs::{constant_time, hmac};
use jiff::{SignedDuration, Timestamp};
use primitives::Secret;

/// How far a signature's time may lie from ours, in either direction: Stripe's default of five
/// minutes.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Longer headers are refused unread. Stripe's are below 300 bytes even while two secrets are
/// valid.
const LONGEST_HEADER: usize = 4096;

/// The signing secrets (`whsec_…`) of one endpoint: two or more while one is being rotated.
#[derive(Clone, Debug)]
pub struct WebhookSecrets(Vec<Secret<String>>);

impl WebhookSecrets {
    /// Refuses an empty list and empty secrets, with which anybody could sign.
    pub fn new(secrets: Vec<Secret<String>>) -> Result<Self, SignatureError> {
        if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().trim().is_empty()) {
            return Err(SignatureError::NoSecret);
        }
        Ok(Self(secrets))
    }
}

/// Why a delivery is not taken for one of Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No usable secret is configured.
    #[error("no webhook signing secret is configured; put at least one whsec_… into the Stripe secret")]
    NoSecret,
    /// The header has no single `t=` or no `v1=`.
    #[error("the Stripe-Signature header is malformed; expected t=<seconds>,v1=<hex>")]
    Malformed,
    /// None of the signatures was made with one of our secrets over this body.
    #[error("no signature matches the body; check that the endpoint's signing secret is the configured one")]
    Mismatch,
    /// The signature is right and was made too long ago or lies in the future.
    #[error("the signature's time is more than five minutes from ours")]
    OutsideTolerance,
}

/// Checks that `body`, the request's raw bytes, was signed with one of `secrets` within
/// [`TOLERANCE`] of `now`.
pub fn verify(
    body: &[u8],
    header: &str,
    secrets: &WebhookSecrets,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let header = Header::parse(header)?;
    let mut matches = false;
    for secret in &secrets.0 {
        let expected = digest(secret, header.signed_at_text, body);
        for candidate in &header.candidates {
            matches |= constant_time::verify_slices_are_equal(expected.as_ref(), candidate).is_ok();
        }
    }
    if !matches {
        return Err(SignatureError::Mismatch);
    }
    if now.duration_since(header.signed_at).abs() > TOLERANCE {
        return Err(SignatureError::OutsideTolerance);
    }
    Ok(())
}

/// The `Stripe-Signature` header that Stripe would send for `body` at `at`: what the local cloud
/// and tests sign with.
pub fn sign(body: &[u8], secret: &Secret<String>, at: Timestamp) -> String {
    let signed_at = at.as_second().to_string();
    let signature = hex::encode(digest(secret, &signed_at, body));
    format!("t={signed_at},v1={signature}")
}

fn digest(secret: &Secret<String>, signed_at: &str, body: &[u8]) -> hmac::Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(signed_at.as_bytes());
    context.update(b".");
    context.update(body);
    context.sign()
}

struct Header<'a> {
    signed_at: Timestamp,
    /// As written: this text, not the number, is what was signed.
    signed_at_text: &'a str,
    candidates: Vec<[u8; 32]>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Result<Self, SignatureError> {
        if text.len() > LONGEST_HEADER {
            return Err(SignatureError::Malformed);
        }
        let mut signed_at_text = None;
        let mut candidates = Vec::new();
        for element in text.split(',') {
            match element.trim().split_once('=') {
                // A second time would leave open which one is judged.
                Some(("t", value)) if signed_at_text.replace(value).is_some() => {
                    return Err(SignatureError::Malformed);
                }
                Some(("v1", value)) => {
                    let mut candidate = [0; 32];
                    if hex::decode_to_slice(value, &mut candidate).is_ok() {
                        candidates.push(candidate);
                    }
                }
                // Other schemes (v0 in test mode) prove nothing and are skipped, as Stripe demands.
                _ => {}
            }
        }
        let signed_at_text = signed_at_text
            .filter(|text| (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .ok_or(SignatureError::Malformed)?;
        let signed_at = signed_at_text
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or(SignatureError::Malformed)?;
        if candidates.is_empty() {
            return Err(SignatureError::Malformed);
        }
        Ok(Self { signed_at, signed_at_text, candidates })
    }
}

#[cfg(test)]
mod tests;
