//! Links in names.

use std::net::{Ipv4Addr, Ipv6Addr};

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::GeneralCategory;

use super::category;

/// Whether readers would take a part of it for an address of the web. Narrow, since many names are
/// domains: a scheme, `www.`, `//` and a host, or a host with a path, a query or a port behind it.
/// It is read as browsers read it, which take wide letters and the full stops of other scripts for
/// plain ones (UTS #46), and as people do, to whom other strokes are slashes.
pub(super) fn is_in(name: &str) -> bool {
    let plain = ComposingNormalizerBorrowed::new_nfkc().normalize(name).to_lowercase();
    let plain: String = plain.chars().map(plain_mark).collect();
    plain.contains("://")
        || plain.split(' ').any(|word| {
            is_web_host(word)
                || has_scheme(word)
                || has_path(word)
                || has_port(word)
                || has_authority(word)
                || has_query(word)
        })
}

/// A scheme that readers' programs open without `//`, and something behind it.
fn has_scheme(word: &str) -> bool {
    const SCHEMES: [&str; 7] = ["http", "https", "ftp", "mailto", "tel", "sms", "javascript"];
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    word.split_once(':').is_some_and(|(scheme, rest)| SCHEMES.contains(&scheme) && !rest.is_empty())
}

/// The mark that a character is taken for. Letters that look like strokes (`ノ`) stay letters.
fn plain_mark(c: char) -> char {
    match c {
        '\u{3002}' => '.',
        '\\' | '\u{1735}' | '\u{2041}' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{2571}' | '\u{2572}'
        | '\u{27cb}' | '\u{27cd}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{31d3}' | '\u{1d23a}' => '/',
        '\u{2236}' | '\u{a789}' => ':',
        _ => c,
    }
}

fn is_web_host(word: &str) -> bool {
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    word.strip_prefix("www.").is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

fn has_path(word: &str) -> bool {
    word.match_indices('/').any(|(at, _)| {
        let before = &word[..at];
        let host = before.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix(':').unwrap_or(before);
        ends_in_host(host)
    })
}

/// A mark at the end of a question is none of an address.
fn has_query(word: &str) -> bool {
    word.match_indices(['?', '#']).any(|(at, mark)| {
        let behind = word[at + mark.len()..].trim_end_matches(|c: char| !c.is_alphanumeric());
        !behind.is_empty() && ends_in_host(&word[..at])
    })
}

/// `//` and a host: an address of the scheme that is at hand.
fn has_authority(word: &str) -> bool {
    word.match_indices("//").any(|(at, slashes)| {
        let behind = word[at + slashes.len()..].trim_start_matches('/');
        let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = host.trim_end_matches(|c: char| !c.is_alphanumeric() && c != ']');
        let port = host.trim_end_matches(|c: char| c.is_ascii_digit());
        ends_in_host(host) || port.strip_suffix(':').is_some_and(ends_in_host)
    })
}

/// One digit is no port: it counts something.
fn has_port(word: &str) -> bool {
    word.match_indices(':').any(|(at, colon)| {
        let behind = &word[at + colon.len()..];
        let rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
        (2..=5).contains(&(behind.len() - rest.len()))
            && !rest.starts_with(char::is_alphanumeric)
            && ends_in_host(&word[..at])
    })
}

fn ends_in_host(text: &str) -> bool {
    if let Some((_, address)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let in_label = |c: char| c.is_alphanumeric() || c == '-' || is_mark(c);
    let host = text.rsplit(|c: char| c != '.' && !in_label(c)).next().unwrap_or_default();
    // the full stop of a name that is written out to the root of all names
    let host = host.strip_suffix('.').unwrap_or(host);
    host.parse::<Ipv4Addr>().is_ok() || is_domain(host)
}

fn is_domain(host: &str) -> bool {
    /// What many products have behind a full stop, and no domain.
    const NO_TOP: &str = "js";
    let Some((rest, top)) = host.rsplit_once('.') else { return false };
    let is_top = top.chars().count() >= 2
        && top != NO_TOP
        && (top.chars().all(|c| c.is_alphabetic() || is_mark(c)) || top.starts_with("xn--"));
    is_top && rest.ends_with(|c: char| c.is_alphanumeric() || is_mark(c))
}

fn is_mark(c: char) -> bool {
    matches!(category(c), GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark)
}

#[cfg(test)]
mod tests {
    use super::super::{InvalidName, Name};

    fn name(text: &str) -> Result<String, InvalidName> {
        text.parse::<Name>().map(|name| name.to_string())
    }

    #[test]
    fn a_domain_is_a_name() {
        for text in [
            "Booking.com",
            "Amazon.com, Inc.",
            "Yahoo!",
            "24/7 Support",
            "AC/DC",
            "A.B/C",
            "v1.0/2.0",
            "Node.js",
            "Dr. No/Yes",
            "Acme (acme.io)",
            "info@acme.io",
            "Awww.",
            "www",
            "Foo Co./Bar",
            "9:30/Tea",
            "Acme.com?",
            "Who owns Acme.com?!",
            "Acme.com #1",
            "Face//Off",
            "// Todo",
            "AC\\DC",
            "½ Price",
            "日本ノ木",
            "Acme 2.0",
            "3.5/5 stars",
            "St. John/Smith",
            "A.B. Müller",
            "and/or",
            "Node.js/React",
            "1.2.3/4",
            "192.168.1.1",
            "999.1.1.1/x",
            "Booking.com: 24/7",
            "Dr.No:7",
            "12:30",
            "[Acme]/x",
            "日本。電気",
            "Tel: 123456",
            "A.B./C",
            "U.S.A./Canada",
        ] {
            assert!(name(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_link_is_none() {
        for text in [
            "http://evil.example/login click",
            "HTTPS://evil.example",
            "see javascript://x",
            "www.evil.example",
            "WWW.Evil.example",
            "(www.evil.example)",
            "evil.example/login",
            "Acme evil.example/login now",
            "evil.example:8080/x",
            "bücher.example/x",
            "xn--bcher-kva.example/x",
            "AC/evil.example/x",
            "(evil.example/x)",
            "a@evil.example/x",
            "evil\u{3002}com/x",
            "evil\u{ff0e}com/x",
            "evil\u{ff61}com/x",
            "evil\u{2024}com/x",
            "evil.com\u{ff0f}x",
            "ＷＷＷ.evil.com",
            "www。evil.com",
            "ｅｖｉｌ．ｃｏｍ／ｘ",
            "http：//evil",
            "see:evil.com/x",
            "evil.com:8080",
            "evil.com:443?x",
            "192.168.1.1/x",
            "192.168.1.1:8080",
            "１９２.168.1.1/x",
            "[2001:db8::1]/x",
            "[::1]:8080/x",
            "उदाहरण.परीक्षा/x",
            "evil.com/",
            "Go to evil.com/ now",
            "evil.com?x",
            "evil.com?x=1",
            "evil.com#x",
            "evil.com\u{ff1f}x",
            "evil.com\u{ff03}x",
            "//evil.com",
            "///evil.com",
            "\\\\evil.com",
            "(//evil.com)",
            "//user@evil.com:80",
            "//192.168.1.1",
            "//[::1]",
            "http\u{2236}//evil.com",
            "evil.com\\x",
            "evil.com\u{2215}x",
            "evil.com\u{2215}",
            "evil.com\u{2044}x",
            "evil.com\u{ff0f}",
            "evil.com\u{ff3c}x",
            "evil.com\u{fe68}x",
            "evil.com\u{2216}x",
            "evil.com\u{29f8}x",
            "evil.com\u{2571}x",
            "evil.com\u{27cb}x",
            "evil.com\u{31d3}x",
            "\u{2215}\u{2215}evil.com",
            "evil.com\u{a789}8080",
            "evil.com./x",
            "1.1.1.1./x",
            "evil.com.:8080",
            "http:evil.com",
            "mailto:a@b.cd",
            "(tel:123456)",
            "JavaScript:alert",
        ] {
            assert_eq!(name(text), Err(InvalidName::Link), "{text}");
        }
    }

    proptest::proptest! {
        /// No domain here ends in `.j…`: `.js` is no link.
        #[test]
        fn a_link_is_found_whatever_is_around_it(
            before in "([a-z0-9]{0,5} |[(:,=@\"]|)",
            host in "[a-z0-9ａ-ｚ]{1,8}[.。．｡․][a-ik-wａ-ｉｋ-ｚ][a-wａ-ｚ]{1,5}|[1-9]{1,2}[.。．][0-9][.．][0-9][.｡][1-9]|\\[::[1-9]\\]",
            behind in "[/／∕⁄\\\\⧸][a-z0-9]?|[?#？＃][a-z0-9]|:[0-9]{2,5}|：[1-9]{2,5}[/／]x",
            after in "( [a-z]{0,5}|)",
        ) {
            assert_eq!(name(&format!("{before}{host}{behind}{after}")), Err(InvalidName::Link));
        }
    }
}
