use serde::Serialize;

/// A name that a customer chose, fit to be shown in a mail: one line of what is seen of it, by the
/// rule that new names are checked by ([`primitives::visible`]), at most [`Name::LONGEST`]
/// characters. Nothing in it can end a header or rearrange the text around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// How many characters of a name are shown.
    pub const LONGEST: usize = 60;

    /// The name as far as it is fit to be shown.
    pub fn new(text: &str) -> Self {
        let words = primitives::visible(text);
        if words.chars().count() <= Self::LONGEST {
            return Self(words);
        }
        let kept: String = words.chars().take(Self::LONGEST - 1).collect();
        Self(format!("{}…", primitives::visible(&kept)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
    fn a_name_that_nobody_can_see_is_nothing() {
        assert_eq!(Name::new("\u{200b}\u{feff}\u{e0041}\u{3164}\u{2066}").as_str(), "");
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = Name::new(&"ä".repeat(1000));
        assert_eq!(name.as_str().chars().count(), Name::LONGEST);
        assert!(name.as_str().ends_with('…'));
    }
}
