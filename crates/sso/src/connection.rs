use std::collections::BTreeMap;

use access::Tenant;
use primitives::{DomainId, OrgId, SsoConnectionId, Time, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{
    api::{self, GroupRole, SsoDefaultRole, SsoFailure},
    keys,
};

/// A connection of an organization's to an identity provider of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SsoConnection {
    /// The organization.
    pub org_id: OrgId,
    /// The connection.
    pub connection_id: SsoConnectionId,
    pub(crate) name: String,
    /// The provider, as it calls itself.
    pub issuer: String,
    /// What the provider calls us.
    pub client_id: String,
    /// The secret, sealed.
    pub(crate) secret: String,
    pub(crate) secret_hint: String,
    /// The domains that it serves.
    pub domain_ids: Vec<DomainId>,
    pub(crate) default_role: SsoDefaultRole,
    /// The claim that says in which groups a person is.
    pub group_claim: Option<String>,
    pub(crate) group_roles: BTreeMap<String, GroupRole>,
    /// Whether anybody signs in by it.
    pub enabled: bool,
    pub(crate) created_at: Timestamp,
    #[serde(default)]
    pub(crate) last_sign_in_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) last_error: Option<SsoFailure>,
    #[serde(default)]
    pub(crate) version: u64,
}

impl Item for SsoConnection {
    fn key(&self) -> Key {
        keys::SsoConnection::key(Tenant::trusted(self.org_id), self.connection_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl SsoConnection {
    /// As the API shows it at this version.
    pub fn resource(&self, version: u64) -> api::SsoConnection {
        api::SsoConnection {
            id: self.connection_id,
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            secret_hint: self.secret_hint.clone(),
            domain_ids: self.domain_ids.clone(),
            default_role: self.default_role.into(),
            group_claim: self.group_claim.clone(),
            group_roles: self.group_roles.clone(),
            enabled: self.enabled,
            last_sign_in_at: self.last_sign_in_at.map(Time::from),
            last_error: self.last_error.clone(),
            created_at: self.created_at.into(),
            version,
        }
    }

    pub(crate) fn at_version(self, version: u64) -> Self {
        Self { version, ..self }
    }
}
