use audit_chain::{Hash, first_link};
use primitives::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Index, Item, Key};

use crate::keys;

/// Where a chain ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) org_id: OrgId,
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
    /// Since when it is not where it was last anchored. It is looked up by this, which so changes twice an
    /// hour, however often the chain goes on.
    #[serde(default)]
    pub(crate) moved_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Head {
    /// That of a chain with nothing in it.
    pub(crate) fn beginning(org_id: OrgId) -> Self {
        let hash = first_link(&org_id.to_string());
        Self { org_id, sequence: 0, hash, moved_at: None, version: 0 }
    }
}

impl Item for Head {
    fn key(&self) -> Key {
        keys::AuditHead::key(self.org_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        self.moved_at.map(|since| keys::ANCHOR.due(since, &self.org_id))
    }
}
