use std::mem;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::Name;

/// Who mails come from: an address, and a name before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(String);

/// How many bytes of a text one encoded word holds: four letters for three bytes, at most 75
/// letters in all (<https://www.rfc-editor.org/rfc/rfc2047#section-2>).
const BYTES_OF_A_WORD: usize = 45;

impl Sender {
    /// From this address, with this name before it where there is one.
    pub fn new(name: &str, address: &str) -> Self {
        let name = Name::new(name);
        if name.as_str().is_empty() {
            return Self(address.to_owned());
        }
        Self(format!("{} <{address}>", phrase(name.as_str())))
    }

    /// As the `From` header has it: ASCII alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A display name: a quoted string (<https://www.rfc-editor.org/rfc/rfc5322#section-3.2.4>) or,
/// beyond ASCII, encoded words.
fn phrase(name: &str) -> String {
    if name.is_ascii() {
        return format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for letter in name.chars() {
        // a letter is never split: each word is UTF-8 by itself
        if word.len() + letter.len_utf8() > BYTES_OF_A_WORD {
            words.push(mem::take(&mut word));
        }
        word.push(letter);
    }
    words.push(word);
    let encoded = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str) -> String {
        Sender::new(name, "hello@example.com").as_str().to_owned()
    }

    #[test]
    fn a_name_stands_before_the_address() {
        assert_eq!(header("Gantry"), "\"Gantry\" <hello@example.com>");
        assert_eq!(header("Acme, Inc. (Sales)"), "\"Acme, Inc. (Sales)\" <hello@example.com>");
        assert_eq!(header(""), "hello@example.com");
        assert_eq!(header("  "), "hello@example.com");
    }

    #[test]
    fn nothing_in_a_name_ends_it_or_the_header() {
        assert_eq!(
            header("Eve\" <eve@example.com>\r\nBcc: all@example.com"),
            "\"Eve\\\" <eve@example.com> Bcc: all@example.com\" <hello@example.com>"
        );
        assert_eq!(header("back\\slash\""), "\"back\\\\slash\\\"\" <hello@example.com>");
    }

    #[test]
    fn beyond_ascii_it_is_encoded_words_that_are_short_enough() {
        assert_eq!(header("Gänsefüßchen"), "=?UTF-8?B?R8OkbnNlZsO8w59jaGVu?= <hello@example.com>");
        let long = header(&"日本".repeat(30));
        let words: Vec<_> = long.split(' ').collect();
        assert_eq!(words.len(), 5, "60 letters of three bytes, 15 to a word, and the address");
        for word in &words[..4] {
            assert!(word.len() <= 75);
            let text = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
            assert!(String::from_utf8(STANDARD.decode(text).unwrap()).is_ok(), "{word}");
        }
        assert!(long.is_ascii());
    }
}
