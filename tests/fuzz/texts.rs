//! Parsers of single values.

use bolero::check;
use email_client::Name;
use primitives::{Email, EventId, Limit, Locale, MemberId, OrgId, SessionId, Slug, UserId};
use stripe_client::SubscriptionId;

use crate::mutation::{Piece, text};

#[test]
fn email() {
    let words = ["ada", "@", "example.com", "bücher.example", ".", "xn--", "+", "\"", "[127.0.0.1]", "a@b.c"];
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&words, pieces);
        let Ok(email) = text.parse::<Email>() else { return };
        let address = email.as_str();
        assert_eq!(address.parse::<Email>().as_ref(), Ok(&email), "its own form is an address");
        assert!(address.is_ascii() && address.len() <= 254, "{address}");
        assert!(!address.contains(|c: char| c.is_ascii_uppercase() || c.is_whitespace() || c.is_control()));
        assert_eq!(address.matches('@').count(), 1, "{address}");
        assert!(
            !address.contains([',', ';', '<', '>', '"', '(', ')']),
            "a mail header is not changed by {address}"
        );
        assert_eq!(address, format!("{}@{}", address.split('@').next().unwrap(), email.domain()));
        assert_eq!(
            text.to_ascii_uppercase().parse::<Email>(),
            Ok(email.clone()),
            "case makes no other person"
        );
        assert_eq!(serde_json::from_value::<Email>(serde_json::to_value(&email).unwrap()).unwrap(), email);
        assert!(!format!("{email:?}").contains(&format!("{}@", address.split('@').next().unwrap())));
    });
}

#[test]
fn phone_number() {
    let words = [
        "+43", "664", "1234567", " ", "(0)", "-", "+", "0043", ";ext=5", "tel:", "CALL", "\u{a0}", "１",
        "+1876",
    ];
    let countries: identity::Countries = "AT,DE,FR,GB".parse().unwrap();
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&words, pieces);
        let Ok(number) = identity::mobile_number(&text, &countries) else { return };
        assert_eq!(identity::mobile_number(number.as_str(), &countries), Ok(number.clone()), "{text}");
        assert_eq!(number.as_str().parse::<primitives::PhoneNumber>().as_ref(), Ok(&number));
        assert!(["+43", "+49", "+33", "+44"].iter().any(|code| number.as_str().starts_with(code)), "{text}");
        assert!(!format!("{number:?}").contains(number.block()));
    });
}

#[test]
fn slug() {
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&["acme", "-", "a", "9", "inc", "admin"], pieces);
        let Ok(slug) = text.parse::<Slug>() else { return };
        assert_eq!(
            serde_json::to_value(&slug).unwrap(),
            text,
            "a slug is taken as it is written, or not at all"
        );
        assert!((3..=40).contains(&text.len()));
        assert!(text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')));
        assert!(!text.starts_with('-') && !text.ends_with('-') && !text.contains("--"));
        assert_eq!(serde_json::from_value::<Slug>(serde_json::json!(text)).unwrap(), slug);
    });
}

#[test]
fn id() {
    let words = [
        "org_01kar8h5g0e0vsx4q1v3f6m2ah",
        "org",
        "_",
        "01kar8h5g0e0vsx4q1v3f6m2ah",
        "usr_",
        "7zzzzzzzzzzzzzzzzzzzzzzzzz",
        "8",
        "ILOU",
    ];
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&words, pieces);
        let Ok(id) = text.parse::<OrgId>() else { return };
        assert_eq!(id.to_string(), text, "an id has one spelling, so that a key has one owner");
        assert_eq!(OrgId::from_uuid(id.uuid()), id);
        assert!(text.parse::<UserId>().is_err() && text.parse::<SessionId>().is_err());
        assert!(text.parse::<MemberId>().is_err() && text.parse::<EventId>().is_err());
    });
}

#[test]
fn page_limit() {
    check!().with_type::<u32>().for_each(|number| {
        let limit = Limit::try_from(*number);
        assert_eq!(limit.is_ok(), (1..=100).contains(number));
        assert!(limit.is_err() || limit.unwrap().get() == *number as usize);
    });
}

#[test]
fn name() {
    let words = ["Acme", " ", "日本", "👩\u{200d}🍳", "https://", "evil.example", "\u{300}", "\u{200d}"];
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let Ok(name) = text(&words, pieces).parse::<primitives::Name>() else { return };
        let shown = name.as_str();
        assert_eq!(shown.parse::<primitives::Name>().as_ref(), Ok(&name), "its own form is a name");
        assert!((1..=primitives::Name::LONGEST).contains(&shown.chars().count()));
        let hidden = |c: char| {
            c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}')
        };
        assert!(!shown.contains(hidden) && !shown.contains("://"), "{shown:?}");
        assert_eq!(shown, shown.trim());
    });
}

#[test]
fn locale() {
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&["de", "-", "_", "AT", "Hant", "419", "rozaj", "u-ca-buddhist", "x-y"], pieces);
        let Ok(locale) = text.parse::<Locale>() else { return };
        assert_eq!(locale.as_str().parse::<Locale>().as_ref(), Ok(&locale), "its own form is a tag");
        assert_eq!(text.to_ascii_uppercase().parse::<Locale>().as_ref(), Ok(&locale), "case says nothing");
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!(locale.as_str().len() <= Locale::LONGEST && locale.as_str().bytes().all(is_part), "{locale}");
    });
}

#[test]
fn name_in_a_mail() {
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let name = Name::new(&text(&["Acme", "\n", "Bcc: a@b.c", "  ", "日本"], pieces));
        let shown = name.as_str();
        assert!(shown.chars().count() <= Name::LONGEST);
        assert!(
            !shown.contains(|c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'))
        );
        assert_eq!(shown, shown.trim());
        assert_eq!(Name::new(shown).as_str(), shown, "a shown name is fit to be shown");
    });
}

#[test]
fn stripe_id() {
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&["sub_", "1Pgc6r", "/", "?", "#"], pieces);
        let Ok(id) = text.parse::<SubscriptionId>() else { return };
        assert_eq!(id.as_str(), text);
        assert!((1..=255).contains(&text.len()));
        assert!(!text.contains(['/', '?', '#', '%', '.', ' ']), "it is part of paths and keys: {text}");
    });
}

#[test]
fn secret_of_a_key() {
    let words = ["{\"key\":\"", "\"}", "0123456789abcdef0123456789abcdef", "\\u0000"];
    check!().with_type::<Vec<Piece>>().for_each(|pieces| {
        let text = text(&words, pieces);
        match lambda_host::key(&text) {
            Ok(key) => assert!(key.expose().len() >= 32, "a short key is guessed"),
            Err(problem) => {
                let is_shown = text.len() > 3 && problem.contains(&text);
                assert!(!is_shown, "an error never holds the secret");
            }
        }
    });
}
