use std::{collections::BTreeMap, fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use identity_core::same;
use primitives::{FactorId, FieldCode, Ids, Invalid, Secret, Timestamp, random_secret, refused};
use serde::{Deserialize, Deserializer, Serialize};

/// How many codes a person gets.
const CODES: usize = 10;

/// Letters and digits that nobody takes for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const LENGTH: usize = 16;

/// A recovery code as somebody typed it. It has 80 bits, so that nobody finds it by its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Secret<String>);

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use one of the recovery codes, such as 7k2m-x9qd-4wbn-c1fh")]
pub struct InvalidRecoveryCode;

impl Invalid for InvalidRecoveryCode {
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidFormat
    }
}

impl FromStr for RecoveryCode {
    type Err = InvalidRecoveryCode;

    /// Large letters and small ones, with hyphens and blanks or without; `o` for `0`, `i` and `l` for `1`.
    fn from_str(text: &str) -> Result<Self, InvalidRecoveryCode> {
        let letters = text.bytes().filter(|letter| !matches!(letter, b' ' | b'-')).map(read);
        let code: Vec<u8> = letters.take(LENGTH + 1).collect::<Option<_>>().ok_or(InvalidRecoveryCode)?;
        if code.len() != LENGTH {
            return Err(InvalidRecoveryCode);
        }
        Ok(Self(Secret::new(String::from_utf8(code).map_err(|_| InvalidRecoveryCode)?)))
    }
}

fn read(letter: u8) -> Option<u8> {
    let letter = match letter.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        letter => letter,
    };
    ALPHABET.contains(&letter).then_some(letter)
}

impl<'de> Deserialize<'de> for RecoveryCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode")
    }
}

impl RecoveryCode {
    fn random() -> Self {
        let letters = random_secret::<LENGTH>().map(|byte| ALPHABET[usize::from(byte % 32)]);
        Self(Secret::new(letters.map(char::from).iter().collect()))
    }

    /// As it is written down: in groups of four.
    fn written(&self) -> String {
        let mut written = String::new();
        for (index, letter) in self.0.expose().chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                written.push('-');
            }
            written.push(letter);
        }
        written
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }

    fn hash(&self) -> String {
        hex::encode(digest(&SHA256, self.bytes()))
    }
}

/// The recovery codes that a person has left: their hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecoveryCodes {
    pub(crate) factor_id: FactorId,
    codes: BTreeMap<String, String>,
    pub(crate) made_at: Timestamp,
}

impl RecoveryCodes {
    /// Ten new ones in the place of those that the person has, and how to write them down.
    pub(crate) fn generate(former: Option<&Self>, now: Timestamp) -> (Self, Vec<String>) {
        let codes: Vec<_> = (0..CODES).map(|_| RecoveryCode::random()).collect();
        let hashes = codes.iter().enumerate().map(|(index, code)| (index.to_string(), code.hash()));
        let factor_id = former.map_or_else(Ids::unguessable, |former| former.factor_id);
        let stored = Self { factor_id, codes: hashes.collect(), made_at: now };
        (stored, codes.iter().map(RecoveryCode::written).collect())
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.codes.len()
    }

    /// Those that are left after this one was shown; nothing where it is none of them.
    pub(crate) fn shown(&self, code: &RecoveryCode) -> Option<Self> {
        let hash = code.hash();
        let used = self.codes.iter().find(|(_, left)| same(left.as_bytes(), hash.as_bytes()))?.0.clone();
        let mut left = self.clone();
        left.codes.remove(&used);
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_of_ten_is_right_once() {
        let (mut left, written) = RecoveryCodes::generate(None, Timestamp::UNIX_EPOCH);
        assert_eq!(written.len(), 10);
        for (used, text) in written.iter().enumerate() {
            let typed = text.to_uppercase().replace('-', " ").replace('0', "O").replace('1', "l");
            let code: RecoveryCode = typed.parse().unwrap();
            left = left.shown(&code).unwrap();
            assert_eq!((left.left(), left.shown(&code)), (9 - used, None));
        }
        assert!(!format!("{left:?}").contains(&written[0].replace('-', "")));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in
            ["", "7k2m-x9qd-4wbn-c1f", "7k2m-x9qd-4wbn-c1fhh", "7k2m-x9qd-4wbn-c1fu", "7k2m_x9qd4wbnc1fh"]
        {
            assert_eq!(text.parse::<RecoveryCode>(), Err(InvalidRecoveryCode), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_of_its_length_or_none(text in ".{0,40}") {
            if let Ok(code) = text.parse::<RecoveryCode>() {
                prop_assert_eq!(code.written().len(), 19);
                prop_assert!(code.written().parse::<RecoveryCode>() == Ok(code));
            }
        }
    }
}
