use std::fmt;

use primitives::{FieldCode, Invalid, visible};

/// Why somebody of our staff does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The reason, in words.
    pub reason: String,
    /// Where more is said about it.
    pub ticket: Option<String>,
}

/// The reason says too little or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("say why, in {} to {} characters that are seen", Why::SHORTEST, Why::LONGEST)]
pub struct InvalidWhy(FieldCode);

impl Invalid for InvalidWhy {
    fn field_code(&self) -> FieldCode {
        self.0
    }
}

impl Why {
    /// How many characters a reason has at least,
    pub const SHORTEST: usize = 10;
    /// and at most.
    pub const LONGEST: usize = 500;

    /// The reason as one line of what is seen of it.
    pub fn new(reason: &str, ticket: Option<&str>) -> Result<Self, InvalidWhy> {
        let reason = visible(reason);
        match reason.chars().count() {
            length if length < Self::SHORTEST => Err(InvalidWhy(FieldCode::TooShort)),
            length if length > Self::LONGEST => Err(InvalidWhy(FieldCode::TooLong)),
            _ => Ok(Self { reason, ticket: ticket.map(visible).filter(|ticket| !ticket.is_empty()) }),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_what_is_seen_of_it() {
        let code = |reason: &str| Why::new(reason, None).map_err(|error| error.field_code()).err();
        assert_eq!(code("the card is stolen"), None);
        let long = "x".repeat(501);
        for (reason, expected) in [
            ("", FieldCode::TooShort),
            ("because!!", FieldCode::TooShort),
            ("            ", FieldCode::TooShort),
            (
                "a\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}b",
                FieldCode::TooShort,
            ),
            (long.as_str(), FieldCode::TooLong),
        ] {
            assert_eq!(code(reason), Some(expected), "{reason:?}");
        }
        let why = Why::new(" two\nlines of  it ", Some("  ")).unwrap();
        assert_eq!((why.reason.as_str(), why.ticket), ("two lines of it", None));
    }
}
