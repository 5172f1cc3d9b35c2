//! Where somebody may join by the domain of their address.

use access::{Role, Tenant};
use primitives::{Email, EmailDomain, OrgId};
use table::{Condition, Consistency, Item, Key, StoreError, Table};

use crate::{api::Capture, domain::DomainOwner, keys};

/// An organization that people may join whose address is of this domain.
#[derive(Clone, Debug)]
pub struct Joinable {
    /// The organization.
    pub org_id: OrgId,
    /// The domain.
    pub domain: EmailDomain,
    /// Whether somebody has to say yes.
    pub needs_approval: bool,
    /// What people become.
    pub role: Role,
    /// That this is so: to be a condition of what rests on it.
    pub condition: (Key, Condition),
}

/// The organization that whoever has this address, verified, may join by its domain. There is one at most.
pub async fn joinable(table: &Table, email: &Email) -> Result<Option<Joinable>, StoreError> {
    let key = keys::DomainOwner::key(EmailDomain::of(email));
    let owner: Option<DomainOwner> = table.get(&key, Consistency::Strong).await?;
    let open = owner.filter(|owner| owner.joining.capture != Capture::Off);
    Ok(open.map(|owner| Joinable {
        org_id: owner.org_id,
        needs_approval: owner.joining.capture != Capture::Automatic,
        role: owner.joining.default_role.into(),
        condition: (key, Condition::VersionIs(owner.version())),
        domain: owner.name,
    }))
}

/// That the domain of an address is an organization's.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What people become by it.
    pub role: Role,
    /// That this is so: to be a condition of what rests on it.
    pub condition: (Key, Condition),
}

/// Whether the domain of this address is the organization's: nothing where it is nobody's, or another
/// one's.
pub async fn verified(table: &Table, tenant: Tenant, email: &Email) -> Result<Option<Verified>, StoreError> {
    let key = keys::DomainOwner::key(EmailDomain::of(email));
    let owner: Option<DomainOwner> = table.get(&key, Consistency::Strong).await?;
    let own = owner.filter(|owner| owner.org_id == tenant.org_id());
    Ok(own.map(|owner| Verified {
        role: owner.joining.default_role.into(),
        condition: (key, Condition::VersionIs(owner.version())),
    }))
}
