//! A DNS server, over UDP and TCP, that answers for TXT records from a table: for all of the internet, so
//! that nobody is asked outside of this machine.

mod answer;
mod server;

use std::num::NonZeroU8;

use hickory_proto::rr::Name;
use serde::{Deserialize, Serialize};

pub(crate) use server::serve;

/// What DNS says about a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsName {
    /// Its TXT records.
    #[serde(default)]
    pub texts: Vec<String>,
    /// The name that it is another one for (CNAME). Then it has no records of its own.
    #[serde(default)]
    pub alias: Option<String>,
    /// How long the strings are that a record is made of: 255 bytes, unless it says less.
    #[serde(default)]
    pub string_bytes: Option<NonZeroU8>,
    /// What happens instead of an answer.
    #[serde(default)]
    pub failure: Option<DnsFailure>,
}

/// What happens instead of an answer about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsFailure {
    /// The server says that it cannot tell.
    Servfail,
    /// There is none.
    Silent,
}

/// Records of a name, and bytes of each: all of it fits into one message over TCP.
const MOST_TEXTS: usize = 50;
const LONGEST_TEXT: usize = 1_000;

impl DnsName {
    /// What is wrong with it.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.texts.len() > MOST_TEXTS || self.texts.iter().any(|text| text.len() > LONGEST_TEXT) {
            return Err(format!("a name has {MOST_TEXTS} texts at most, of {LONGEST_TEXT} bytes at most"));
        }
        match &self.alias {
            Some(_) if !self.texts.is_empty() => Err("a name has texts, or is an alias".to_owned()),
            Some(alias) => normal(alias).map(drop),
            None => Ok(()),
        }
    }
}

/// The form in which a name is kept.
pub(crate) fn normal(name: &str) -> Result<String, String> {
    let text = name.trim().trim_end_matches('.').to_ascii_lowercase();
    match Name::from_ascii(format!("{text}.")) {
        Ok(name) if text.contains('.') && !name.is_root() => Ok(text),
        _ => Err(format!("{name:?} is no name in DNS, such as _challenge.example.com")),
    }
}

#[cfg(test)]
mod tests;
