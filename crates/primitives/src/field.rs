use std::fmt::Display;

use serde::de;

/// What is wrong with one part of a request, in a word for machines. It is part of the API: never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldCode {
    /// It is missing.
    Required,
    /// There is no such part.
    UnknownField,
    /// It is there twice.
    DuplicateField,
    /// It is none of the words that may stand there.
    UnknownValue,
    /// It is another kind of JSON: a number for a text, an array for an object.
    WrongType,
    /// The text has too few characters.
    TooShort,
    /// The text has too many characters.
    TooLong,
    /// The number is too small or too large.
    OutOfRange,
    /// It breaks another rule about how it is written.
    InvalidFormat,
    /// The password is easy to guess.
    WeakPassword,
    /// What is to prove something does not prove it.
    InvalidProof,
    /// No push service gives such tokens, or the one that is named does not know it.
    InvalidPushToken,
    /// Nobody is written to in this country.
    CountryNotSupported,
    /// The organization admits no addresses of this domain.
    DomainNotAllowed,
    /// Whoever asks may not do this, and so gives it to nobody.
    ScopeNotHeld,
    /// The domain is everybody's.
    PublicDomain,
    /// The address is none that we call: https alone, and what is on the public internet.
    UrlRefused,
    /// What is there does not say of itself what it would have to.
    DiscoveryFailed,
    /// No tax id of this kind is written like that.
    InvalidTaxId,
    /// Nothing of this name is counted.
    UnknownMeter,
    /// It is no usage event, or not of what its meter counts.
    InvalidEvent,
    /// It happened too long ago to be counted.
    TooLate,
}

impl FieldCode {
    /// Every one, with what it means.
    pub const ALL: [(Self, &str); 22] = [
        (Self::Required, "it is missing"),
        (Self::UnknownField, "there is no such part"),
        (Self::DuplicateField, "it is there twice"),
        (Self::UnknownValue, "it is none of the words that may stand there"),
        (Self::WrongType, "it is another kind of JSON: a number for a text, an array for an object"),
        (Self::TooShort, "the text has too few characters"),
        (Self::TooLong, "the text has too many characters"),
        (Self::OutOfRange, "the number is too small or too large"),
        (Self::InvalidFormat, "it breaks another rule about how it is written"),
        (Self::WeakPassword, "the password is easy to guess"),
        (Self::InvalidProof, "what is to prove something does not prove it"),
        (
            Self::InvalidPushToken,
            "no push service gives such tokens, or the one that is named does not know it",
        ),
        (Self::CountryNotSupported, "the number is of a country that no SMS are sent to"),
        (Self::DomainNotAllowed, "the organization admits no addresses of this domain"),
        (Self::ScopeNotHeld, "whoever asks may not do this, and so gives it to nobody"),
        (
            Self::PublicDomain,
            "the domain is everybody's: people register names below it, or have mailboxes there",
        ),
        (
            Self::UrlRefused,
            "the address is none that we call: https alone, and what is on the public internet",
        ),
        (Self::DiscoveryFailed, "what is there does not say of itself what it would have to"),
        (Self::InvalidTaxId, "no tax id of this kind is written like that"),
        (Self::UnknownMeter, "nothing of this name is counted"),
        (Self::InvalidEvent, "it is no usage event, or not of what its meter counts"),
        (Self::TooLate, "it happened too long ago to be counted"),
    ];

    /// Its text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::UnknownField => "unknown_field",
            Self::DuplicateField => "duplicate_field",
            Self::UnknownValue => "unknown_value",
            Self::WrongType => "wrong_type",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::OutOfRange => "out_of_range",
            Self::InvalidFormat => "invalid_format",
            Self::WeakPassword => "weak_password",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidPushToken => "invalid_push_token",
            Self::CountryNotSupported => "country_not_supported",
            Self::DomainNotAllowed => "domain_not_allowed",
            Self::ScopeNotHeld => "scope_not_held",
            Self::PublicDomain => "public_domain",
            Self::UrlRefused => "url_refused",
            Self::DiscoveryFailed => "discovery_failed",
            Self::InvalidTaxId => "invalid_tax_id",
            Self::UnknownMeter => "unknown_meter",
            Self::InvalidEvent => "invalid_event",
            Self::TooLate => "too_late",
        }
    }

    /// The code and the detail of what serde says: of our own types as [`refused`] wrote it, of all others by
    /// serde's words.
    pub fn of(text: &str) -> (Self, &str) {
        let own = text.split_once(": ").and_then(|(code, detail)| {
            let (code, _) = Self::ALL.into_iter().find(|(known, _)| known.as_str() == code)?;
            Some((code, detail))
        });
        own.unwrap_or_else(|| Self::of_serde(text))
    }

    /// What serde says names Rust's types of numbers, and variants of a type, of which whoever sent one knows
    /// nothing.
    fn of_serde(text: &str) -> (Self, &str) {
        const NUMBERS: [&str; 14] = [
            "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32",
            "f64",
        ];
        let code = Self::of_words(text);
        match text.rsplit_once(", expected ") {
            _ if code == Self::OutOfRange => (code, "the number is too small or too large"),
            _ if code == Self::UnknownValue => (code, text.rfind("expected ").map_or(text, |at| &text[at..])),
            Some((found, kind)) if NUMBERS.contains(&kind) => (code, found),
            _ => (code, text),
        }
    }

    fn of_words(text: &str) -> Self {
        let begins = [
            ("missing field", Self::Required),
            ("unknown field", Self::UnknownField),
            ("duplicate field", Self::DuplicateField),
            ("unknown variant", Self::UnknownValue),
            ("invalid type", Self::WrongType),
            ("invalid value", Self::OutOfRange),
            ("number out of range", Self::OutOfRange),
        ];
        let code = begins.into_iter().find(|(words, _)| text.starts_with(words));
        code.map_or(Self::InvalidFormat, |(_, code)| code)
    }
}

/// What a text is refused with that is to become one of our types.
pub trait Invalid: Display {
    /// The code for whoever sent it.
    fn field_code(&self) -> FieldCode {
        FieldCode::InvalidFormat
    }
}

/// The same as an error of serde's, which has no place for a code: it stands before the detail, and
/// [`FieldCode::of`] finds it there.
pub fn refused<E: de::Error>(error: &impl Invalid) -> E {
    E::custom(format_args!("{}: {error}", error.field_code().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limit, Slug};

    #[test]
    fn a_code_goes_through_serde_and_comes_out() {
        let said = |json: &str| serde_json::from_str::<Slug>(json).unwrap_err().to_string();
        let text = said("\"Acme!\"");
        let (code, detail) = FieldCode::of(&text);
        assert_eq!(code, FieldCode::InvalidFormat);
        assert!(detail.starts_with("use 3 to 40 lower-case letters"), "{detail}");
        assert_eq!(FieldCode::of(&said("1")).0, FieldCode::WrongType);
        let limit = serde_json::from_str::<Limit>("101").unwrap_err().to_string();
        assert_eq!(FieldCode::of(&limit).0, FieldCode::OutOfRange);
    }

    #[test]
    fn whoever_sends_a_number_is_not_told_how_we_keep_it() {
        let said =
            |json: &str| serde_json::from_value::<u8>(serde_json::from_str(json).unwrap()).unwrap_err();
        let out_of_range = (FieldCode::OutOfRange, "the number is too small or too large");
        for json in ["300", "-1"] {
            assert_eq!(FieldCode::of(&said(json).to_string()), out_of_range, "{json}");
        }
        let text = said("\"x\"").to_string();
        assert_eq!(FieldCode::of(&text), (FieldCode::WrongType, "invalid type: string \"x\""));
        let infinite = serde_json::from_str::<f64>("1e999").unwrap_err().to_string();
        assert_eq!(FieldCode::of(&infinite), out_of_range);
    }

    #[test]
    fn whoever_sends_another_word_is_told_which_there_are() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Mode {
            Off,
            On,
        }
        let known = serde_json::from_value::<Mode>("on".into());
        assert!(matches!(known, Ok(Mode::On)) && !matches!(known, Ok(Mode::Off)));
        for word in ["sometimes", "expected nothing"] {
            let text = serde_json::from_value::<Mode>(word.into()).unwrap_err().to_string();
            assert_eq!(FieldCode::of(&text), (FieldCode::UnknownValue, "expected `off` or `on`"), "{word}");
        }
    }

    #[test]
    fn what_somebody_sends_is_no_code() {
        for text in ["unknown field `required: x`, expected `a`", "required", "nonsense: x", ""] {
            assert_ne!(FieldCode::of(text).0, FieldCode::Required, "{text}");
        }
        let codes: std::collections::BTreeSet<_> =
            FieldCode::ALL.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(codes.len(), FieldCode::ALL.len());
    }
}
