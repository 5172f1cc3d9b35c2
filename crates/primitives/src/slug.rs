use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    field::{Invalid, refused},
    schema,
};

/// The name of an organization in URLs: 3 to 40 of `a-z`, `0-9` and `-`, with a letter or digit at
/// both ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

/// The text cannot be a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use 3 to 40 lower-case letters, digits and single hyphens, with a letter or digit at both ends")]
pub struct InvalidSlug;

impl Invalid for InvalidSlug {}

impl Slug {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody may have it, since it would speak for the product, or stand where something
    /// else is looked for. What once was given away cannot be taken back, so the list is longer
    /// than what is used today.
    pub fn is_reserved(&self) -> bool {
        RESERVED.iter().any(|words| words.split(' ').any(|word| word == self.0))
    }
}

/// Words that are no organization's slug, by why.
const RESERVED: &[&str] = &[
    // The product and whoever speaks for it.
    "abuse account accounts admin administration administrator billing compliance contact \
     copyright customers feedback gantry help helpdesk impressum imprint info jobs legal \
     marketing moderator news newsletter noc official operator owner partner partners \
     policies policy press pricing privacy sales security staff status support sysadmin \
     system team terms tos trust",
    // Hosts: of the product's parts, and those that programs look for by name (RFC 2142, RFC 8461,
    // discovery of mail and proxies).
    "api apis app apps assets auth autoconfig autodiscover backup blog broadcasthost cdn \
     changelog cloud community console dashboard database demo dev developer developers dns \
     docs documentation download downloads email forum ftp gateway hostmaster http https \
     images imap img internal jwks local localdomain localhost mail mailer-daemon media \
     metrics mobile mta-sts network no-reply noreply pop pop3 portal postmaster preview prod \
     production proxy push root sandbox secure server smtp ssh ssl staging static stats sudo \
     test testing uucp vpn webmail webmaster wiki wpad www",
    // Pages and paths: of this API, and of an app in front of it.
    "about activate audit authorize callback changes checkout connect create current delete \
     devices edit errors events export exports feed files flags graphql health healthz home \
     hooks index install integrations invite invites invoice invoices join keys learn list \
     login logout logs manage member members new notifications oauth oauth2 oidc onboarding \
     openapi org organization organizations orgs password pay payment payments plans profile \
     public register reset robots saml scim search session sessions settings setup sign-in \
     sign-out sign-up signin signout signup sitemap slugs sso start subscribe subscription \
     subscriptions switch sync telemetry tenant tenants token tokens trial unsubscribe \
     upgrade upload uploads usage user users verify webhook webhooks well-known workspace \
     workspaces",
    // What programs write where there is nothing, or anybody.
    "all anonymous any default everyone example false guest nil nobody none null self \
     somebody superuser true undefined unknown username you",
];

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let letters =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let hyphens = !text.starts_with('-') && !text.ends_with('-') && !text.contains("--");
        if letters && hyphens && (3..=40).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSlug)
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| refused(&error))
    }
}

impl schemars::JsonSchema for Slug {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "slug".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": PATTERN, "minLength": 3, "maxLength": 40 })
    }
}

const PATTERN: &str = "^[a-z0-9]+(-[a-z0-9]+)*$";

impl utoipa::PartialSchema for Slug {
    fn schema() -> schema::Written {
        schema::text(|text| {
            let text = text.pattern(Some(PATTERN)).min_length(Some(3)).max_length(Some(40));
            text.description(Some("A name in URLs: lower-case letters, digits and single hyphens."))
                .examples(["acme"])
        })
    }
}

impl utoipa::ToSchema for Slug {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_refuses() {
        for text in ["acme", "a-1", "0day-labs"] {
            assert_eq!(text.parse::<Slug>().unwrap().as_str(), text);
            assert_eq!(text.parse::<Slug>().unwrap().to_string(), text);
        }
        for text in ["ab", "-acme", "acme-", "a--b", "Acme", "acmé", "a/b", "", &"a".repeat(41)] {
            assert_eq!(text.parse::<Slug>(), Err(InvalidSlug), "{text}");
        }
    }

    #[test]
    fn what_would_speak_for_the_product_is_reserved() {
        let reserved = |text: &str| text.parse::<Slug>().unwrap().is_reserved();
        for text in [
            "admin", "api", "www", "login", "support", "billing", "status", "mail", "gantry", "current",
            "new", "null", "sign-up",
        ] {
            assert!(reserved(text), "{text}");
        }
        for text in ["acme", "api-acme", "admins-united", "beta", "newton", "www1"] {
            assert!(!reserved(text), "{text}");
        }
        for word in RESERVED.iter().flat_map(|words| words.split(' ')) {
            assert!(reserved(word), "{word} could be no slug anyway");
        }
    }
}
