use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};

use crate::field::{FieldCode, Invalid, refused};

/// How many items a page may hold: 1 to 100, 25 when nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

/// The number is not between 1 and 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a number from 1 to 100")]
pub struct InvalidLimit;

impl Invalid for InvalidLimit {
    fn field_code(&self) -> FieldCode {
        FieldCode::OutOfRange
    }
}

impl Limit {
    /// The number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(25)
    }
}

impl TryFrom<u32> for Limit {
    type Error = InvalidLimit;

    fn try_from(number: u32) -> Result<Self, InvalidLimit> {
        u8::try_from(number).ok().filter(|number| (1..=100).contains(number)).map(Self).ok_or(InvalidLimit)
    }
}

/// A number, or the text of one: in a query everything is text.
impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number)
    }
}

struct Number;

/// The text is no number.
#[derive(Debug, thiserror::Error)]
#[error("use a number from 1 to 100")]
struct NoNumber;

impl Invalid for NoNumber {}

impl Visitor<'_> for Number {
    type Value = Limit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 1 to 100")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Limit, E> {
        let limit = u32::try_from(number).map_err(|_| InvalidLimit).and_then(Limit::try_from);
        limit.map_err(|error| refused(&error))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Limit, E> {
        Err(refused(&InvalidLimit))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Limit, E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(refused(&NoNumber));
        }
        // one that is below zero, or larger than any number of ours
        self.visit_u64(text.parse().unwrap_or_default())
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; null exactly where there is none.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page of something made from each item.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold() {
        assert_eq!(Limit::try_from(1).unwrap().get(), 1);
        assert_eq!(Limit::try_from(100).unwrap().get(), 100);
        for number in [0, 101, 256, 257, u32::MAX] {
            assert_eq!(Limit::try_from(number), Err(InvalidLimit));
        }
    }

    #[test]
    fn a_number_is_out_of_range_and_another_text_is_none() {
        let read = |text: &str| {
            let text: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
                serde::de::IntoDeserializer::into_deserializer(text);
            Limit::deserialize(text).map(Limit::get).map_err(|error| FieldCode::of(&error.to_string()).0)
        };
        assert_eq!((read("1"), read("100")), (Ok(1), Ok(100)));
        for number in ["0", "-1", "101", "-99999999999999999999", "99999999999999999999"] {
            assert_eq!(read(number), Err(FieldCode::OutOfRange), "{number}");
        }
        for none in ["", "-", "x", "1.5", "1e1", "+5", "٣"] {
            assert_eq!(read(none), Err(FieldCode::InvalidFormat), "{none}");
        }
        for json in ["-1", "0", "101"] {
            let error = serde_json::from_str::<Limit>(json).unwrap_err().to_string();
            assert!(error.starts_with("out_of_range: use a number from 1 to 100"), "{json}: {error}");
        }
        assert_eq!(serde_json::from_str::<Limit>("7").map(Limit::get).ok(), Some(7));
    }
}
