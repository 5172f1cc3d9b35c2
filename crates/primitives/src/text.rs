use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer};

use crate::{
    field::{FieldCode, Invalid, refused},
    schema,
};

/// A text of at least `SHORTEST` and at most `LONGEST` characters, whatever they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const SHORTEST: usize, const LONGEST: usize>(String);

/// The text is too short or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use {shortest} to {longest} characters")]
pub struct InvalidText {
    shortest: usize,
    longest: usize,
    code: FieldCode,
}

impl Invalid for InvalidText {
    fn field_code(&self) -> FieldCode {
        self.code
    }
}

impl<const SHORTEST: usize, const LONGEST: usize> Text<SHORTEST, LONGEST> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, given away.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const SHORTEST: usize, const LONGEST: usize> FromStr for Text<SHORTEST, LONGEST> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let refused = |code| Err(InvalidText { shortest: SHORTEST, longest: LONGEST, code });
        match text.chars().count() {
            length if length < SHORTEST => refused(FieldCode::TooShort),
            length if length > LONGEST => refused(FieldCode::TooLong),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// It may be a secret, such as a token.
impl<const SHORTEST: usize, const LONGEST: usize> fmt::Debug for Text<SHORTEST, LONGEST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl<'de, const SHORTEST: usize, const LONGEST: usize> Deserialize<'de> for Text<SHORTEST, LONGEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl<const SHORTEST: usize, const LONGEST: usize> utoipa::PartialSchema for Text<SHORTEST, LONGEST> {
    fn schema() -> schema::Written {
        schema::text(|text| text.min_length(Some(SHORTEST)).max_length(Some(LONGEST)))
    }
}

/// Has no name of its own in the description: say `#[schema(inline)]` at the field.
impl<const SHORTEST: usize, const LONGEST: usize> utoipa::ToSchema for Text<SHORTEST, LONGEST> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let code = |text: &str| text.parse::<Text<2, 4>>().map_err(|error| error.field_code()).err();
        for text in ["ab", "äöüß", "日本"] {
            assert_eq!(code(text), None, "{text}");
        }
        assert_eq!(code("a"), Some(FieldCode::TooShort));
        assert_eq!(code("abcde"), Some(FieldCode::TooLong));
        assert_eq!("a".parse::<Text<2, 4>>().unwrap_err().to_string(), "use 2 to 4 characters");
    }

    #[test]
    fn debug_form_hides_it() {
        assert_eq!(format!("{:?}", "secret".parse::<Text<1, 9>>().unwrap()), "Text(6 bytes)");
    }
}
