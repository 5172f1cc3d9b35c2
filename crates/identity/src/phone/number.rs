use std::{collections::BTreeSet, str::FromStr};

use primitives::{FieldCode, Invalid, PhoneNumber};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, enums::PhoneNumberType};

/// The countries that SMS are sent to, by their codes (ISO 3166): those that a deployment has customers in,
/// and no others, since SMS to some cost a hundred times as much as their operators pay back to whoever asks
/// for many. With none there are no phones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Countries(BTreeSet<String>);

/// It is no list of countries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no country; use codes such as AT,DE")]
pub struct InvalidCountries(String);

impl FromStr for Countries {
    type Err = InvalidCountries;

    /// Codes with commas between them.
    fn from_str(text: &str) -> Result<Self, InvalidCountries> {
        let named = text.split(',').map(str::trim).filter(|code| !code.is_empty());
        let code = |code: &str| {
            let is_one = code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_uppercase());
            is_one.then(|| code.to_owned()).ok_or_else(|| InvalidCountries(code.to_owned()))
        };
        Ok(Self(named.map(code).collect::<Result<_, _>>()?))
    }
}

/// Why a text is no number that codes are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPhone {
    /// It is too long for one.
    #[error("use a phone number such as +43 664 1234567, of at most {} characters", LONGEST)]
    TooLong,
    /// It is no number, or says no country, or nobody can have it.
    #[error("use a phone number with its country, such as +43 664 1234567")]
    Format,
    /// It is somebody's, and no mobile phone's.
    #[error("use the number of a mobile phone")]
    NoMobile,
    /// It is of another country.
    #[error("no SMS are sent to this country")]
    Country,
}

impl Invalid for InvalidPhone {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::TooLong => FieldCode::TooLong,
            Self::Format | Self::NoMobile => FieldCode::InvalidFormat,
            Self::Country => FieldCode::CountryNotSupported,
        }
    }
}

/// How many characters somebody may type.
const LONGEST: usize = 40;

/// Reads a mobile phone's number of one of these countries, as somebody typed it.
///
/// What is known of numbers (Google's libphonenumber, in a port to Rust) is read at the first call, which
/// takes some milliseconds.
pub fn mobile_number(text: &str, countries: &Countries) -> Result<PhoneNumber, InvalidPhone> {
    if text.chars().count() > LONGEST {
        return Err(InvalidPhone::TooLong);
    }
    // letters would be read as the digits on their keys, and words as an extension
    if text.chars().any(|letter| !is_typed(letter)) {
        return Err(InvalidPhone::Format);
    }
    let number = PHONE_NUMBER_UTIL.parse(text, None).map_err(|_| InvalidPhone::Format)?;
    let country = number.get_region_code().ok_or(InvalidPhone::Format)?;
    if !number.is_valid() {
        return Err(InvalidPhone::Format);
    }
    if !countries.0.contains(&*country.to_string()) {
        return Err(InvalidPhone::Country);
    }
    // in some countries nobody can tell them apart
    if !matches!(number.get_type(), PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile) {
        return Err(InvalidPhone::NoMobile);
    }
    number.format_as(PhoneNumberFormat::E164).parse().map_err(|_| InvalidPhone::Format)
}

/// Digits, and what people put between them.
fn is_typed(letter: char) -> bool {
    matches!(letter, '0'..='9' | '+' | ' ' | '\u{a0}' | '\u{202f}' | '-' | '.' | '/' | '(' | ')')
        || ('\u{2010}'..='\u{2015}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, InvalidPhone> {
        let countries = "AT,DE, GB".parse().unwrap();
        mobile_number(text, &countries).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn a_number_has_one_form_however_it_is_typed() {
        for typed in
            ["+436641234567", "+43 664 1234567", "+43 (0)664 / 123-45 67", " +43\u{a0}664\u{2013}1234567 "]
        {
            assert_eq!(read(typed), Ok("+436641234567".to_owned()), "{typed}");
        }
        assert_eq!(read("+49 1511 2345678"), Ok("+4915112345678".to_owned()));
        assert_eq!(read("+44 7400 123456"), Ok("+447400123456".to_owned()));
    }

    #[test]
    fn what_no_code_can_be_sent_to_is_refused() {
        for (typed, refused) in [
            ("", InvalidPhone::Format),
            ("0664 1234567", InvalidPhone::Format),
            ("+43", InvalidPhone::Format),
            ("+43 664 12", InvalidPhone::Format),
            ("+43 664 CALLNOW", InvalidPhone::Format),
            ("+43 664 1234567 ext. 5", InvalidPhone::Format),
            ("+43 664 1234567;ext=5", InvalidPhone::Format),
            ("tel:+436641234567", InvalidPhone::Format),
            ("+43 664 1234567\r\n+43 664 7654321", InvalidPhone::Format),
            ("+999 664 1234567", InvalidPhone::Format),
            ("+436641234567                             ", InvalidPhone::TooLong),
            // a landline, a premium rate, a service number
            ("+43 1 5055041", InvalidPhone::NoMobile),
            ("+43 900 123456", InvalidPhone::NoMobile),
            ("+43 800 123456", InvalidPhone::NoMobile),
            ("+49 137 1234567", InvalidPhone::NoMobile),
            // Jamaica and the United States have one code; Guernsey has that of Britain
            ("+1 876 555 1234", InvalidPhone::Country),
            ("+1 201 555 0123", InvalidPhone::Country),
            ("+44 7911 123456", InvalidPhone::Country),
            ("+33 6 12 34 56 78", InvalidPhone::Country),
        ] {
            assert_eq!(read(typed), Err(refused), "{typed}");
        }
        assert_eq!(mobile_number("+436641234567", &Countries::default()), Err(InvalidPhone::Country));
    }

    #[test]
    fn a_list_of_countries_has_codes() {
        assert_eq!("".parse(), Ok(Countries::default()));
        for text in ["at", "AUT", "AT;DE", "A1"] {
            assert!(text.parse::<Countries>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_none(text in "[-+ ()./0-9]{0,40}|\\PC{0,45}") {
            let countries: Countries = "AT,DE,GB,US,CA,FR".parse().unwrap();
            if let Ok(number) = mobile_number(&text, &countries) {
                prop_assert_eq!(mobile_number(number.as_str(), &countries), Ok(number));
            }
        }
    }
}
