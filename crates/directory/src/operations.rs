use access::{
    Permit, Tenant,
    needs::{ReadDirectory, WriteDirectory},
};
use dns_client::DnsClient;
use events::{Event, NewEvent, previous};
use primitives::{DomainId, EmailDomain, Expected, Limit, Page};
use table::{Cause, Changes, Consistency, CursorKeys, Decision, Item, Keep, Listed, Table};

use crate::{
    DirectoryError, MOST,
    api::{Capture, DefaultRole},
    domain::{Domain, DomainOwner, names},
    events::{DomainAdded, DomainRemoved, DomainUpdated, DomainVerified},
    keys,
    names::require_ownable,
};

pub(crate) fn of(domain: &Domain, event: &impl Event) -> NewEvent {
    NewEvent::new(Some(domain.org_id), &domain.domain_id, domain.next_version(), event)
}

/// Adds a domain, which is to be verified: a record is to be set for it.
pub async fn add(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteDirectory>,
    name: EmailDomain,
    keep: &Keep<'_, Domain>,
) -> Result<Domain, DirectoryError> {
    require_ownable(&name)?;
    let tenant = permit.tenant();
    let domain = Domain::new(tenant.org_id(), table.ids().next(), name, table.clock().now());
    let (domain, roster) = (&domain, &names(tenant));
    let decide = |_| async move {
        let listed: Option<Listed> = table.get(roster.key(), Consistency::Strong).await?;
        let (name, id) = (domain.name.as_str(), domain.domain_id);
        let listing = match &listed {
            None => roster.first(name, &id),
            Some(listed) if listed.contains(name) => return Err(DirectoryError::Exists),
            Some(_) if roster.is_full(listed.as_ref()) => return Err(DirectoryError::TooMany { most: MOST }),
            Some(_) => roster.add(name, &id),
        };
        let version = domain.next_version();
        let event = DomainAdded { domain: domain.resource(version) };
        let changes = listing.create(domain).publish(of(domain, &event));
        Ok(Decision::commit(changes, domain.clone().at_version(version)))
    };
    table.decide_once(cause, keep, decide).await
}

/// The domains of the organization, in the order in which they were added, a page at a time.
pub async fn domains(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadDirectory>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<Domain>, DirectoryError> {
    Ok(table.page(&keys::Domain::all(reader.tenant()), limit, cursor, cursors).await?)
}

/// A domain of the organization.
pub async fn domain_with_id(
    table: &Table,
    reader: &Permit<ReadDirectory>,
    domain_id: DomainId,
) -> Result<Domain, DirectoryError> {
    let key = keys::Domain::key(reader.tenant(), domain_id);
    if let Some(found) = table.get(&key, Consistency::Eventual).await? {
        return Ok(found);
    }
    read(table, reader.tenant(), domain_id).await
}

async fn read(table: &Table, tenant: Tenant, domain_id: DomainId) -> Result<Domain, DirectoryError> {
    let key = keys::Domain::key(tenant, domain_id);
    table.get(&key, Consistency::Strong).await?.ok_or(DirectoryError::NotFound)
}

fn expect(expected: &Expected, domain: &Domain) -> Result<(), DirectoryError> {
    let current = domain.version();
    if expected.admits(current) { Ok(()) } else { Err(DirectoryError::VersionMismatch { current }) }
}

/// Looks the record up, and makes the domain the organization's where it is there. The first one that shows a
/// domain has it. One that is verified stays so whatever DNS says: that is for the checks to end.
pub async fn verify(
    table: &Table,
    cause: &Cause,
    dns: &DnsClient,
    permit: &Permit<WriteDirectory>,
    (domain_id, expected): (DomainId, &Expected),
) -> Result<Domain, DirectoryError> {
    let tenant = permit.tenant();
    let asked = read(table, tenant, domain_id).await?;
    expect(expected, &asked)?;
    let record = asked.record();
    if !asked.is_shown_by(&dns.txt(&record.name).await?) {
        return Err(DirectoryError::RecordNotFound { name: record.name });
    }
    let owner = &keys::DomainOwner::key(asked.name);
    let decide = |_| async move {
        let keys = [keys::Domain::key(tenant, domain_id), owner.clone()];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let before: Domain = found.take(&keys[0])?.ok_or(DirectoryError::NotFound)?;
        let owner: Option<DomainOwner> = found.take(owner)?;
        if owner.is_some_and(|owner| owner.domain_id != domain_id) {
            return Err(DirectoryError::Claimed);
        }
        if before.is_settled() {
            return Ok(Decision::done(before));
        }
        expect(expected, &before)?;
        let (was_verified, version) = (before.is_verified(), before.next_version());
        let after = before.shown(table.clock().now());
        let changes = Changes::new().replace(&after);
        let changes = if was_verified {
            changes
        } else {
            let event = DomainVerified { domain: after.resource(version) };
            changes.create(&after.owner()).publish(of(&after, &event))
        };
        Ok(Decision::commit(changes, after.at_version(version)))
    };
    table.decide(cause, decide).await
}

/// What of a domain is to be otherwise. What is not said stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// Whether people may join by it.
    pub capture: Option<Capture>,
    /// What they become.
    pub default_role: Option<DefaultRole>,
}

/// Says who may join by a domain.
pub async fn update(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteDirectory>,
    (domain_id, expected): (DomainId, &Expected),
    wanted: Change,
) -> Result<Domain, DirectoryError> {
    let decide = |_| async move {
        let before = read(table, permit.tenant(), domain_id).await?;
        expect(expected, &before)?;
        let capture = wanted.capture.unwrap_or(before.capture);
        let default_role = wanted.default_role.unwrap_or(before.default_role);
        if capture != Capture::Off && !before.is_verified() {
            return Err(DirectoryError::Unverified { name: before.name });
        }
        let after = before.clone().joined(capture, default_role);
        if after == before {
            return Ok(Decision::done(before));
        }
        let version = after.next_version();
        let previous = previous(&before.resource(version), &after.resource(version));
        let event = DomainUpdated { domain: after.resource(version), previous };
        let changes = Changes::new().replace(&after).publish(of(&after, &event));
        let changes = if after.is_verified() {
            changes.set(&after.owner().key(), DomainOwner::JOINING, &after.joining())
        } else {
            changes
        };
        Ok(Decision::commit(changes, after.at_version(version)))
    };
    table.decide(cause, decide).await
}

/// Removes a domain: nobody joins by it any more, and another organization may verify it.
pub async fn remove(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteDirectory>,
    (domain_id, expected): (DomainId, &Expected),
) -> Result<(), DirectoryError> {
    let decide = |_| async move {
        let domain = read(table, permit.tenant(), domain_id).await?;
        expect(expected, &domain)?;
        if domain.sso.is_some() {
            return Err(DirectoryError::InUse { name: domain.name });
        }
        let event = DomainRemoved { domain: domain.resource(domain.version()) };
        let changes = names(permit.tenant()).remove(domain.name.as_str(), 0).and(domain.released());
        Ok(Decision::commit(changes.delete(&domain).publish(of(&domain, &event)), ()))
    };
    table.decide(cause, decide).await
}
