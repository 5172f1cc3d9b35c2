use serde::{Deserialize, Deserializer, Serialize};

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

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(u32::deserialize(deserializer)?).map_err(|error| refused(&error))
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
}
