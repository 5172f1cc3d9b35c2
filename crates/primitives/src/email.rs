use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    field::{Invalid, refused},
    schema,
};

/// An email address in its one normal form.
///
/// The address is trimmed and lower-cased and its domain is turned into ASCII as UTS 46 tells
/// (<https://www.unicode.org/reports/tr46/>), so two spellings of one mailbox are one value. Beside
/// the domain only ASCII is accepted: a look-alike letter in the local part can therefore never
/// name another person's account. Mails go to this form, never to what somebody typed later.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

/// The text is no address that mail can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an email address like \"name@example.com\"")]
pub struct InvalidEmail;

impl Invalid for InvalidEmail {}

/// RFC 5321, 4.5.3.1.1
const LOCAL_PART_LIMIT: usize = 64;
/// RFC 5321, 4.5.3.1.3, less the angle brackets
const ADDRESS_LIMIT: usize = 254;

impl Email {
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the `@`, in ASCII.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmail)?;
        let local = local.to_ascii_lowercase();
        // RFC 5322 dot-atom; quoted local parts are not worth their trouble
        let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        let dot_atom = local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| InvalidEmail)?;
        let named = domain.split_once('.').is_some_and(|_| domain.split('.').all(|label| !label.is_empty()));
        let top = domain.rsplit('.').next().unwrap_or_default();
        let address = format!("{local}@{domain}");
        let fits = local.len() <= LOCAL_PART_LIMIT && address.len() <= ADDRESS_LIMIT;
        if dot_atom && named && fits && !top.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(address))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Personal data: shown only by its domain.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email(…@{})", self.domain())
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl schemars::JsonSchema for Email {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "email".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "email" })
    }
}

impl utoipa::PartialSchema for Email {
    fn schema() -> schema::Written {
        schema::text(|text| {
            text.format(Some(schema::known(schema::KnownFormat::Email))).examples(["ada@example.com"])
        })
    }
}

impl utoipa::ToSchema for Email {}

/// The part of an address behind the `@`, as [`Email`] has it: a company's, say. Those below it are others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct EmailDomain(String);

/// The text is no domain that an address has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the domain of an email address, like \"example.com\"")]
pub struct InvalidEmailDomain;

impl Invalid for InvalidEmailDomain {}

impl EmailDomain {
    /// The normal form: ASCII, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain of an address.
    pub fn of(email: &Email) -> Self {
        Self(email.domain().to_owned())
    }

    /// Whether the address is of this domain.
    pub fn has(&self, email: &Email) -> bool {
        email.domain() == self.0
    }
}

impl FromStr for EmailDomain {
    type Err = InvalidEmailDomain;

    fn from_str(text: &str) -> Result<Self, InvalidEmailDomain> {
        if text.contains('@') {
            return Err(InvalidEmailDomain);
        }
        let email: Email = format!("a@{}", text.trim()).parse().map_err(|_| InvalidEmailDomain)?;
        Ok(Self(email.domain().to_owned()))
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EmailDomain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl schemars::JsonSchema for EmailDomain {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "email_domain".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

impl utoipa::PartialSchema for EmailDomain {
    fn schema() -> schema::Written {
        let format = schema::SchemaFormat::Custom("gantry-email-domain".to_owned());
        schema::text(|text| {
            text.format(Some(format)).max_length(Some(ADDRESS_LIMIT)).examples(["example.com"])
        })
    }
}

impl utoipa::ToSchema for EmailDomain {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_mailbox_are_one_value() {
        for text in ["Ada@Example.com", " ada@example.COM ", "ada@EXAMPLE.com"] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), "ada@example.com");
            assert_eq!(text.parse::<Email>().unwrap().to_string(), "ada@example.com");
        }
        assert_eq!("ada@BÜCHER.example".parse::<Email>().unwrap().as_str(), "ada@xn--bcher-kva.example");
        assert_eq!("ada@ｅxample.com".parse::<Email>().unwrap().domain(), "example.com");
    }

    #[test]
    fn refuses_what_is_no_address_or_looks_like_another() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "ada@exa mple.com",
            "аda@example.com",
            "ada@example..com",
            ".ada@example.com",
            "ada@127.0.0.1",
            "ada\n@example.com",
            "ada@example.com\r\nBcc: x@y.zz",
            "ada@[127.0.0.1]",
            &long,
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text}");
        }
    }

    #[test]
    fn a_domain_is_what_an_address_has_behind_the_at() {
        let of = |text: &str| text.parse::<EmailDomain>();
        let ada: Email = "ada@bücher.example".parse().unwrap();
        for text in ["bücher.example", " BÜCHER.example ", "xn--bcher-kva.example"] {
            assert!(of(text).unwrap().has(&ada), "{text}");
        }
        assert!(!of("cher.example").unwrap().has(&ada) && !of("example.com").unwrap().has(&ada));
        assert!(!of("example.com").unwrap().has(&"ada@sub.example.com".parse().unwrap()));
        for text in
            ["", "example", "@example.com", "b@example.com", "exam ple.com", "127.0.0.1", "a\n.example"]
        {
            assert_eq!(of(text), Err(InvalidEmailDomain), "{text}");
        }
    }

    #[test]
    fn debug_form_hides_the_person() {
        assert_eq!(format!("{:?}", "ada@example.com".parse::<Email>().unwrap()), "Email(…@example.com)");
    }
}
