use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// Reads a whole number as JSON has them: `142.0` is 142, since JSON knows one kind of numbers (RFC 8259,
/// section 6; JSON Schema 2020-12, validation, section 6.1.1). For `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is no number, not whole, or not within `T`.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    let number = deserializer.deserialize_u64(Whole)?;
    let outside = || D::Error::invalid_value(Unexpected::Unsigned(number), &"a smaller whole number");
    T::try_from(number).map_err(|_| outside())
}

/// Reads a member that may be left out, and that null does not empty. For `#[serde(default,
/// deserialize_with)]` of an option, whose schema then says `nullable = false`.
///
/// # Errors
/// When it is null, or nothing of its type.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        let is_whole = number.is_finite() && number.fract() == 0.0;
        if !is_whole {
            return Err(E::invalid_type(Unexpected::Float(number), &self));
        }
        // written without an exponent, so that what does not fit is noticed and not cut; nought has no sign
        format!("{:.0}", number + 0.0).parse().map_err(|_| E::invalid_value(Unexpected::Float(number), &self))
    }
}
