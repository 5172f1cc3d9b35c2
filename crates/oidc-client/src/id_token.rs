//! The ID token: whether it is this provider's, for us, for this attempt, and of now (OpenID Connect Core
//! 1.0, section 3.1.3.7).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation};
use primitives::{Email, Timestamp, json};
use serde_json::{Map, Value};

use crate::{
    configuration::{Kind, Provider, tenant_of},
    keys::{ALGORITHMS, SigningKey},
    metadata::Metadata,
    person::ExternalPerson,
};

/// Members with their values.
pub(crate) type Object = Map<String, Value>;

/// Far more than any provider's.
const LONGEST: usize = 16 * 1024;
/// By how much a provider's clock may differ from ours, seconds.
const CLOCKS_DIFFER: i64 = 60;

/// What a token says before anybody believes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    name: &'static str,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    /// Reads it, if a token with it can be one: signed in a way that we take, and without any member that
    /// would change what the rest means (RFC 7515, section 4.1.11). Where a key may be found is not looked
    /// at.
    pub(crate) fn read(token: &str, allowed: &[Algorithm]) -> Option<Self> {
        const CHANGE_THE_MEANING: [&str; 4] = ["crit", "b64", "zip", "enc"];
        let first = token.split('.').next().filter(|_| token.len() <= LONGEST)?;
        let header: Object = json::from_slice(&URL_SAFE_NO_PAD.decode(first).ok()?).ok()?;
        let is_jwt = header
            .get("typ")
            .is_none_or(|kind| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("jwt")));
        if !is_jwt || CHANGE_THE_MEANING.iter().any(|member| header.contains_key(*member)) {
            return None;
        }
        let named = header.get("alg")?.as_str()?;
        let (name, algorithm) = ALGORITHMS.iter().find(|(name, _)| *name == named)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(id) => Some(id.as_str()?.to_owned()),
        };
        allowed.contains(algorithm).then_some(Self { name, algorithm: *algorithm, key_id })
    }

    /// The one key that it can be signed with; of several without a name, none.
    pub(crate) fn key<'a>(&self, keys: &'a [SigningKey]) -> Option<&'a SigningKey> {
        let fits = |key: &&SigningKey| {
            key.key.family() == self.algorithm.family()
                && key.algorithm.as_deref().is_none_or(|algorithm| algorithm == self.name)
                && (self.key_id.is_none() || key.id == self.key_id)
        };
        let mut fitting = keys.iter().filter(fits);
        let key = fitting.next()?;
        fitting.next().is_none().then_some(key)
    }
}

/// What a token must say.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) metadata: &'a Metadata,
    pub(crate) nonce: &'a str,
    pub(crate) now: Timestamp,
}

/// The claims of a token that this key has signed.
pub(crate) fn signed(token: &str, header: &Header, key: &SigningKey) -> Option<Object> {
    let mut validation = Validation::new(header.algorithm);
    // by our clock, and with more than it knows: `judge`
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<serde::de::IgnoredAny>(token, &key.key, &validation).ok()?;
    let claims = token.split('.').nth(1)?;
    json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// Who the claims are about, if they are what must be said; else why not.
pub(crate) fn judge(
    claims: &Object,
    key: &SigningKey,
    expected: &Expected<'_>,
) -> Result<ExternalPerson, &'static str> {
    let issuer = issuer(claims, expected).ok_or("another issuer")?;
    let is_its_key = key.issuer.as_deref().is_none_or(|of_key| {
        of_key == issuer || of_key == expected.metadata.issuer && tenant_of(of_key, issuer).is_some()
    });
    if !is_its_key {
        return Err("the key of another issuer");
    }
    if !is_for(claims, &expected.provider.client_id) {
        return Err("another audience");
    }
    let (now, at) = (expected.now.as_second(), |name| seconds(claims, name));
    match (at("exp"), at("iat"), at("nbf")) {
        (Some(exp), Some(iat), nbf) => {
            if exp.saturating_add(CLOCKS_DIFFER) <= now {
                return Err("it has expired");
            }
            if iat.max(nbf.unwrap_or(iat)) > now.saturating_add(CLOCKS_DIFFER) {
                return Err("it is from the future");
            }
        }
        _ => return Err("it does not say when"),
    }
    if claims.get("nbf").is_some_and(|nbf| nbf.as_f64().is_none()) {
        return Err("it does not say when");
    }
    if text(claims, "nonce") != Some(expected.nonce) {
        return Err("another attempt");
    }
    let subject = subject(claims).ok_or("it names nobody")?;
    let (email, email_verified) = address(claims, &expected.provider.kind);
    Ok(ExternalPerson { issuer: issuer.to_owned(), subject: subject.to_owned(), email, email_verified })
}

/// The issuer, if it is the provider's. At Microsoft it names the tenant, which the token names once more
/// (<https://learn.microsoft.com/entra/identity-platform/claims-validation>).
fn issuer<'a>(claims: &'a Object, expected: &Expected<'_>) -> Option<&'a str> {
    let issuer = text(claims, "iss")?;
    let is_its_own = match &expected.provider.kind {
        Kind::Microsoft { any_tenant: true } => tenant_of(&expected.metadata.issuer, issuer)
            .is_some_and(|tenant| text(claims, "tid") == Some(tenant)),
        _ => issuer == expected.metadata.issuer,
    };
    is_its_own.then_some(issuer)
}

/// Whether it is made for us and nobody else.
fn is_for(claims: &Object, client_id: &str) -> bool {
    let for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == client_id,
        Some(Value::Array(all)) => !all.is_empty() && all.iter().all(|audience| audience == client_id),
        _ => false,
    };
    for_us && claims.get("azp").is_none_or(|party| party == client_id)
}

/// The name of somebody at a provider (Core, section 2).
pub(crate) fn subject(claims: &Object) -> Option<&str> {
    const LONGEST: usize = 255;
    text(claims, "sub").filter(|subject| (1..=LONGEST).contains(&subject.len()))
}

/// The address, and whether the provider knows that it is the person's.
pub(crate) fn address(claims: &Object, kind: &Kind) -> (Option<Email>, bool) {
    let email: Option<Email> = text(claims, "email").and_then(|email| email.parse().ok());
    let is_verified = is_yes(claims, "email_verified");
    let knows = match kind {
        Kind::Standard => is_verified,
        // of addresses elsewhere it knows only that they were the person's once
        // (<https://developers.google.com/identity/gsi/web/guides/verify-google-id-token>)
        Kind::Google => {
            let is_hosted = text(claims, "hd").is_some_and(|domain| !domain.is_empty());
            let is_gmail = email.as_ref().is_some_and(|email| email.domain() == "gmail.com");
            is_verified && (is_gmail || is_hosted)
        }
        // whoever runs a tenant writes any address there, unless the owner of its domain is asked
        // (<https://learn.microsoft.com/entra/identity-platform/migrate-off-email-claim-authorization>)
        Kind::Microsoft { .. } => is_yes(claims, "xms_edov"),
        Kind::GitHub { .. } => false,
    };
    let knows = knows && email.is_some();
    (email, knows)
}

fn text<'a>(claims: &'a Object, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

/// A yes, as providers write it: also as a text or a number.
fn is_yes(claims: &Object, name: &str) -> bool {
    match claims.get(name) {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => text == "true" || text == "1",
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        _ => false,
    }
}

/// A time, which may have a fraction (RFC 7519, section 2).
fn seconds(claims: &Object, name: &str) -> Option<i64> {
    let number = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "beyond the range it is the end of it")]
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64))
}

#[cfg(test)]
mod tests;
