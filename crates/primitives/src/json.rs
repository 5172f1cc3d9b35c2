//! Reads JSON that comes from outside as its description says, and no other way.
//!
//! The readers that serde derives take more than objects: an array stands for a struct by the order
//! of its fields, and `{"apns": null}` for the word `"apns"`. A member added in the middle of a
//! type would then change what such input means, and whatever looks at members by their names, such
//! as a firewall, does not see it. Of members with one name the last would win. So whatever reads
//! JSON from outside reads it here; a rule of `tests/architecture` sees to it.

mod strict;
mod unique;
mod whole;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Error, Value};

pub use strict::{NO_WORD, Strict};
pub use unique::{duplicates, escaped, refuse_duplicates};
pub use whole::{present, whole};

/// Reads a text.
///
/// # Errors
/// When it is not JSON, or not a `T`, or an object in it has two members of one name.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// Reads a text.
///
/// # Errors
/// As [`from_str`].
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = T::deserialize(Strict(&mut json))?;
    json.end()?;
    refuse_duplicates(text)?;
    Ok(value)
}

/// Reads what was parsed before. Of two members of one name only the last is left in it by then.
///
/// # Errors
/// When it is not a `T`.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Strict(value))
}

/// Reads what was parsed before and goes on being used.
///
/// # Errors
/// When it is not a `T`.
pub fn from_ref<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Error> {
    T::deserialize(Strict(value))
}

#[cfg(test)]
mod tests;
