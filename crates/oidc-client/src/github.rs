//! GitHub, which is no provider of OpenID Connect: its API says who somebody is.

use primitives::{Email, json};
use serde::Deserialize;

use crate::person::ExternalPerson;

/// The account, as far as it is read (<https://docs.github.com/rest/users/users>). The name can be changed
/// and taken by somebody else; the number cannot.
#[derive(Deserialize)]
struct Account {
    id: u64,
}

/// One of its addresses (<https://docs.github.com/rest/users/emails>).
#[derive(Deserialize)]
struct Address {
    email: String,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    verified: bool,
}

/// Who it is, by the account and its addresses: the primary one counts.
pub(crate) fn person(issuer: &str, account: &[u8], addresses: &[u8]) -> Result<ExternalPerson, String> {
    let account: Account = json::from_slice(account).map_err(|error| format!("the account: {error}"))?;
    let addresses: Vec<Address> =
        json::from_slice(addresses).map_err(|error| format!("its addresses: {error}"))?;
    let primary = addresses.into_iter().find(|address| address.primary);
    let verified = primary.as_ref().is_some_and(|primary| primary.verified);
    let email: Option<Email> = primary.and_then(|primary| primary.email.parse().ok());
    Ok(ExternalPerson {
        issuer: issuer.to_owned(),
        subject: account.id.to_string(),
        email_verified: verified && email.is_some(),
        email,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_address_counts() {
        let read =
            |addresses: &str| person("i", br#"{"id": 7, "login": "ada"}"#, addresses.as_bytes()).unwrap();
        let ada = read(
            r#"[{"email": "old@example.com", "primary": false, "verified": true, "visibility": null},
                {"email": "Ada@Example.com", "primary": true, "verified": true, "visibility": "public"}]"#,
        );
        assert_eq!((ada.subject.as_str(), ada.email.unwrap().as_str()), ("7", "ada@example.com"));
        assert!(ada.email_verified);
        let unverified = read(r#"[{"email": "ada@example.com", "primary": true, "verified": false}]"#);
        assert!(unverified.email.is_some() && !unverified.email_verified);
        let none = read(r#"[{"email": "ada@example.com", "verified": true}]"#);
        assert!(none.email.is_none() && !none.email_verified);
        assert!(person("i", br#"{"id": "7"}"#, b"[]").is_err() && person("i", b"{}", b"[]").is_err());
    }
}
