use std::collections::{BTreeMap, BTreeSet};

use access::{Role, Tenant};
use primitives::{OrgId, ScimGroupId};
use serde::{Deserialize, Serialize};
use table::{Condition, Item, Key};

use crate::{ScimError, keys, limits::MOST_MAPPED};

/// Which groups of a directory give which roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    org_id: OrgId,
    roles: BTreeMap<ScimGroupId, Role>,
    #[serde(default)]
    version: u64,
}

impl Item for Mapping {
    fn key(&self) -> Key {
        keys::Roles::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Mapping {
    /// Of a directory that says nothing of the kind.
    pub fn none(tenant: Tenant) -> Self {
        Self { org_id: tenant.org_id(), roles: BTreeMap::new(), version: 0 }
    }

    /// That it is as it was read: a condition of what rests on it.
    pub fn condition(&self) -> (Key, Condition) {
        let seen = if self.version == 0 { Condition::Absent } else { Condition::VersionIs(self.version) };
        (self.key(), seen)
    }

    /// Whether this group gives a role.
    pub fn has(&self, group_id: ScimGroupId) -> bool {
        self.roles.contains_key(&group_id)
    }

    /// The highest of the roles that these groups give.
    pub fn role_of(&self, groups: &BTreeSet<ScimGroupId>) -> Option<Role> {
        let roles = groups.iter().filter_map(|group| self.roles.get(group)).copied();
        roles.max_by_key(|role| rank(*role))
    }

    /// The same in which this group gives this role, or none.
    pub fn with(mut self, group_id: ScimGroupId, role: Option<Role>) -> Result<Self, ScimError> {
        match role {
            Some(Role::Owner) => return Err(ScimError::OwnersByHand),
            Some(role) => self.roles.insert(group_id, role),
            None => self.roles.remove(&group_id),
        };
        if self.roles.len() > MOST_MAPPED {
            return Err(ScimError::TooManyMapped { most: MOST_MAPPED });
        }
        Ok(self)
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Viewer => 0,
        Role::Member => 1,
        Role::Admin => 2,
        Role::Owner => 3,
    }
}
