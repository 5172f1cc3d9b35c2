//! Which domains may be an organization's.

use primitives::{Email, EmailDomain};
use psl::{List, Psl};

use crate::DirectoryError;

/// What stands before a domain in the name of its record.
pub(crate) const LABEL: &str = "_gantry-challenge";
/// How long a name is in DNS at most (RFC 1035, section 3.1), written with dots and without the last one.
const LONGEST_NAME: usize = 253;

/// Where everybody may have a mailbox, by the name before the public suffix: `outlook.com` and `outlook.fr`.
const MAILBOXES_ANYWHERE: &[&str] =
    &["gmail", "googlemail", "gmx", "hotmail", "live", "outlook", "yahoo", "ymail"];

/// The same, of one name alone.
const MAILBOXES: &[&str] = &[
    "126.com",
    "163.com",
    "aim.com",
    "aol.com",
    "arcor.de",
    "att.net",
    "bk.ru",
    "bluewin.ch",
    "btinternet.com",
    "comcast.net",
    "duck.com",
    "email.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "hey.com",
    "hushmail.com",
    "icloud.com",
    "inbox.ru",
    "interia.pl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailinator.com",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "onet.pl",
    "orange.fr",
    "passport.com",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "seznam.cz",
    "sfr.fr",
    "sina.com",
    "sky.com",
    "t-online.de",
    "tuta.com",
    "tuta.io",
    "tutanota.com",
    "tutanota.de",
    "uol.com.br",
    "verizon.net",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "ya.ru",
    "yandex.com",
    "yandex.ru",
    "yeah.net",
    "yopmail.com",
    "zoho.com",
];

/// Names that nobody can have (RFC 2606, RFC 6761), and whole domains of that kind.
const NOBODYS: &[&str] = &["example", "invalid", "localhost", "test"];

/// The domain whose mailboxes are one company's, of a mailbox at this one: the one that was registered,
/// without what stands before it. Nothing where anybody may have a mailbox there.
pub fn company_of(email: &Email) -> Option<String> {
    let name = EmailDomain::of(email);
    let (name, _) = idna::domain_to_unicode(name.as_str());
    let domain = List.domain(name.as_bytes())?;
    let domain = std::str::from_utf8(domain.as_bytes()).ok()?;
    let is_mailbox = domain.split('.').next().is_some_and(|first| MAILBOXES_ANYWHERE.contains(&first));
    let is_nobodys = |label: &str| NOBODYS.contains(&label);
    let last = domain.rsplit('.').next().is_some_and(is_nobodys);
    let first = domain.split('.').next() == Some("example");
    let is_ones = !is_mailbox && !MAILBOXES.contains(&domain) && !last && !first;
    is_ones.then(|| domain.to_owned())
}

/// Refuses what is everybody's, and what has no room for the label of its record.
pub(crate) fn require_ownable(name: &EmailDomain) -> Result<(), DirectoryError> {
    if LABEL.len() + 1 + name.as_str().len() > LONGEST_NAME {
        return Err(DirectoryError::LongName { most: LONGEST_NAME - LABEL.len() - 1 });
    }
    if is_public(name) { Err(DirectoryError::PublicDomain) } else { Ok(()) }
}

/// Whether people who have nothing to do with one another register names below the domain, or have mailboxes
/// in it.
fn is_public(name: &EmailDomain) -> bool {
    // the list has names as people write them
    let (name, _) = idna::domain_to_unicode(name.as_str());
    let Some(suffix) = List.suffix(name.as_bytes()) else { return false };
    let suffix = suffix.as_bytes().len();
    // the suffix is the whole of it, or one label and its dot are before it
    let Some(before) = name.len().checked_sub(suffix + 1) else { return true };
    MAILBOXES_ANYWHERE.contains(&&name[..before]) || MAILBOXES.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use primitives::Fault;

    use super::*;

    fn refusal(name: &str) -> Option<DirectoryError> {
        require_ownable(&name.parse().unwrap()).err()
    }

    #[test]
    fn a_company_is_the_domain_that_was_registered() {
        for (address, company) in [
            ("ada@acme.com", Some("acme.com")),
            ("ada@mail.eu.acme.co.uk", Some("acme.co.uk")),
            ("ada@xn--bcher-kva.de", Some("bücher.de")),
            ("ada@gmail.com", None),
            ("ada@mail.outlook.fr", None),
            ("ada@web.de", None),
            ("ada@co.uk", None),
            ("ada@alone.github.io", Some("alone.github.io")),
            ("ada@example.com", None),
            ("ada@sales.example.org", None),
            ("ada@acme.test", None),
        ] {
            assert_eq!(company_of(&address.parse().unwrap()).as_deref(), company, "{address}");
        }
    }

    #[test]
    fn what_is_everybodys_is_nobodys() {
        for name in [
            "co.uk",
            "github.io",
            "herokuapp.com",
            "gmail.com",
            "GMAIL.com",
            "googlemail.com",
            "outlook.fr",
            "hotmail.co.uk",
            "web.de",
            "t-online.de",
            "uol.com.br",
            "公司.cn",
            "xn--55qx5d.cn",
            "s3.amazonaws.com",
        ] {
            assert!(matches!(refusal(name), Some(DirectoryError::PublicDomain)), "{name}");
        }
        for name in [
            "example.com",
            "acme.co.uk",
            "mail.acme.co.uk",
            "acme.github.io",
            "gmail.acme.com",
            "notgmail.com",
            "bücher.example",
            "食狮.公司.cn",
            "google.com",
            "microsoft.com",
        ] {
            assert!(refusal(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_name_has_room_for_the_label_of_its_record() {
        let of = |last: usize| {
            [&"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &*"d".repeat(last)].join(".") + ".com"
        };
        assert!(refusal(&of(39)).is_none(), "{}", of(39).len());
        let long = refusal(&of(40)).unwrap();
        assert_eq!(long.code(), "invalid_request");
        assert!(matches!(long, DirectoryError::LongName { most: 235 }), "{long}");
    }

    #[test]
    fn the_lists_are_sorted_and_in_their_normal_form() {
        for list in [MAILBOXES, MAILBOXES_ANYWHERE] {
            assert!(list.iter().all(|name| *name == name.to_lowercase()));
        }
        for name in MAILBOXES {
            assert_eq!(name.parse::<EmailDomain>().unwrap().as_str(), *name);
        }
    }
}
