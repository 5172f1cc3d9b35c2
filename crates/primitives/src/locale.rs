use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer};

use crate::{
    field::{FieldCode, Invalid, refused},
    schema,
};

/// The language that somebody reads, as a tag (BCP 47) in its canonical form: `de-AT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(String);

/// The text is no tag of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocale {
    #[error("use a language tag such as de-AT")]
    TooShort,
    #[error("use a language tag of at most {} characters", Locale::LONGEST)]
    TooLong,
    /// It has another form.
    #[error("use a language tag such as de-AT")]
    Form,
}

impl Invalid for InvalidLocale {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::TooShort => FieldCode::TooShort,
            Self::TooLong => FieldCode::TooLong,
            Self::Form => FieldCode::InvalidFormat,
        }
    }
}

impl Locale {
    /// How many characters a tag may have.
    pub const LONGEST: usize = 35;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, given away.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromStr for Locale {
    type Err = InvalidLocale;

    fn from_str(text: &str) -> Result<Self, InvalidLocale> {
        match text.chars().count() {
            0 | 1 => return Err(InvalidLocale::TooShort),
            length if length > Self::LONGEST => return Err(InvalidLocale::TooLong),
            _ => {}
        }
        let tag = icu_locale_core::Locale::try_from_str(text).map_err(|_| InvalidLocale::Form)?;
        Ok(Self(tag.to_string()))
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Locale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl utoipa::PartialSchema for Locale {
    fn schema() -> schema::Written {
        schema::text(|text| {
            let text = text.min_length(Some(2)).max_length(Some(Self::LONGEST));
            text.format(Some(schema::SchemaFormat::Custom("gantry-locale".to_owned()))).examples(["de-AT"])
        })
    }
}

/// Has no name of its own in the description: say `#[schema(inline)]` at the field.
impl utoipa::ToSchema for Locale {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_spelling() {
        for (text, tag) in [
            ("de", "de"),
            ("de-AT", "de-AT"),
            ("DE-at", "de-AT"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("sl-rozaj-biske", "sl-biske-rozaj"),
            ("de-1996", "de-1996"),
            ("en-u-CA-buddhist", "en-u-ca-buddhist"),
            ("en-x-twain", "en-x-twain"),
        ] {
            let locale = text.parse::<Locale>().map(Locale::into_string);
            assert_eq!(locale.as_deref(), Ok(tag), "{text}");
            assert_eq!(tag.parse::<Locale>().map(Locale::into_string).as_deref(), Ok(tag));
        }
    }

    #[test]
    fn another_word_is_no_language() {
        for (text, error) in [
            ("", InvalidLocale::TooShort),
            ("d", InvalidLocale::TooShort),
            ("!!", InvalidLocale::Form),
            ("12", InvalidLocale::Form),
            ("german language", InvalidLocale::Form),
            ("de-", InvalidLocale::Form),
            ("de_AT", InvalidLocale::Form),
            ("de--AT", InvalidLocale::Form),
            ("de-AT\n", InvalidLocale::Form),
            ("dé", InvalidLocale::Form),
            ("en_US.UTF-8", InvalidLocale::Form),
            ("<script>", InvalidLocale::Form),
            ("abcdefghi", InvalidLocale::Form),
        ] {
            assert_eq!(text.parse::<Locale>(), Err(error), "{text:?}");
        }
        assert_eq!("de-AT-x-".repeat(5).parse::<Locale>(), Err(InvalidLocale::TooLong));
    }
}
