//! Organizations as our staff sees them, and what staff does to one. Who may do that, and how it is written
//! down, is not decided here.

use access::{AccessSchedule, StaffPermit, Tenant, staff_needs::ReadOrganizations};
use events::NewEvent;
use primitives::{Limit, OrgId, Page, Slug, Timestamp};
use serde::Deserialize;
use table::{Changes, Consistency, CursorKeys, Item, StoreError, Table};

use crate::{
    Member, Org, OrgError,
    events::{OrganizationSuspended, OrganizationUnsuspended},
    keys,
    slugs::SlugOwner,
};

/// An organization, and what decides who comes in.
#[derive(Clone, Debug)]
pub struct Overseen {
    /// The organization.
    pub org: Org,
    /// How much it may use.
    pub access: AccessSchedule,
    /// Since when our staff has suspended it.
    pub suspended_at: Option<Timestamp>,
    version: u64,
}

#[derive(Deserialize)]
struct Gate {
    access: AccessSchedule,
    suspended_at: Option<Timestamp>,
    version: u64,
}

impl Overseen {
    /// Reads it: one call.
    pub async fn read(table: &Table, tenant: Tenant) -> Result<Self, OrgError> {
        overseen(table, [tenant], Consistency::Strong).await?.pop().ok_or(OrgError::NotFound)
    }

    /// Nobody works in it any more, from the next request on. Nothing where it is so already.
    pub fn suspend(&mut self, now: Timestamp) -> Option<Changes> {
        if self.suspended_at.is_some() {
            return None;
        }
        let event = OrganizationSuspended { organization: self.org.resource(self.org.version()) };
        Some(self.change(Some(now), &event))
    }

    /// Its members may work in it again. Nothing where it is so already.
    pub fn unsuspend(&mut self) -> Option<Changes> {
        self.suspended_at?;
        let event = OrganizationUnsuspended { organization: self.org.resource(self.org.version()) };
        Some(self.change(None, &event))
    }

    fn change<E: events::Event>(&mut self, suspended_at: Option<Timestamp>, event: &E) -> Changes {
        self.suspended_at = suspended_at;
        let org_id = self.org.org_id;
        let gate = identity_core::keys::Gate::key(Tenant::trusted(org_id));
        let event = NewEvent::new(Some(org_id), &org_id, self.version + 1, event);
        Changes::new().set_at(&gate, "suspended_at", &suspended_at, self.version).publish(event)
    }
}

/// These organizations, in this order; those that are not there are left out: one call.
async fn overseen(
    table: &Table,
    tenants: impl IntoIterator<Item = Tenant>,
    consistency: Consistency,
) -> Result<Vec<Overseen>, StoreError> {
    let keys: Vec<_> = tenants
        .into_iter()
        .flat_map(|tenant| [keys::Org::key(tenant), identity_core::keys::Gate::key(tenant)])
        .collect();
    let mut all = Vec::with_capacity(keys.len() / 2);
    if keys.is_empty() {
        return Ok(all);
    }
    let mut found = table.get_many(&keys, consistency).await?;
    for pair in keys.chunks(2) {
        let org: Option<Org> = found.take(&pair[0])?;
        let gate: Option<Gate> = found.take(&pair[1])?;
        all.extend(org.zip(gate).map(|(org, gate)| {
            let Gate { access, suspended_at, version } = gate;
            Overseen { org, access, suspended_at, version }
        }));
    }
    Ok(all)
}

/// These organizations, in this order, those that are there: one call.
pub async fn with_ids(
    table: &Table,
    staff: &StaffPermit<ReadOrganizations>,
    ids: impl IntoIterator<Item = OrgId>,
) -> Result<Vec<Overseen>, StoreError> {
    overseen(table, ids.into_iter().map(|id| staff.tenant(id)), Consistency::Eventual).await
}

/// Whose slug this is: two calls.
pub async fn with_slug(
    table: &Table,
    staff: &StaffPermit<ReadOrganizations>,
    slug: Slug,
) -> Result<Vec<Overseen>, StoreError> {
    let owner: Option<SlugOwner> = table.get(&keys::SlugOwner::key(slug), Consistency::Strong).await?;
    let owner = owner.filter(|owner| owner.holds(table.clock().now()));
    overseen(table, owner.map(|owner| staff.tenant(owner.org_id)), Consistency::Strong).await
}

/// What the index says of an organization.
#[derive(Deserialize)]
struct Listed {
    summary: OrgId,
}

/// A page of the organizations whose slugs begin so, by slug: two calls.
pub async fn with_slugs(
    table: &Table,
    cursors: &dyn CursorKeys,
    staff: &StaffPermit<ReadOrganizations>,
    prefix: &str,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Overseen>, StoreError> {
    // each is two items, and a call asks for a hundred
    let limit = Limit::try_from(u32::try_from(limit.get().min(50)).unwrap_or(50)).unwrap_or(limit);
    let listed: Page<Listed> = table.page(&keys::with_slug(prefix), limit, cursor, cursors).await?;
    let tenants = listed.items.iter().map(|listed| staff.tenant(listed.summary));
    let items = overseen(table, tenants, Consistency::Eventual).await?;
    Ok(Page { items, next_cursor: listed.next_cursor })
}

/// A page of an organization's members, oldest first.
pub async fn members_of(
    table: &Table,
    cursors: &dyn CursorKeys,
    tenant: Tenant,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<Member>, StoreError> {
    table.page(&keys::Member::all(tenant), limit, cursor, cursors).await
}
