//! Which connection to an organization's identity provider serves the people of a domain.

use access::Tenant;
use primitives::{DomainId, Email, EmailDomain, OrgId, SsoConnectionId};
use table::{Changes, Condition, Consistency, Item, Key, StoreError, Table};

use crate::{
    DirectoryError,
    domain::{Domain, DomainOwner},
    keys,
};

/// That people of a verified domain sign in by a connection.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The organization whose domain it is, and whose connection.
    pub org_id: OrgId,
    /// The connection.
    pub connection_id: SsoConnectionId,
    /// The domain.
    pub domain: EmailDomain,
    /// That this is so: to be a condition of what rests on it.
    pub condition: (Key, Condition),
}

/// The connection by which whoever has this address signs in; there is one at most. A domain that nobody has
/// shown to be theirs, or not any more, is served by none: one call.
pub async fn serving(table: &Table, email: &Email) -> Result<Option<Serving>, StoreError> {
    let key = keys::DomainOwner::key(EmailDomain::of(email));
    let owner: Option<DomainOwner> = table.get(&key, Consistency::Strong).await?;
    Ok(owner.and_then(|owner| {
        Some(Serving {
            org_id: owner.org_id,
            connection_id: owner.sso?,
            condition: (key, Condition::VersionIs(owner.version())),
            domain: owner.name,
        })
    }))
}

/// Has a connection serve these domains of the organization, and no others: what of its domains changes by
/// that. `before` are those that it served. Only verified ones may be added, and none that another connection
/// serves. What is decided on are conditions of the changes: one call.
pub async fn serve(
    table: &Table,
    tenant: Tenant,
    connection_id: SsoConnectionId,
    (before, after): (&[DomainId], &[DomainId]),
) -> Result<Changes, DirectoryError> {
    let (added, taken) = (without(after, before), without(before, after));
    let all: Vec<DomainId> = added.iter().chain(&taken).copied().collect();
    if all.is_empty() {
        return Ok(Changes::new());
    }
    let keys: Vec<_> = all.iter().map(|domain_id| keys::Domain::key(tenant, *domain_id)).collect();
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let mut changes = Changes::new();
    for (domain_id, key) in all.into_iter().zip(&keys) {
        let domain: Option<Domain> = found.take(key)?;
        let sso = added.contains(&domain_id).then_some(connection_id);
        match (domain, sso) {
            (None, Some(_)) => return Err(DirectoryError::Unknown { domain_id }),
            (Some(domain), Some(_)) if !domain.is_verified() => {
                return Err(DirectoryError::Unverified { name: domain.name });
            }
            (Some(domain), Some(_)) if domain.sso.is_some_and(|other| other != connection_id) => {
                return Err(DirectoryError::InUse { name: domain.name });
            }
            (Some(domain), sso) if domain.sso != sso => changes = changes.and(served(domain, sso)),
            _ => {}
        }
    }
    Ok(changes)
}

/// The domain with this connection. Whoever shows or loses it at this moment changes it too.
fn served(domain: Domain, sso: Option<SsoConnectionId>) -> Changes {
    let domain = domain.served(sso);
    let changes = Changes::new().replace(&domain);
    if domain.is_verified() { changes.set(&domain.owner().key(), DomainOwner::SSO, &sso) } else { changes }
}

fn without(all: &[DomainId], others: &[DomainId]) -> Vec<DomainId> {
    all.iter().filter(|one| !others.contains(one)).copied().collect()
}
