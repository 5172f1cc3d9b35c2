//! Whose a slug is, and was.

use primitives::{OrgId, Slug, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Item, Key, StoreError, Table};

use crate::{api::FormerSlug, keys};

/// Whose a slug is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SlugOwner {
    slug: Slug,
    pub(crate) org_id: OrgId,
    /// The organization's slug of today, where this is a former one.
    moved_to: Option<Slug>,
    /// Until when a former one is nobody else's.
    reserved_until: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl Item for SlugOwner {
    fn key(&self) -> Key {
        keys::SlugOwner::key(self.slug.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.reserved_until
    }
}

impl SlugOwner {
    /// That of the slug that an organization has.
    pub(crate) fn new(slug: Slug, org_id: OrgId) -> Self {
        Self { slug, org_id, moved_to: None, reserved_until: None, version: 0 }
    }

    /// That of one that the organization had, and that leads to this one.
    pub(crate) fn former(former: &FormerSlug, org_id: OrgId, to: &Slug) -> Self {
        let (moved_to, reserved_until) = (Some(to.clone()), Some(former.reserved_until.timestamp()));
        Self { moved_to, reserved_until, ..Self::new(former.slug.clone(), org_id) }
    }

    /// The same in the place of the one that was read.
    pub(crate) fn over(self, before: &Self) -> Self {
        Self { version: before.version, ..self }
    }

    /// Whether it is somebody's at this time: by whole seconds, as it expires.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.reserved_until.is_none_or(|until| until.as_second() > now.as_second())
    }
}

/// The organization that has this slug, or had it not long ago: one call.
pub async fn org_with_slug(table: &Table, slug: &Slug) -> Result<Option<OrgId>, StoreError> {
    let owner: Option<SlugOwner> =
        table.get(&keys::SlugOwner::key(slug.clone()), Consistency::Strong).await?;
    let owner = owner.filter(|owner| owner.holds(table.clock().now()));
    Ok(owner.map(|owner| owner.org_id))
}

/// Whether somebody may have a slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlugCheck {
    /// Whether the caller's organization, or a new one, may have it.
    pub is_available: bool,
    /// The slug of today of the organization that had this one.
    pub moved_to: Option<Slug>,
}

/// Whether a slug may be had by a new organization, or by the one that `own` is: one call.
pub async fn check_slug(table: &Table, slug: &Slug, own: Option<OrgId>) -> Result<SlugCheck, StoreError> {
    let owner: Option<SlugOwner> =
        table.get(&keys::SlugOwner::key(slug.clone()), Consistency::Eventual).await?;
    let owner = owner.filter(|owner| owner.holds(table.clock().now()));
    let is_own = owner.as_ref().is_some_and(|owner| Some(owner.org_id) == own);
    let is_available = !slug.is_reserved() && (owner.is_none() || is_own);
    Ok(SlugCheck { is_available, moved_to: owner.and_then(|owner| owner.moved_to) })
}
