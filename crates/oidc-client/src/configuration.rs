use std::collections::BTreeMap;

use primitives::{Secret, json};
use serde::Deserialize;

/// What a tenant of Microsoft's stands as in the issuer of all of them.
pub(crate) const TENANT: &str = "{tenantid}";

/// What kind of provider it is, where that makes a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// OpenID Connect as it is written.
    Standard,
    /// The same, and what Google says about whose an address is.
    Google,
    /// The same, with an issuer for each tenant where `any_tenant` is set.
    Microsoft {
        /// Whether people of each tenant may sign in.
        any_tenant: bool,
    },
    /// OAuth 2.0 alone, with an API that says who somebody is.
    GitHub {
        /// Where that is.
        api: String,
    },
}

/// Somebody whom people can sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Names it in routes.
    pub(crate) key: String,
    pub(crate) kind: Kind,
    /// As the provider calls itself, with [`TENANT`] where there is one for each tenant.
    pub(crate) issuer: String,
    /// Below which its description is.
    pub(crate) described_at: String,
    pub(crate) client_id: String,
    /// Whether the deployment names it, and not an organization.
    pub(crate) is_configured: bool,
}

/// This is no issuer that somebody could sign in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidIssuer(&'static str);

impl Provider {
    /// The one that an organization has named. What its claims about addresses are worth follows from whose
    /// it is.
    pub fn of_organization(key: &str, issuer: &str, client_id: &str) -> Result<Self, InvalidIssuer> {
        let uri: http::Uri = issuer.parse().map_err(|_| InvalidIssuer("its issuer is no address"))?;
        let host = uri.host().ok_or(InvalidIssuer("its issuer is an address with a host"))?;
        if uri.scheme().is_none() || issuer.contains(['?', '#', '{', '@']) || issuer.len() > 255 {
            return Err(InvalidIssuer("its issuer is an address, without a query or a user"));
        }
        let kind = match host {
            "accounts.google.com" => Kind::Google,
            "login.microsoftonline.com" => Kind::Microsoft { any_tenant: false },
            _ => Kind::Standard,
        };
        Ok(Self {
            key: key.to_owned(),
            kind,
            issuer: issuer.to_owned(),
            described_at: issuer.trim_end_matches('/').to_owned(),
            client_id: client_id.to_owned(),
            is_configured: false,
        })
    }

    /// Names it in routes.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Whom people can sign in with, by the name in routes: `{"google": {"client_id": "…"}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Entry>")]
pub struct Providers(BTreeMap<String, Provider>);

impl Providers {
    /// The one of this name.
    pub fn get(&self, key: &str) -> Option<&Provider> {
        self.0.get(key)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.values()
    }
}

/// The tenant that an issuer names, if it is one of all that this text stands for.
pub(crate) fn tenant_of<'a>(all: &str, issuer: &'a str) -> Option<&'a str> {
    let (before, behind) = all.split_once(TENANT)?;
    let tenant = issuer.strip_prefix(before)?.strip_suffix(behind)?;
    let is_letter = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    (tenant.len() == 36 && tenant.bytes().all(is_letter)).then_some(tenant)
}

/// One of them as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: String,
    /// Of any provider: its issuer.
    issuer: Option<String>,
    /// Of Google, Microsoft and GitHub: another address than the usual one.
    url: Option<String>,
    /// Of Microsoft: one tenant, or `organizations`, `consumers`, `common`.
    tenant: Option<String>,
}

/// A provider cannot be as it is written down.
#[derive(Debug, thiserror::Error)]
#[error("{key:?}: {problem}")]
struct InvalidProvider {
    key: String,
    problem: &'static str,
}

impl TryFrom<BTreeMap<String, Entry>> for Providers {
    type Error = String;

    fn try_from(entries: BTreeMap<String, Entry>) -> Result<Self, String> {
        let provider = |(key, entry): (String, Entry)| {
            let invalid = |problem| InvalidProvider { key: key.clone(), problem };
            let provider = provider(&key, entry).map_err(invalid)?;
            Ok((key.clone(), provider))
        };
        let providers = entries.into_iter().map(provider).collect::<Result<_, InvalidProvider>>();
        providers.map(Self).map_err(|error| error.to_string())
    }
}

fn provider(key: &str, entry: Entry) -> Result<Provider, &'static str> {
    let is_name = |text: &str| {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=40).contains(&text.len()) && text.bytes().all(is_letter)
    };
    if !is_name(key) {
        return Err("name it in lower-case letters, digits and hyphens");
    }
    if entry.client_id.is_empty() || entry.client_id.len() > 255 {
        return Err("give its client_id");
    }
    let url = |usual: &str| {
        let url = entry.url.as_deref().unwrap_or(usual);
        url.trim_end_matches('/').to_owned()
    };
    let (kind, issuer, described_at) = match (key, &entry.issuer) {
        ("google" | "github" | "microsoft", Some(_)) => return Err("it has its own issuer; give a url"),
        ("google", None) => {
            let issuer = url("https://accounts.google.com");
            (Kind::Google, issuer.clone(), issuer)
        }
        ("github", None) => {
            let at = url("https://github.com");
            let api = match &entry.url {
                None => "https://api.github.com".to_owned(),
                // GitHub Enterprise Server
                Some(_) => format!("{at}/api/v3"),
            };
            let issuer = format!("{at}/login/oauth");
            (Kind::GitHub { api }, issuer.clone(), issuer)
        }
        ("microsoft", None) => {
            let at = url("https://login.microsoftonline.com");
            let tenant = entry.tenant.as_deref().unwrap_or("common");
            if !is_name(tenant) {
                return Err("give the tenant's id, or organizations, consumers or common");
            }
            let any_tenant = matches!(tenant, "common" | "organizations" | "consumers");
            let issuer = format!("{at}/{}/v2.0", if any_tenant { TENANT } else { tenant });
            (Kind::Microsoft { any_tenant }, issuer, format!("{at}/{tenant}/v2.0"))
        }
        (_, Some(issuer)) => {
            // compared to the letter with what the provider says, and asked for without the slash
            let is_address = issuer
                .parse::<http::Uri>()
                .is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some());
            if !is_address || issuer.contains(['?', '#', '{']) || issuer.len() > 255 {
                return Err("its issuer is an address");
            }
            (Kind::Standard, issuer.clone(), issuer.trim_end_matches('/').to_owned())
        }
        (_, None) => return Err("give its issuer"),
    };
    let allows_tenant = matches!(kind, Kind::Microsoft { .. });
    if (entry.tenant.is_some() && !allows_tenant) || (entry.url.is_some() && kind == Kind::Standard) {
        return Err("tenant is for microsoft, and url for google, microsoft and github");
    }
    Ok(Provider {
        key: key.to_owned(),
        kind,
        issuer,
        described_at,
        client_id: entry.client_id,
        is_configured: true,
    })
}

/// What we show to providers to be known as their client, by the provider's name: `{"google": "…"}`.
#[derive(Debug, Default)]
pub struct ClientSecrets(BTreeMap<String, Secret<String>>);

impl ClientSecrets {
    /// The secret of this provider alone.
    pub fn only(provider: &Provider, secret: Secret<String>) -> Self {
        Self(BTreeMap::from([(provider.key.clone(), secret)]))
    }

    /// Reads the text of the secret. One that nobody has filled yet knows none.
    pub fn read(text: &str) -> Result<Self, String> {
        let secrets: BTreeMap<String, String> =
            json::from_str(text).map_err(|_| "write it as {\"google\": \"…\"}".to_owned())?;
        let secrets = secrets.into_iter().filter(|(_, secret)| !secret.is_empty());
        Ok(Self(secrets.map(|(key, secret)| (key, Secret::new(secret))).collect()))
    }

    pub(crate) fn of(&self, provider: &Provider) -> Option<&str> {
        self.0.get(&provider.key).map(|secret| secret.expose().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Providers, String> {
        json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_known_ones_need_a_client_id_alone() {
        let text = r#"{"google": {"client_id": "g"}, "github": {"client_id": "h"}, "microsoft": {"client_id": "m"}}"#;
        let providers = read(text).unwrap();
        let issuer = |key: &str| providers.get(key).unwrap().issuer.clone();
        assert_eq!(issuer("google"), "https://accounts.google.com");
        assert_eq!(issuer("microsoft"), "https://login.microsoftonline.com/{tenantid}/v2.0");
        assert_eq!(issuer("github"), "https://github.com/login/oauth");
        let microsoft = providers.get("microsoft").unwrap();
        assert_eq!(microsoft.described_at, "https://login.microsoftonline.com/common/v2.0");
        assert_eq!(read("{}"), Ok(Providers::default()));
    }

    #[test]
    fn one_tenant_of_microsoft_s_has_one_issuer() {
        let text = r#"{"microsoft": {"client_id": "m", "tenant": "5f9c1b1e-0000-4000-8000-000000000000"}}"#;
        let providers = read(text).unwrap();
        let microsoft = providers.get("microsoft").unwrap();
        assert_eq!(microsoft.kind, Kind::Microsoft { any_tenant: false });
        let issuer = "https://login.microsoftonline.com/5f9c1b1e-0000-4000-8000-000000000000/v2.0";
        assert_eq!((microsoft.issuer.as_str(), microsoft.described_at.as_str()), (issuer, issuer));
    }

    #[test]
    fn any_other_is_known_by_its_issuer() {
        let text = r#"{"acme": {"client_id": "a", "issuer": "https://login.acme.example/"}}"#;
        let providers = read(text).unwrap();
        let acme = providers.get("acme").unwrap();
        assert_eq!(acme.issuer, "https://login.acme.example/", "to the letter");
        assert_eq!(acme.described_at, "https://login.acme.example");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        for text in [
            r#"{"acme": {"client_id": "a"}}"#,
            r#"{"acme": {"client_id": "", "issuer": "https://a.example"}}"#,
            r#"{"acme": {"client_id": "a", "issuer": "acme"}}"#,
            r#"{"acme": {"client_id": "a", "issuer": "https://a.example?x"}}"#,
            r#"{"acme": {"client_id": "a", "issuer": "https://a.example", "tenant": "b"}}"#,
            r#"{"acme": {"client_id": "a", "issuer": "https://a.example", "secret": "b"}}"#,
            r#"{"Acme": {"client_id": "a", "issuer": "https://a.example"}}"#,
            r#"{"google": {"client_id": "a", "issuer": "https://a.example"}}"#,
            r#"{"microsoft": {"client_id": "a", "tenant": "../x"}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(r#"{"acme": {"client_id": "a"}}"#).unwrap_err().contains("acme"));
    }

    #[test]
    fn what_an_organization_names_is_judged_by_whose_it_is() {
        let of = |issuer: &str| Provider::of_organization("sso_1", issuer, "c");
        assert_eq!(of("https://acme.okta.com").unwrap().kind, Kind::Standard);
        assert_eq!(of("https://accounts.google.com").unwrap().kind, Kind::Google);
        let entra =
            of("https://login.microsoftonline.com/5f9c1b1e-0000-4000-8000-000000000000/v2.0").unwrap();
        assert_eq!(entra.kind, Kind::Microsoft { any_tenant: false });
        assert_eq!(of("https://a.example/").unwrap().described_at, "https://a.example");
        let long = format!("https://a.example/{}", "a".repeat(250));
        for wrong in [
            "",
            "acme",
            "/acme",
            "https://a.example?x",
            "https://a.example#x",
            "https://a@b.example",
            "https://a.example/{tenantid}",
            &long,
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_read_by_name_and_not_shown() {
        let secrets = ClientSecrets::read(r#"{"google": "hush", "github": ""}"#).unwrap();
        let providers = read(r#"{"google": {"client_id": "g"}, "github": {"client_id": "h"}}"#).unwrap();
        assert_eq!(secrets.of(providers.get("google").unwrap()), Some("hush"));
        assert_eq!(secrets.of(providers.get("github").unwrap()), None);
        assert!(!format!("{secrets:?}").contains("hush"));
        assert!(!ClientSecrets::read("hush").unwrap_err().contains("hush"));
    }

    const ALL: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

    #[test]
    fn a_tenant_is_a_uuid_in_its_place() {
        let of = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
        assert_eq!(tenant_of(ALL, &of(tenant)), Some(tenant));
        for wrong in
            ["", "common", "../9188040d-6c67-4c5b-b112-36a304b66", "9188040d-6c67-4c5b-b112-36a304b66dad/x"]
        {
            assert_eq!(tenant_of(ALL, &of(wrong)), None, "{wrong}");
        }
        assert_eq!(tenant_of(ALL, &format!("https://evil.example/{tenant}/v2.0")), None);
        assert_eq!(tenant_of("https://accounts.google.com", "https://accounts.google.com"), None);
    }
}
