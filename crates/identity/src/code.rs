use std::str::FromStr;

use primitives::{Invalid, refused};
use serde::{Deserialize, Deserializer};

/// The six digits of a mail, as somebody typed, dictated or pasted them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

/// It is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use the six digits of the code")]
pub struct InvalidCode;

impl Invalid for InvalidCode {}

const LONGEST: usize = 100;

impl Code {
    /// The digits, and nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        if text.chars().count() > LONGEST {
            return Err(InvalidCode);
        }
        let digits = text.chars().filter(|letter| !separates(*letter)).map(digit);
        let digits: String = digits.collect::<Option<_>>().ok_or(InvalidCode)?;
        if digits.len() == 6 { Ok(Self(digits)) } else { Err(InvalidCode) }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

/// Blanks and hyphens of all widths, and what browsers copy along without showing it. The pattern in the
/// API's description says the same.
fn separates(letter: char) -> bool {
    matches!(
        letter,
        ' ' | '\t' | '\n' | '\r' | '\u{a0}' | '\u{200b}' | '\u{202f}' | '\u{3000}' | '-' | '\u{2212}'
    ) || ('\u{2010}'..='\u{2015}').contains(&letter)
}

/// An ASCII digit, or a full-width one as Japanese and Chinese keyboards type it.
fn digit(letter: char) -> Option<char> {
    let number = u32::from(letter);
    match letter {
        '0'..='9' => Some(letter),
        '０'..='９' => char::from_digit(number - u32::from('０'), 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_taken_as_people_type_them() {
        for typed in [
            "314159",
            " 314159",
            "314159\n",
            "314 159",
            "314-159",
            "3 1 4 1 5 9",
            "３１４１５９",
            "314\u{200b}159",
            "314\u{2011}159",
            "\t314\u{a0}159 ",
        ] {
            assert_eq!(typed.parse::<Code>().map(|code| code.0), Ok("314159".to_owned()), "{typed:?}");
        }
        for other in ["", " ", "31415", "3141592", "31415a", "314_159", "314.159", "+314159", "٣١٤١٥٩"]
        {
            assert_eq!(other.parse::<Code>(), Err(InvalidCode), "{other:?}");
        }
        assert_eq!(format!("314159{}", " ".repeat(200)).parse::<Code>(), Err(InvalidCode));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_six_digits(text in "[-0-9 ０-９a\u{200b}]{0,12}") {
            if let Ok(code) = text.parse::<Code>() {
                prop_assert!(code.0.len() == 6 && code.0.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
