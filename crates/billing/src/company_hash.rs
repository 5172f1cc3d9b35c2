use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// What a company, or a person, is known by: the hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CompanyHash(String);

impl CompanyHash {
    pub(crate) fn of(sort: &str, text: &str) -> Self {
        let text = format!("trial {sort} {text}");
        Self(hex::encode(digest(&SHA256, text.as_bytes())))
    }
}

impl CompanyHash {
    /// That of a card, by Stripe's fingerprint of its number.
    pub(crate) fn of_card(fingerprint: &str) -> Self {
        Self::of("card", fingerprint)
    }
}

impl fmt::Display for CompanyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
