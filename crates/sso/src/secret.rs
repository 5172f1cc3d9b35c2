use identity_core::{derive, sealed};
use primitives::{Keys, OrgId, Secret, SsoConnectionId};
use table::{Cause, Changes, Consistency, Decision, Item, Table};

use crate::{SsoConnection, SsoError};

/// Encrypts the secrets by which identity providers know us (AES-256-GCM). What it sealed for one connection
/// and provider opens for no other.
#[derive(Clone, Debug)]
pub struct SsoKey(Secret<[u8; 32]>);

/// The secret of a connection.
#[derive(Debug)]
pub struct OpenedSecret {
    /// What the provider is shown.
    pub secret: Secret<String>,
    /// Whether it was sealed with the key before the current one.
    pub is_outdated: bool,
}

fn about(org: OrgId, connection: SsoConnectionId, issuer: &str) -> Vec<u8> {
    format!("{org} {connection} {issuer}").into_bytes()
}

/// How many characters of a secret are shown, of one that is long enough for it to stay one.
const SHOWN: usize = 4;
const LONG_ENOUGH: usize = 16;

/// What is shown of a secret.
pub(crate) fn hint(secret: &str) -> String {
    let length = secret.chars().count();
    if length < LONG_ENOUGH { String::new() } else { secret.chars().skip(length - SHOWN).collect() }
}

impl SsoKey {
    /// Derives the key from a secret text.
    pub fn from_secret(secret: &str) -> Self {
        Self(derive(secret, "clients of identity providers"))
    }

    pub(crate) fn seal(
        &self,
        (org, connection): (OrgId, SsoConnectionId),
        issuer: &str,
        secret: &Secret<String>,
    ) -> Result<String, SsoError> {
        let about = about(org, connection, issuer);
        sealed::seal(&self.0, &about, secret.expose().as_bytes()).ok_or(SsoError::Sealing)
    }

    fn open(&self, connection: &SsoConnection) -> Option<Secret<String>> {
        let about = about(connection.org_id, connection.connection_id, &connection.issuer);
        let bytes = sealed::open(&self.0, &about, &connection.secret)?;
        String::from_utf8(bytes.expose().clone()).ok().map(Secret::new)
    }
}

impl SsoConnection {
    /// The secret that the provider knows us by.
    pub fn secret(&self, keys: &Keys<SsoKey>) -> Result<OpenedSecret, SsoError> {
        if let Some(secret) = keys.current.open(self) {
            return Ok(OpenedSecret { secret, is_outdated: false });
        }
        let secret = keys.previous.as_ref().and_then(|key| key.open(self)).ok_or(SsoError::Sealing)?;
        Ok(OpenedSecret { secret, is_outdated: true })
    }
}

/// Seals the secret of a connection with the current key, so that it can still be read after the next
/// rotation.
pub async fn keep_sealed(
    table: &Table,
    cause: &Cause,
    key: &SsoKey,
    connection: &SsoConnection,
    secret: &Secret<String>,
) -> Result<(), SsoError> {
    let ids = (connection.org_id, connection.connection_id);
    let sealed = &key.seal(ids, &connection.issuer, secret)?;
    let decide = |_| async move {
        let now: Option<SsoConnection> = table.get(&connection.key(), Consistency::Strong).await?;
        // whoever has set another one has sealed it
        let Some(now) = now.filter(|now| now.secret == connection.secret) else {
            return Ok::<_, SsoError>(Decision::done(()));
        };
        let version = now.version();
        Ok(Decision::commit(Changes::new().set_at(&now.key(), "secret", sealed, version), ()))
    };
    table.decide(cause, decide).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use primitives::{Ids, Timestamp};

    use super::*;
    use crate::api::SsoDefaultRole;

    #[test]
    fn what_is_shown_of_a_secret_is_little_or_nothing() {
        assert_eq!(hint("0123456789abcdef"), "cdef");
        for short in ["", "hush", "0123456789abcde"] {
            assert_eq!(hint(short), "");
        }
    }

    #[test]
    fn a_secret_opens_for_its_connection_and_provider_with_either_key() {
        let (old, new) = (SsoKey::from_secret("one"), SsoKey::from_secret("two"));
        let (org_id, connection_id) = (Ids::unguessable(), Ids::unguessable());
        let issuer = "https://a.example";
        let secret = Secret::new("hush".to_owned());
        let connection = SsoConnection {
            org_id,
            connection_id,
            name: "A".to_owned(),
            issuer: issuer.to_owned(),
            client_id: "c".to_owned(),
            secret: old.seal((org_id, connection_id), issuer, &secret).unwrap(),
            secret_hint: String::new(),
            domain_ids: Vec::new(),
            default_role: SsoDefaultRole::Member,
            group_claim: None,
            group_roles: BTreeMap::new(),
            enabled: true,
            created_at: Timestamp::UNIX_EPOCH,
            last_sign_in_at: None,
            last_error: None,
            version: 1,
        };
        let current = connection.secret(&Keys::only(old.clone())).unwrap();
        assert_eq!((current.secret.expose().as_str(), current.is_outdated), ("hush", false));
        let rotated = Keys { current: new.clone(), previous: Some(old.clone()) };
        assert!(connection.secret(&rotated).unwrap().is_outdated);
        assert!(connection.secret(&Keys::only(new)).is_err());
        let keys = Keys::only(old);
        for other in [
            SsoConnection { issuer: "https://b.example".to_owned(), ..connection.clone() },
            SsoConnection { org_id: Ids::unguessable(), ..connection.clone() },
            SsoConnection { connection_id: Ids::unguessable(), ..connection.clone() },
        ] {
            assert!(other.secret(&keys).is_err(), "it was moved");
        }
        assert!(!connection.secret.contains("hush"));
        assert!(!format!("{:?}", connection.secret(&keys).unwrap()).contains("hush"));
    }
}
