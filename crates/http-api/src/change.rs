use serde::{Deserialize, Deserializer};

/// What a merge patch (RFC 7396) says of a part that may be empty: nothing, that it is to be empty, or what
/// it is to be. Say `#[serde(default)]` at the field, and as its schema's `value_type` the part as an option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is to be empty.
    Clear,
    /// It is to be this.
    Set(T),
}

impl<T> Change<T> {
    /// What becomes of the part.
    pub fn of<U: From<T>>(self, before: Option<U>) -> Option<U> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value.into()),
        }
    }

    /// The same of something made from the value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(make(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Input {
        #[serde(default)]
        note: Change<u8>,
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        let read = |text: &str| serde_json::from_str::<Input>(text).map(|input| input.note).ok();
        assert_eq!(read("{}"), Some(Change::Keep));
        assert_eq!(read(r#"{"note":null}"#), Some(Change::Clear));
        assert_eq!(read(r#"{"note":3}"#), Some(Change::Set(3)));
        assert_eq!(read(r#"{"note":"x"}"#), None);
        let of = |change: Change<u8>| change.of(Some(1_u16));
        assert_eq!([of(Change::Keep), of(Change::Clear), of(Change::Set(3))], [Some(1), None, Some(3)]);
    }
}
