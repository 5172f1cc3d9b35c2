use icu_normalizer::{DecomposingNormalizerBorrowed, properties::CanonicalCombiningClassMapBorrowed};

/// A text as it is looked for: lower case, without accents and other marks that stand on letters, in one
/// spelling of what looks alike (NFKD), words one space apart. `José  LÓPEZ` is `jose lopez`.
pub fn folded(text: &str) -> String {
    const ON_NO_LETTER: u8 = 0;
    let marks = CanonicalCombiningClassMapBorrowed::new();
    let letters =
        DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(text.chars().flat_map(char::to_lowercase));
    let letters = letters.filter(|letter| marks.get_u8(*letter) == ON_NO_LETTER);
    // what is spelled otherwise may be large again
    let folded: String = letters.flat_map(char::to_lowercase).flat_map(plain).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What people type for a letter that no spelling takes apart.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let plain = match letter {
        'ı' => "i",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'þ' => "th",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        _ => "",
    };
    let itself = plain.is_empty().then_some(letter);
    plain.chars().chain(itself)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_type_finds_what_others_are_called() {
        for (text, looked_for) in [
            ("José  LÓPEZ", "jose lopez"),
            ("Søren", "soren"),
            ("Łukasz Işık", "lukasz isik"),
            ("ışık", "isik"),
            ("Nguyễn Thị", "nguyen thi"),
            ("ｆｕｌｌ", "full"),
            ("ﬁne", "fine"),
            ("İpek", "ipek"),
            ("Straße", "strasse"),
            ("\u{2121}", "tel"),
            (" ada@Example.COM ", "ada@example.com"),
            ("", ""),
        ] {
            assert_eq!(folded(text), looked_for, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_as_it_is(text in "\\PC{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
