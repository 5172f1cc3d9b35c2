use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    field::{Invalid, refused},
    schema,
};

/// A phone's number as the whole world writes it (E.164): `+436641234567`. Whether it can be one of a phone
/// is judged where somebody types one.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

/// The text is not written as numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a phone number such as +43 664 1234567")]
pub struct NoPhoneNumber;

impl Invalid for NoPhoneNumber {}

/// How many digits are left when a number is masked, beside those that say the country.
const SHOWN: usize = 2;

/// How many digits at the end name one phone of a block that operators give out together.
const OF_A_PHONE: usize = 4;

impl PhoneNumber {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As others may see it: `••••67`. Its person knows the rest.
    pub fn masked(&self) -> String {
        format!("••••{}", &self.0[self.0.len() - SHOWN..])
    }

    /// What it has in common with the ten thousand numbers beside it, which are somebody's who has many.
    pub fn block(&self) -> &str {
        &self.0[..self.0.len() - OF_A_PHONE]
    }
}

/// A number is nothing for a log.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl FromStr for PhoneNumber {
    type Err = NoPhoneNumber;

    fn from_str(text: &str) -> Result<Self, NoPhoneNumber> {
        let digits = text.strip_prefix('+').ok_or(NoPhoneNumber)?;
        let is_one = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        if is_one { Ok(Self(text.to_owned())) } else { Err(NoPhoneNumber) }
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl utoipa::PartialSchema for PhoneNumber {
    fn schema() -> schema::Written {
        schema::text(|text| text.pattern(Some(r"^\+[1-9][0-9]{6,14}$")).examples(["+436641234567"]))
    }
}

/// Has no name of its own in the description: say `#[schema(inline)]` at the field.
impl utoipa::ToSchema for PhoneNumber {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_behind_a_plus_and_is_not_printed() {
        let number: PhoneNumber = "+436641234567".parse().unwrap();
        assert_eq!((number.as_str(), number.block()), ("+436641234567", "+43664123"));
        assert_eq!((number.masked(), format!("{number:?}")), ("••••67".to_owned(), "••••67".to_owned()));
        for text in [
            "",
            "+",
            "436641234567",
            "+043664123456",
            "+43 664 1234567",
            "+43664",
            "+4366412345678901",
            "+４３６６４１２３",
            "++43664123456",
            "+43664123456x",
        ] {
            assert_eq!(text.parse::<PhoneNumber>(), Err(NoPhoneNumber), "{text}");
        }
    }
}
