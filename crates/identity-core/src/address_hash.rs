use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use primitives::Email;
use serde::{Deserialize, Serialize};

/// An address, as far as it is kept here: its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AddressHash(String);

/// The text is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of an address: 64 digits and letters from a to f")]
pub struct InvalidAddressHash;

impl AddressHash {
    /// That of this address.
    pub fn of(email: &Email) -> Self {
        Self(hex::encode(digest(&SHA256, email.as_str().as_bytes())))
    }
}

impl FromStr for AddressHash {
    type Err = InvalidAddressHash;

    fn from_str(text: &str) -> Result<Self, InvalidAddressHash> {
        let is_hash =
            text.len() == 64 && text.bytes().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f'));
        if is_hash { Ok(Self(text.to_owned())) } else { Err(InvalidAddressHash) }
    }
}

impl TryFrom<String> for AddressHash {
    type Error = InvalidAddressHash;

    fn try_from(text: String) -> Result<Self, InvalidAddressHash> {
        text.parse()
    }
}

impl fmt::Display for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why nobody writes to an address.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// Mails did not arrive on several days.
    Delayed,
    /// A mail was refused for good.
    Bounced,
    /// Whoever got a mail called it unwanted.
    Complained,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_other_text_is_a_hash(text in "[0-9a-fA-F#]{60,68}") {
            let is_hash = text.len() == 64 && !text.contains(|c: char| c == '#' || c.is_ascii_uppercase());
            prop_assert_eq!(text.parse::<AddressHash>().is_ok(), is_hash);
        }
    }
}
