use std::collections::BTreeMap;

use access::Tenant;
use primitives::OrgId;
use serde::{Deserialize, Serialize};
use table::{Changes, Item, Key};

use crate::{ScimError, keys};

pub(crate) const USER_EXTERNAL: &str = "USER_EXTERNAL";
pub(crate) const GROUP_EXTERNAL: &str = "GROUP_EXTERNAL";
pub(crate) const GROUP_NAME: &str = "GROUP_NAME";
pub(crate) const PERSON: &str = "PERSON";

/// Who has a `userName`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NameRow {
    org_id: OrgId,
    pub(crate) name: String,
    /// The user.
    pub(crate) holder: String,
    #[serde(default)]
    version: u64,
}

impl Item for NameRow {
    fn key(&self) -> Key {
        keys::UserName::key(Tenant::trusted(self.org_id), self.name.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Who has something else that is one's alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClaimRow {
    org_id: OrgId,
    what: String,
    hash: String,
    pub(crate) holder: String,
    #[serde(default)]
    version: u64,
}

impl Item for ClaimRow {
    fn key(&self) -> Key {
        keys::Claim::key(Tenant::trusted(self.org_id), self.what.clone(), self.hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// A name as it is compared: names have no case.
pub(crate) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Where it stands who has this.
pub(crate) fn claim_key(tenant: Tenant, what: &str, value: &str) -> Key {
    keys::Claim::key(tenant, what.to_owned(), identity_core::key_text::hashed(value))
}

/// What somebody has that nobody else of the directory may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    tenant: Tenant,
    holder: String,
    name: Option<String>,
    others: BTreeMap<&'static str, String>,
}

/// That one is another's, by the item that says so.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The item.
    pub key: Key,
    /// What it is.
    pub what: &'static str,
}

impl Taken {
    /// As the client is told.
    pub fn error(&self) -> ScimError {
        ScimError::Taken(self.what)
    }
}

impl Claims {
    pub(crate) fn of(tenant: Tenant, holder: &impl ToString) -> Self {
        Self { tenant, holder: holder.to_string(), name: None, others: BTreeMap::new() }
    }

    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(folded(name)), ..self }
    }

    pub(crate) fn and(mut self, what: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.others.insert(what, identity_core::key_text::hashed(value));
        }
        self
    }

    /// Takes them, in the place of those of before; and what it means where somebody has one.
    pub fn in_place_of(&self, before: Option<&Self>) -> (Changes, Vec<Taken>) {
        let org_id = self.tenant.org_id();
        let (mut changes, mut taken) = (Changes::new(), Vec::new());
        let old_name = before.and_then(|before| before.name.as_ref());
        if self.name.as_ref() != old_name {
            if let Some(name) = old_name {
                changes = changes.remove(keys::UserName::key(self.tenant, name.clone()));
            }
            if let Some(name) = &self.name {
                let row = NameRow { org_id, name: name.clone(), holder: self.holder.clone(), version: 0 };
                taken.push(Taken { key: row.key(), what: "userName" });
                changes = changes.create(&row);
            }
        }
        for (what, shown) in WORDS {
            let new = self.others.get(what);
            let old = before.and_then(|before| before.others.get(what));
            if new == old {
                continue;
            }
            if let Some(old) = old {
                changes = changes.remove(keys::Claim::key(self.tenant, (*what).to_owned(), old.clone()));
            }
            if let Some(new) = new {
                let (what, hash, holder) = ((*what).to_owned(), new.clone(), self.holder.clone());
                let row = ClaimRow { org_id, what, hash, holder, version: 0 };
                taken.push(Taken { key: row.key(), what: shown });
                changes = changes.create(&row);
            }
        }
        (changes, taken)
    }

    /// Lets all go.
    pub fn released(&self) -> Changes {
        Self { name: None, others: BTreeMap::new(), ..self.clone() }.in_place_of(Some(self)).0
    }
}

/// What each is called to clients.
const WORDS: &[(&str, &str)] = &[
    (USER_EXTERNAL, "externalId"),
    (GROUP_EXTERNAL, "externalId"),
    (GROUP_NAME, "displayName"),
    (PERSON, "person behind it"),
];
