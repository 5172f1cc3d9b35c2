use std::{fmt, str::FromStr};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic,
        GeneralCategory, JoiningType, Script, VariationSelector,
    },
};
mod link;
mod wire;

/// A name that somebody chose and others read: one line of 1 to 100 characters, all of which are
/// seen, in one spelling (NFC).
///
/// Nothing in it is without width or turns the direction of the text around it: such names look
/// like others, like nothing, or hide what they say (UTS #39, UTR #36). Nothing in it is a link
/// that a mail or a notification would offer to its readers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

/// The text cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("use 1 to 100 characters")]
    TooShort,
    #[error("use 1 to 100 characters")]
    TooLong,
    /// Part of it is not seen.
    #[error("use visible characters")]
    Invisible,
    /// It has an address of the web in it.
    #[error("use a name without a link in it")]
    Link,
}

impl Name {
    /// How many characters a name may have.
    pub const LONGEST: usize = 100;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let Seen { text: name, left_out } = seen(text);
        if left_out {
            return Err(InvalidName::Invisible);
        }
        match name.chars().count() {
            0 => return Err(InvalidName::TooShort),
            length if length > Self::LONGEST => return Err(InvalidName::TooLong),
            _ => {}
        }
        if !name.chars().any(shows) {
            return Err(InvalidName::Invisible);
        }
        if link::is_in(&name) { Err(InvalidName::Link) } else { Ok(Self(name)) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is seen of a text.
struct Seen {
    text: String,
    /// Whether something was left out that is neither seen nor a space.
    left_out: bool,
}

/// The text as one line of what is seen in it: what names are checked by, and what is shown of text
/// that was never checked.
pub fn visible(text: &str) -> String {
    // Where something was between two characters that is left out, they may be one letter, or no place for
    // what stands there. Who nests such things on purpose gets the bare letters.
    const PASSES: usize = 4;
    let mut line = seen(text);
    for _ in 0..PASSES {
        if !line.left_out {
            return line.text;
        }
        line = seen(&line.text);
    }
    let is_by_itself = |c: &char| {
        use GeneralCategory as Of;
        !matches!(category(*c), Of::NonspacingMark | Of::EnclosingMark | Of::SpacingMark | Of::Format)
    };
    seen(&line.text.chars().filter(is_by_itself).collect::<String>()).text
}

fn seen(text: &str) -> Seen {
    let composed: Vec<char> = ComposingNormalizerBorrowed::new_nfc().normalize(text).chars().collect();
    let (mut line, mut left_out, mut marks) = (String::with_capacity(text.len()), false, 0);
    for (at, c) in composed.iter().copied().enumerate() {
        let category = category(c);
        marks = if is_stacked(category) { marks + 1 } else { 0 };
        let fits = match category {
            GeneralCategory::SpaceSeparator => None,
            _ => Some(marks <= MOST_MARKS && fits(c, &composed[..at], &composed[at + 1..])),
        };
        match fits {
            Some(true) => line.push(c),
            Some(false) if c.is_whitespace() || c.is_control() => {
                line.push(' ');
                left_out = true;
            }
            Some(false) => left_out = true,
            None => line.push(' '),
        }
    }
    Seen { text: line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "), left_out }
}

/// More marks than this on one letter run over the lines around it (UTS #39, 5.4).
const MOST_MARKS: usize = 4;

fn is_stacked(category: GeneralCategory) -> bool {
    matches!(category, GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether the character has its place between these two.
fn fits(c: char, before: &[char], after: &[char]) -> bool {
    const BLANK_BRAILLE: char = '\u{2800}';
    /// Stands for a picture that a text does not have.
    const OBJECT_REPLACEMENT: char = '\u{fffc}';
    match c {
        ZERO_WIDTH_JOINER => joins_letters(before, after) || joins_pictures(before, after),
        ZERO_WIDTH_NON_JOINER => joins_letters(before, after),
        BLANK_BRAILLE | OBJECT_REPLACEMENT => false,
        _ if CodePointSetData::new::<VariationSelector>().contains(c) => selects(c, before, after),
        _ if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) => false,
        _ => !matches!(
            category(c),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
                | GeneralCategory::Unassigned
        ),
    }
}

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const EMOJI_PRESENTATION: char = '\u{fe0f}';

/// Where scripts need the joiners (RFC 5892, appendices A.1 and A.2): behind a virama, and between
/// letters that are written joined.
fn joins_letters(before: &[char], after: &[char]) -> bool {
    let class = |c: char| CodePointMapData::<CanonicalCombiningClass>::new().get(c);
    if before.last().is_some_and(|c| class(*c) == CanonicalCombiningClass::Virama) {
        return true;
    }
    let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
    let is_letter = |kind: &JoiningType| *kind != JoiningType::Transparent;
    let left = before.iter().rev().map(joining).find(is_letter);
    let right = after.iter().map(joining).find(is_letter);
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Between two pictures it makes one of them, such as a family (UTS #51, 2.3).
fn joins_pictures(before: &[char], after: &[char]) -> bool {
    let is_picture = |c: &char| CodePointSetData::new::<ExtendedPictographic>().contains(*c);
    let is_variant =
        |c: &char| *c == EMOJI_PRESENTATION || CodePointSetData::new::<EmojiModifier>().contains(*c);
    before.iter().rev().find(|c| !is_variant(c)).is_some_and(is_picture)
        && after.first().is_some_and(is_picture)
}

/// Whether the variation selector stands behind something that has variants.
fn selects(selector: char, before: &[char], after: &[char]) -> bool {
    const KEYCAP: char = '\u{20e3}';
    let Some(base) = before.last().copied() else { return false };
    let script = CodePointMapData::<Script>::new().get(base);
    match selector {
        '\u{fe0e}' | EMOJI_PRESENTATION if base.is_ascii() => after.first() == Some(&KEYCAP),
        '\u{fe0e}' | EMOJI_PRESENTATION => CodePointSetData::new::<Emoji>().contains(base),
        '\u{180b}'..='\u{180f}' => script == Script::Mongolian,
        _ => script == Script::Han,
    }
}

/// Whether there is something to see of the character alone.
fn shows(c: char) -> bool {
    use GeneralCategory as Of;
    !matches!(
        category(c),
        Of::SpaceSeparator | Of::NonspacingMark | Of::EnclosingMark | Of::SpacingMark | Of::Format
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_as_it_is_when_it_is_shown_again() {
        let nested = format!("a{}", "\u{301}\u{302}\u{303}\u{304}\u{94d}\u{200d}".repeat(2_000));
        for (text, shown) in [
            ("e\u{e000}\u{30c}", "\u{11b}"),
            ("\u{1100}\u{200b}\u{1161}", "\u{ac00}"),
            ("Acme\u{200b}\u{7f}", "Acme"),
        ] {
            assert_eq!(visible(text), shown);
        }
        let shown = visible(&nested);
        assert_eq!((visible(&shown), shown.starts_with('\u{e1}')), (shown.clone(), true), "{shown}");
    }

    fn name(text: &str) -> Result<String, InvalidName> {
        text.parse::<Name>().map(|name| name.to_string())
    }

    #[test]
    fn names_of_all_scripts_are_names() {
        for text in [
            "Acme",
            "Bäckerei Müller & Söhne GmbH",
            "日本電気株式会社",
            "葛\u{e0100}城市",
            "한국전력공사",
            "شرکت نرم\u{200c}افزار",
            "क्\u{200d}ष",
            "ശ്രീന്\u{200d}",
            "ශ්\u{200d}රී ලංකා",
            "ᠮᠣᠩᠭᠣᠯ\u{180b}",
            "בַּנְק",
            "บริษัท",
            "Nguyễn Thị",
            "👩\u{200d}🍳 Bakery",
            "👩🏽\u{200d}🔬 Lab",
            "🏳\u{fe0f}\u{200d}🌈",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3} First",
            "🇦🇹",
            "!!!",
            "7",
        ] {
            assert_eq!(name(text).as_deref(), Ok(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_seen_or_turns_the_text_is_refused() {
        let alone = [
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{200e}",
            "\u{200f}",
            "\u{202a}",
            "\u{202b}",
            "\u{202c}",
            "\u{202d}",
            "\u{202e}",
            "\u{2060}",
            "\u{2061}",
            "\u{2064}",
            "\u{2066}",
            "\u{2067}",
            "\u{2068}",
            "\u{2069}",
            "\u{206a}",
            "\u{206f}",
            "\u{feff}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{1160}",
            "\u{17b4}",
            "\u{180e}",
            "\u{2800}",
            "\u{3164}",
            "\u{ffa0}",
            "\u{fff9}",
            "\u{fffb}",
            "\u{1d173}",
            "\u{e0001}",
            "\u{e0041}",
            "\u{e007f}",
            "\u{fe00}",
            "\u{fe0f}",
            "\u{e0100}",
            "\u{0}",
            "\u{1b}",
            "\u{7f}",
            "\u{85}",
            "\n",
            "\t",
            "\u{2028}",
            "\u{2029}",
            "\u{e000}",
            "\u{f8ff}",
            "\u{ffff}",
            "\u{10ffff}",
        ];
        for hidden in alone {
            for text in
                [hidden.repeat(3), format!("A{hidden}cme"), format!("Acme{hidden}"), format!("{hidden}Acme")]
            {
                assert_eq!(name(&text), Err(InvalidName::Invisible), "{text:?}");
            }
        }
        for text in [
            "\u{301}",
            "\u{301}\u{302}",
            "Z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
            "A\u{200d}B",
            "🍳\u{200d}A",
            "1\u{fe0f}",
        ] {
            assert_eq!(name(text), Err(InvalidName::Invisible), "{text:?}");
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        for (text, one) in [
            ("  Acme  ", "Acme"),
            ("Cafe\u{301}", "Café"),
            ("Acme\u{a0}Inc.", "Acme Inc."),
            ("日本\u{3000}電気", "日本 電気"),
            ("A  B", "A B"),
            ("\u{212b}", "Å"),
        ] {
            assert_eq!(name(text).as_deref(), Ok(one), "{text:?}");
        }
    }

    #[test]
    fn a_name_has_between_one_and_a_hundred_characters() {
        assert_eq!(name(&"ä".repeat(101)), Err(InvalidName::TooLong));
        for text in ["", " ", "\u{3000}"] {
            assert_eq!(name(text), Err(InvalidName::TooShort), "{text:?}");
        }
        assert!(name(&"ä".repeat(100)).is_ok() && name(&"a\u{308}".repeat(100)).is_ok());
    }

    #[test]
    fn what_was_never_checked_is_shown_as_far_as_it_is_seen() {
        assert_eq!(visible(" Acme \r\nBcc: eve@example.com"), "Acme Bcc: eve@example.com");
        assert_eq!(visible("A\u{202e}c\u{200b}me\tInc.\u{2028}"), "Acme Inc.");
        assert_eq!(visible("\u{200b}\u{e0041}"), "");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_name_for_good_or_none(text in "\\PC{0,20}|[a-z\u{200d}\u{200c}\u{fe0f}\u{301}\u{202e}\u{1f3fb}🍳क\u{94d}/.: ]{0,12}") {
            if let Ok(name) = text.parse::<Name>() {
                assert_eq!(name.as_str().parse::<Name>().as_ref(), Ok(&name));
                assert_eq!(visible(name.as_str()), name.as_str());
            }
        }
    }
}
