//! Whose a slug is, and was.

use primitives::{OrgId, SignedDuration, Slug, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Changes, Consistency, Item, Key, StoreError, Table};

use crate::{Org, OrgError, keys};

/// For how long a slug that an organization had is nobody else's, and leads to the one that it has now.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How many former slugs an organization has at once: nobody collects them.
const MOST: usize = 5;

/// So close to its end nobody relies on a former slug any more: a transaction takes less.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// A slug that an organization had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerSlug {
    /// The slug.
    pub slug: Slug,
    /// Until when it is nobody else's.
    pub reserved_until: Timestamp,
}

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
    /// That of the organization's slug.
    pub(crate) fn of(org: &Org) -> Self {
        let (slug, org_id) = (org.slug.clone(), org.org_id);
        Self { slug, org_id, moved_to: None, reserved_until: None, version: 0 }
    }

    /// Whether it is somebody's at this time: by whole seconds, as it expires.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.reserved_until.is_none_or(|until| until.as_second() > now.as_second())
    }
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

/// Gives an organization another slug. `owner` is whose that one is now. Of the former slugs each then leads to
/// the new one. The organization's version is the condition of all that is written here without one.
pub(crate) fn renamed(
    org: Org,
    slug: Slug,
    owner: Option<SlugOwner>,
    now: Timestamp,
) -> Result<(Org, Changes), OrgError> {
    if slug.is_reserved() {
        return Err(OrgError::SlugReserved);
    }
    let owner = owner.filter(|owner| owner.holds(now));
    if owner.as_ref().is_some_and(|owner| owner.org_id != org.org_id) {
        return Err(OrgError::SlugTaken);
    }
    let left = FormerSlug { slug: org.slug.clone(), reserved_until: now + KEPT };
    let before = org.former_slugs.iter().filter(|former| former.slug != slug);
    let former_slugs: Vec<_> =
        before.filter(|former| former.reserved_until > now + MARGIN).cloned().chain([left]).collect();
    if former_slugs.len() > MOST {
        return Err(OrgError::TooManyFormerSlugs { limit: MOST, days: KEPT.as_hours() / 24 });
    }
    let org = Org { slug, former_slugs, ..org };
    let taken = SlugOwner::of(&org);
    let changes = match owner {
        Some(own) => Changes::new().replace(&SlugOwner { version: own.version, ..taken }),
        None => Changes::new().claim(&taken, now),
    };
    let lead = |changes: Changes, former: &FormerSlug| {
        changes.overwrite(&SlugOwner {
            slug: former.slug.clone(),
            org_id: org.org_id,
            moved_to: Some(org.slug.clone()),
            reserved_until: Some(former.reserved_until),
            version: 0,
        })
    };
    let changes = org.former_slugs.iter().fold(changes, lead);
    Ok((org, changes))
}
