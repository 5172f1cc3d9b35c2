use access::Tenant;
use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{SsoConnectionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Changes, Item, Key};

use crate::keys;

/// Who a person is at the identity provider of an organization: one name for each connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SsoLink {
    user_id: UserId,
    connection_id: SsoConnectionId,
    /// The hash of who it is there: [`SsoSubject`].
    pub hash: String,
    linked_at: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for SsoLink {
    fn key(&self) -> Key {
        keys::SsoLink::key(self.user_id, self.connection_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Whom somebody of an identity provider of an organization is with us. It counts for this connection alone:
/// another organization that names the same provider learns and opens nothing by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SsoSubject {
    hash: String,
    /// The person.
    pub user_id: UserId,
    #[serde(default)]
    version: u64,
}

impl Item for SsoSubject {
    fn key(&self) -> Key {
        keys::SsoSubject::key(self.hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl SsoSubject {
    /// The hash of who somebody is: by this connection, of this issuer, under the name that never changes
    /// there.
    pub fn hash((org, connection): (Tenant, SsoConnectionId), issuer: &str, subject: &str) -> String {
        let mut context = Context::new(&SHA256);
        context.update(org.org_id().uuid().as_bytes());
        context.update(connection.uuid().as_bytes());
        for part in [issuer.as_bytes(), &[0], subject.as_bytes()] {
            context.update(part);
        }
        URL_SAFE_NO_PAD.encode(context.finish())
    }

    /// That somebody is this person from now on. `before` is who the person was there until now: whoever got
    /// that name later is somebody else.
    pub fn linked(
        hash: String,
        (user_id, connection_id): (UserId, SsoConnectionId),
        before: Option<&SsoLink>,
        now: Timestamp,
    ) -> Changes {
        let link = SsoLink {
            user_id,
            connection_id,
            hash: hash.clone(),
            linked_at: now,
            version: before.map_or(0, |before| before.version),
        };
        let changes = Changes::new().create(&Self { hash, user_id, version: 0 }).replace(&link);
        before
            .into_iter()
            .fold(changes, |changes, before| changes.remove(keys::SsoSubject::key(before.hash.clone())))
    }
}

#[cfg(test)]
mod tests {
    use primitives::Ids;

    use super::*;

    #[test]
    fn another_connection_issuer_or_name_is_somebody_else() {
        let ids = Ids::sequence();
        let (org, connection) = (Tenant::trusted(ids.next()), ids.next());
        let hash = SsoSubject::hash((org, connection), "https://a.example", "ada");
        assert_eq!(SsoSubject::hash((org, connection), "https://a.example", "ada"), hash);
        for other in [
            SsoSubject::hash((org, ids.next()), "https://a.example", "ada"),
            SsoSubject::hash((Tenant::trusted(ids.next()), connection), "https://a.example", "ada"),
            SsoSubject::hash((org, connection), "https://b.example", "ada"),
            SsoSubject::hash((org, connection), "https://a.example", "bob"),
            SsoSubject::hash((org, connection), "https://a.exampl", "eada"),
        ] {
            assert_ne!(other, hash);
        }
    }
}
