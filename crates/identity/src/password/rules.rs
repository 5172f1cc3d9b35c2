use std::{fmt, str::FromStr};

use icu_normalizer::ComposingNormalizerBorrowed;
use primitives::{FieldCode, Invalid, Secret, refused};
use serde::{Deserialize, Deserializer};
use zxcvbn::{Score, zxcvbn};

/// A password as somebody typed it: 8 to 256 characters, whatever they are, in one spelling (NFKC: RFC 8265
/// and NIST SP 800-63B). Nothing is cut off.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Secret<String>);

/// The text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// It is too short.
    #[error("use 8 to 256 characters")]
    TooShort,
    /// It is too long.
    #[error("use 8 to 256 characters")]
    TooLong,
    /// It is easy to guess.
    #[error("this password is easy to guess: {0}")]
    Weak(&'static str),
}

impl Invalid for InvalidPassword {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::TooShort => FieldCode::TooShort,
            Self::TooLong => FieldCode::TooLong,
            Self::Weak(_) => FieldCode::WeakPassword,
        }
    }
}

const SHORTEST: usize = 8;
/// How many characters it has besides what is known of the person.
const LEAST_OF_ITS_OWN: usize = 6;
const LONGEST: usize = 256;
/// How many characters are judged, at the beginning and at the end: what judges takes seconds for a hundred
/// that are chosen for it (every way to read signs as letters), and what is longer is not easier to guess.
const JUDGED: usize = 24;
/// No character of a password becomes more than 18 by NFKC, and none has more than 4 bytes: what is longer is
/// refused before any work is done on it.
const MOST_BYTES: usize = 4 * LONGEST;

impl Password {
    /// What is hashed.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Refuses what others would guess: what somebody tries who knows the words of the language, the
    /// passwords that are common, and this about the person.
    pub fn withstands(&self, about: &[&str]) -> Result<(), InvalidPassword> {
        let parts = about.iter().flat_map(|text| text.split(['@', '.', ' ', '-', '_', '+']));
        let known: Vec<&str> = about.iter().copied().chain(parts).filter(|part| part.len() > 2).collect();
        let without = known
            .iter()
            .fold(self.expose().to_lowercase(), |left, part| left.replace(&part.to_lowercase(), ""));
        if without.chars().count() < LEAST_OF_ITS_OWN {
            return Err(InvalidPassword::Weak("it is made of your name or address"));
        }
        let shorter = without_repetitions(&without);
        let text = if self.expose().chars().count() > JUDGED { &shorter } else { self.expose() };
        let is_strong = |part: &str| matches!(zxcvbn(part, &known).score(), Score::Three | Score::Four);
        let nth = |number: usize| text.char_indices().nth(number).map(|(at, _)| at);
        let length = text.chars().count();
        let is_strong = match (nth(JUDGED), length.checked_sub(JUDGED).and_then(nth)) {
            (Some(end), Some(begin)) => is_strong(&text[..end]) || is_strong(&text[begin..]),
            _ => is_strong(text),
        };
        if is_strong {
            return Ok(());
        }
        Err(InvalidPassword::Weak("use a longer one, such as four words that have nothing in common"))
    }
}

/// The text without what stood in it before: what is judged of a long one begins anywhere, and half a pattern
/// is none to whoever looks for patterns.
fn without_repetitions(text: &str) -> String {
    const SHORTEST: usize = 4;
    let letters: Vec<char> = text.chars().collect();
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let length = |from: &usize| {
            let pairs = letters[*from..].iter().zip(&letters[at..]);
            pairs.take_while(|(before, here)| before == here).count()
        };
        let again = (0..at).map(|from| length(&from)).max().unwrap_or_default();
        if again >= SHORTEST {
            at += again;
        } else {
            left.push(letters[at]);
            at += 1;
        }
    }
    left
}

impl FromStr for Password {
    type Err = InvalidPassword;

    fn from_str(text: &str) -> Result<Self, InvalidPassword> {
        if text.len() > MOST_BYTES {
            return Err(InvalidPassword::TooLong);
        }
        let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(text).into_owned();
        match normal.chars().count() {
            length if length < SHORTEST => Err(InvalidPassword::TooShort),
            length if length > LONGEST => Err(InvalidPassword::TooLong),
            _ => Ok(Self(Secret::new(normal))),
        }
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Option<FieldCode> {
        text.parse::<Password>().err().map(|error| error.field_code())
    }

    #[test]
    fn eight_to_256_characters_of_one_spelling() {
        assert_eq!(code("1234567"), Some(FieldCode::TooShort));
        assert_eq!(code("12345678"), None);
        assert_eq!(code(&"é".repeat(256)), None);
        assert_eq!(code(&"é".repeat(257)), Some(FieldCode::TooLong));
        assert_eq!(code(&"a".repeat(1 << 20)), Some(FieldCode::TooLong), "a megabyte, before any work");
        // a character that NFKC spells out in 18
        assert_eq!(code(&"\u{fdfa}".repeat(100)), Some(FieldCode::TooLong));
        let typed = |text: &str| text.parse::<Password>().unwrap();
        assert!(typed("e\u{301}tudiant") == typed("étudiant"), "two keyboards, one password");
        assert!(typed("ｐａｓｓｗｏｒｄ") == typed("password"), "full width");
        assert!(typed("password\0a") != typed("password\0b"), "nothing is cut off");
        assert!(typed(&format!("{}a", "x".repeat(200))) != typed(&format!("{}b", "x".repeat(200))));
        assert_eq!(format!("{:?}", typed("12345678")), "Password");
    }

    #[test]
    fn what_others_guess_is_weak() {
        let about = ["ada.lovelace@example.com", "Ada Lovelace"];
        for weak in [
            "password",
            "Passw0rd1",
            "qwertyuiop",
            "aaaaaaaaaaaa",
            "iloveyou2026",
            "ada.lovelace@example.com",
            "Ada Lovelace",
            "adalovelace1",
            "Summer2026!",
            "qwertyuiopqwertyuiopqwertyuiop",
            "qwertyuiopqwertyuiopqwertyu",
            "abcdefghijabcdefghijabcdefghij",
            "1234567890123456789012345678901234567890",
            "asdfghjklasdfghjklasdfghjklasdf",
            "password1234567890password1234567890",
            "passwordpasswordpasswordx",
            "ada.lovelace@example.com1111111111",
        ] {
            let refused = weak.parse::<Password>().unwrap().withstands(&about);
            assert!(matches!(refused, Err(InvalidPassword::Weak(_))), "{weak}");
        }
        let long = format!("{}correct horse battery staple", "a".repeat(200));
        let own = "ada.lovelace@example.com correct horse battery staple";
        for strong in ["correct horse battery staple", "vR7#kq2!mZp9", "träge Möwe 9 Kilo Zimt", &long, own]
        {
            assert_eq!(strong.parse::<Password>().unwrap().withstands(&about), Ok(()), "{strong}");
        }
    }

    /// One that is chosen to be much work is as little as any other: it took minutes.
    #[test]
    fn the_longest_is_judged_by_as_much_as_any_other() {
        let hard = "4@8({[<3691!|0$5+7%2".repeat(12);
        assert_eq!(hard.parse::<Password>().unwrap().withstands(&[]), Ok(()));
        assert_ne!("ä".repeat(256).parse::<Password>().unwrap().withstands(&[]), Ok(()));
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in ".{0,300}") {
            if let Ok(password) = text.parse::<Password>() {
                let length = password.expose().chars().count();
                prop_assert!((SHORTEST..=LONGEST).contains(&length));
                let again: Password = password.expose().parse().unwrap();
                prop_assert!(again == password);
            }
        }
    }
}
