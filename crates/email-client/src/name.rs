use serde::Serialize;

/// A name that a customer chose, fit to be shown in a mail: one line, no control or direction-changing characters, at
/// most [`Name::LONGEST`] characters. Nothing in it can end a header or rearrange the text around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// How many characters of a name are shown.
    pub const LONGEST: usize = 60;

    /// The name as far as it is fit to be shown.
    pub fn new(text: &str) -> Self {
        let visible: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .filter(|c| !is_invisible(*c))
            .collect();
        let words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.chars().count() <= Self::LONGEST {
            return Self(words);
        }
        let kept: String = words.chars().take(Self::LONGEST - 1).collect();
        Self(format!("{}…", kept.trim_end()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that change the direction of text or show nothing (UAX #9, explicit formatting; zero-width characters; the byte
/// order mark). The joiners stay: names in several scripts need them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_visible_text() {
        assert_eq!(Name::new(" Acme \r\nBcc: eve@example.com").as_str(), "Acme Bcc: eve@example.com");
        assert_eq!(Name::new("A\u{0}\u{202e}c\u{200b}me\t\u{85}Inc.\u{2028}").as_str(), "A cme Inc.");
        assert_eq!(Name::new("Bäckerei 日本 👩‍🍳").as_str(), "Bäckerei 日本 👩‍🍳");
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = Name::new(&"ä".repeat(1000));
        assert_eq!(name.as_str().chars().count(), Name::LONGEST);
        assert!(name.as_str().ends_with('…'));
    }
}
