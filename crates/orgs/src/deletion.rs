//! The end of an organization: asked for by an owner, and taken back for some days. Then a worker does it.

use access::{Deletion, Permit, Tenant, needs::DeleteOrganization};
use events::NewEvent;
use primitives::{OrgId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Condition, Consistency, Decision, Index, Item, Key, Table};

use crate::{
    Org, OrgError, Rules,
    events::{OrganizationDeleted, OrganizationErasureRequested, OrganizationRestored},
    keys,
    place::{Owned, staying},
};

/// That an organization is to be erased.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrgDeletion {
    org_id: OrgId,
    requested_by: UserId,
    pub(crate) erase_at: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for OrgDeletion {
    fn key(&self) -> Key {
        keys::OrgDeletion::key(Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn index(&self) -> Option<Index> {
        Some(keys::ERASURE.due(self.erase_at, &self.org_id))
    }
}

/// What is decided on.
struct Standing {
    org: Org,
    gate: u64,
}

/// What of the gate is about it.
#[derive(Deserialize)]
struct OfGate {
    version: u64,
}

async fn standing(table: &Table, tenant: Tenant) -> Result<Standing, OrgError> {
    let keys = [keys::Org::key(tenant), identity_core::keys::Gate::key(tenant)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [org, gate] = keys;
    let (org, gate): (Option<Org>, Option<OfGate>) = (found.take(&org)?, found.take(&gate)?);
    let (org, OfGate { version }) = org.zip(gate).ok_or(OrgError::NotFound)?;
    Ok(Standing { org, gate: version })
}

impl Standing {
    /// The organization with this end, or without one, as its gate then says it too.
    fn ending(self, deletion: Option<Deletion>) -> (Org, Changes) {
        let org = Org { deletion, ..self.org };
        let gate = identity_core::keys::Gate::key(Tenant::trusted(org.org_id));
        let changes = Changes::new().replace(&org).set_at(&gate, "deletion", &deletion, self.gate);
        (org, changes)
    }

    /// The organization without its end, as long as this person's account stays.
    fn restored(self, (person, stays): (Key, Condition)) -> (Org, Changes) {
        let (org, changes) = self.ending(None);
        let event = OrganizationRestored { organization: org.resource(org.next_version()) };
        let event = NewEvent::new(Some(org.org_id), &org.org_id, org.next_version(), &event);
        let deletion = keys::OrgDeletion::key(Tenant::trusted(org.org_id));
        (org, changes.remove(deletion).publish(event).require(person, stays))
    }
}

/// Decides that the organization is to be erased after the days of grace; nothing where it is already. Who
/// knows of a reason against it adds that.
pub async fn request_deletion(
    table: &Table,
    rules: &Rules,
    permit: &Permit<DeleteOrganization>,
) -> Result<Option<Changes>, OrgError> {
    let standing = standing(table, permit.tenant()).await?;
    if standing.org.deletion.is_some() {
        return Ok(None);
    }
    let requested_at = table.clock().now();
    let erase_at = requested_at + rules.deletion_grace();
    let (org, changes) = standing.ending(Some(Deletion { requested_at, erase_at }));
    let item = OrgDeletion { org_id: org.org_id, requested_by: permit.user_id, erase_at, version: 0 };
    let event = OrganizationDeleted { organization: org.resource(org.next_version()), erase_at };
    let event = NewEvent::new(Some(org.org_id), &org.org_id, org.next_version(), &event);
    Ok(Some(changes.create(&item).publish(event)))
}

/// Decides that the organization is to be erased at this time, as somebody of our staff says; no change where
/// it is, then or sooner, already. Who knows of a reason against it adds that. Gives the organization as it
/// is then.
pub async fn request_erasure(
    table: &Table,
    tenant: Tenant,
    (by, erase_at): (UserId, Timestamp),
) -> Result<(Org, Option<Changes>), OrgError> {
    let standing = standing(table, tenant).await?;
    if standing.org.deletion.is_some_and(|deletion| deletion.erase_at <= erase_at) {
        return Ok((standing.org, None));
    }
    let (org, changes) = standing.ending(Some(Deletion { requested_at: table.clock().now(), erase_at }));
    // that the organization is as it was read is the condition of this, too
    let item = OrgDeletion { org_id: org.org_id, requested_by: by, erase_at, version: 0 };
    let event = OrganizationErasureRequested { organization: org.resource(org.next_version()), erase_at };
    let event = NewEvent::new(Some(org.org_id), &org.org_id, org.next_version(), &event);
    Ok((org, Some(changes.overwrite(&item).publish(event))))
}

/// When an organization is to be erased, where it is.
pub async fn deletion_of(table: &Table, org_id: OrgId) -> Result<Option<Deletion>, OrgError> {
    let org: Option<Org> = table.get(&keys::Org::key(Tenant::trusted(org_id)), Consistency::Strong).await?;
    Ok(org.and_then(|org| org.deletion))
}

/// Decides that an organization is not to be erased, as our staff says, as long as its end has not come;
/// nothing where it is not to be. That the account of an owner stays is a condition.
pub async fn restored_by_staff(table: &Table, tenant: Tenant) -> Result<Option<Changes>, OrgError> {
    let standing = standing(table, tenant).await?;
    let Some(deletion) = standing.org.deletion else { return Ok(None) };
    if table.clock().now() >= deletion.erase_at {
        return Err(OrgError::Erased);
    }
    let owned: Option<Owned> = table.get(&keys::Owners::key(tenant), Consistency::Strong).await?;
    let owners: Vec<_> = owned.iter().flat_map(Owned::all).collect();
    let stays = staying(table, owners.into_iter()).await?;
    Ok(Some(standing.restored(stays.ok_or(OrgError::MemberInactive)?).1))
}

/// Takes the end of the organization back, as long as it has not come. That the account of whoever does so
/// stays is a condition: the organization has an owner again.
pub async fn restore(
    table: &Table,
    cause: &Cause,
    permit: &Permit<DeleteOrganization>,
) -> Result<Org, OrgError> {
    let decide = |_| async move {
        let tenant = permit.tenant();
        let standing = standing(table, tenant).await?;
        let Some(deletion) = standing.org.deletion else { return Ok(Decision::done(standing.org)) };
        if table.clock().now() >= deletion.erase_at {
            return Err(OrgError::Erased);
        }
        let stays = staying(table, [permit.user_id].into_iter()).await?;
        let (org, changes) = standing.restored(stays.ok_or(OrgError::MemberInactive)?);
        Ok(Decision::commit(changes, Org { version: org.next_version(), ..org }))
    };
    table.decide(cause, decide).await
}
