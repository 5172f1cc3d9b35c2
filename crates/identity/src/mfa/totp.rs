use identity_core::keys;
use primitives::{FactorId, Keys, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key};
use totp_rs::{Builder, Totp};

use super::seal::{SealKey, open};
use crate::{Code, IdentityError};

/// How long a seed is: as long as the hash (RFC 4226, section 4).
pub(crate) const SEED: usize = 20;

/// An authenticator app of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TotpFactor {
    pub(crate) factor_id: FactorId,
    /// What the codes are made of, sealed.
    seed: String,
    pub(crate) confirmed_at: Timestamp,
    /// The step of the last code that was shown: neither it nor one before is taken again (RFC 6238,
    /// section 5.2).
    last_step: u64,
}

/// One that is being set up: nothing is asked of it until a code of it was shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TotpEnrollment {
    pub(crate) user_id: UserId,
    pub(crate) factor_id: FactorId,
    seed: String,
    pub(crate) valid_until: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for TotpEnrollment {
    fn key(&self) -> Key {
        keys::TotpEnrollment::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

impl TotpEnrollment {
    pub(crate) fn new(
        user_id: UserId,
        factor_id: FactorId,
        seed: &[u8; SEED],
        key: &SealKey,
        valid_until: Timestamp,
    ) -> Result<Self, IdentityError> {
        let seed = key.seal(user_id, seed)?;
        Ok(Self { user_id, factor_id, seed, valid_until, version: 0 })
    }

    /// The same in the place of one that was begun before.
    pub(crate) fn instead_of(mut self, former: Option<&Self>) -> Self {
        self.version = former.map_or(0, |former| former.version);
        self
    }

    /// The factor, if this is a code of it.
    pub(crate) fn confirmed(
        &self,
        code: &Code,
        keys: &Keys<SealKey>,
        now: Timestamp,
    ) -> Result<Option<TotpFactor>, IdentityError> {
        let seed = open(keys, self.user_id, &self.seed)?;
        let Some(step) = matched(&totp(seed.expose())?, code, now) else { return Ok(None) };
        Ok(Some(TotpFactor {
            factor_id: self.factor_id,
            seed: keys.current.seal(self.user_id, seed.expose())?,
            confirmed_at: now,
            last_step: step,
        }))
    }
}

impl TotpFactor {
    /// The factor after this code was shown, which is then used up; nothing where it is wrong, or was used.
    /// The seed is sealed anew, with the key of today.
    pub(crate) fn shown(
        &self,
        user_id: UserId,
        code: &Code,
        keys: &Keys<SealKey>,
        now: Timestamp,
    ) -> Result<Option<Self>, IdentityError> {
        let seed = open(keys, user_id, &self.seed)?;
        let step = matched(&totp(seed.expose())?, code, now).filter(|step| *step > self.last_step);
        let Some(last_step) = step else { return Ok(None) };
        let seed = keys.current.seal(user_id, seed.expose())?;
        Ok(Some(Self { seed, last_step, ..self.clone() }))
    }
}

/// As authenticator apps take them: SHA-1, 6 digits, 30 seconds, and the step before and after for clocks
/// that differ (RFC 6238, section 5.2).
fn totp(seed: &[u8]) -> Result<Totp, IdentityError> {
    Builder::new().with_secret(seed.to_vec()).with_skew(1).build().map_err(|_| IdentityError::Sealing)
}

fn matched(totp: &Totp, code: &Code, now: Timestamp) -> Option<u64> {
    totp.check(code.as_str(), u64::try_from(now.as_second()).ok()?)
}

/// The seed as a person types it, and as a QR code says it (the key URI format).
pub(crate) fn shown_once(
    seed: [u8; SEED],
    issuer: &str,
    account: &str,
) -> Result<(String, String), IdentityError> {
    let without_colon = |text: &str| text.replace(':', " ");
    let totp = Builder::new()
        .with_secret(seed.to_vec())
        .with_issuer(Some(without_colon(issuer)))
        .with_account_name(without_colon(account))
        .build()
        .map_err(|_| IdentityError::Sealing)?;
    let uri = totp.to_url().map_err(|_| IdentityError::Sealing)?;
    Ok((totp.secret().to_base32(), uri))
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    fn code(digits: &str) -> Code {
        digits.parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ada() -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(1))
    }

    fn confirmed(seed: &[u8; SEED], digits: &str, now: Timestamp) -> Option<TotpFactor> {
        let keys = Keys::only(SealKey::from_secret("one"));
        let enrollment = TotpEnrollment::new(ada(), Ids::unguessable(), seed, &keys.current, now).unwrap();
        enrollment.confirmed(&code(digits), &keys, now).unwrap()
    }

    /// RFC 6238, appendix B, of whose eight digits apps show the last six.
    #[test]
    fn the_codes_of_the_rfc_are_right() {
        let seed = b"12345678901234567890";
        for (second, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert!(confirmed(seed, digits, at(second)).is_some(), "{second}");
            assert!(confirmed(seed, digits, at(second + 30)).is_some(), "a clock that is behind");
            assert!(confirmed(seed, digits, at(second - 30)).is_some(), "a clock that is ahead");
            assert!(confirmed(seed, digits, at(second + 60)).is_none());
        }
    }

    #[test]
    fn no_step_is_taken_twice_nor_one_before_it() {
        let keys = Keys::only(SealKey::from_secret("one"));
        let factor = confirmed(b"12345678901234567890", "081804", at(1_111_111_109)).unwrap();
        let shown = |digits: &str, second| factor.shown(ada(), &code(digits), &keys, at(second)).unwrap();
        assert_eq!(shown("081804", 1_111_111_109), None, "the one that it was confirmed with");
        let next = shown("050471", 1_111_111_111).unwrap();
        assert_eq!(next.shown(ada(), &code("050471"), &keys, at(1_111_111_111)).unwrap(), None);
        assert_eq!(
            next.shown(ada(), &code("081804"), &keys, at(1_111_111_111)).unwrap(),
            None,
            "an older one"
        );
    }

    #[test]
    fn what_apps_scan_names_product_and_account() {
        let (secret, uri) = shown_once([7; SEED], "Acme: the app", "ada@example.com").unwrap();
        assert_eq!(secret, "A4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYH");
        assert_eq!(
            uri,
            format!(
                "otpauth://totp/Acme%20%20the%20app:ada%40example.com?secret={secret}&issuer=Acme%20%20the%20app"
            )
        );
    }
}
