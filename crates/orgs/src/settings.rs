//! What an organization is called, and how it is shown.

use access::{Permit, needs::WriteOrganization};
use events::{NewEvent, previous};
use primitives::{Expected, MediaId, SignedDuration, Slug, Time, Timestamp};
use table::{Cause, Changes, Consistency, Decision, Item, Table};

use crate::{Org, OrgError, api::FormerSlug, events::OrganizationUpdated, keys, slugs::SlugOwner};

/// For how long a slug that an organization had is nobody else's, and leads to the one that it has now.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How many former slugs an organization has at once: nobody collects them.
const MOST: usize = 5;

/// So close to its end nobody relies on a former slug any more: a transaction takes less.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// What can be changed about an organization, but for its slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// The language of those who say none: a tag of BCP 47.
    pub locale: Option<String>,
    /// A picture of it.
    pub logo_media_id: Option<MediaId>,
}

/// Changes what the organization is called and how it is shown; gives it another slug where one is named.
/// What changes nothing is no change.
pub async fn update(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteOrganization>,
    expected: &Expected,
    slug: Option<&Slug>,
    change: impl Fn(Settings) -> Settings,
) -> Result<Org, OrgError> {
    let change = &change;
    let decide = |_| async move {
        let key = keys::Org::key(permit.tenant());
        let of_slug = slug.map(|slug| keys::SlugOwner::key(slug.clone()));
        let asked: Vec<_> = [Some(key.clone()), of_slug.clone()].into_iter().flatten().collect();
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let before: Org = found.take(&key)?.ok_or(OrgError::NotFound)?;
        if !expected.admits(before.version()) {
            return Err(OrgError::VersionMismatch { current: before.version() });
        }
        let owner: Option<SlugOwner> = of_slug.map(|key| found.take(&key)).transpose()?.flatten();
        let Org { name, locale, logo_media_id, .. } = before.clone();
        let Settings { name, locale, logo_media_id } = change(Settings { name, locale, logo_media_id });
        let after = Org { name, locale, logo_media_id, ..before.clone() };
        let (after, slugs) = match slug.filter(|slug| **slug != before.slug) {
            Some(slug) => renamed(after, slug.clone(), owner, table.clock().now())?,
            None => (after, Changes::new()),
        };
        if after == before {
            return Ok(Decision::done(before));
        }
        let organization = after.resource(after.next_version());
        let mut previous = previous(&before.resource(after.next_version()), &organization);
        // they follow from the slug before
        previous.remove("former_slugs");
        let event = OrganizationUpdated { organization, previous };
        let event = NewEvent::new(Some(after.org_id), &after.org_id, after.next_version(), &event);
        let changes = slugs.replace(&after).publish(event);
        Ok(Decision::commit(changes, Org { version: after.next_version(), ..after }))
    };
    table.decide(cause, decide).await
}

/// Gives an organization another slug. `owner` is whose that one is now. Of the former slugs each then leads
/// to the new one. The organization's version is the condition of all that is written here without one.
fn renamed(
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
    let left = FormerSlug { slug: org.slug.clone(), reserved_until: Time::from(now + KEPT) };
    let before = org.former_slugs.iter().filter(|former| former.slug != slug);
    let former_slugs: Vec<_> = before
        .filter(|former| former.reserved_until.timestamp() > now + MARGIN)
        .cloned()
        .chain([left])
        .collect();
    if former_slugs.len() > MOST {
        return Err(OrgError::TooManyFormerSlugs { limit: MOST, days: KEPT.as_hours() / 24 });
    }
    let org = Org { slug, former_slugs, ..org };
    let taken = SlugOwner::new(org.slug.clone(), org.org_id);
    let changes = match owner {
        Some(own) => Changes::new().replace(&taken.over(&own)),
        None => Changes::new().claim(&taken, now),
    };
    let lead = |changes: Changes, former: &FormerSlug| {
        changes.overwrite(&SlugOwner::former(former, org.org_id, &org.slug))
    };
    let changes = org.former_slugs.iter().fold(changes, lead);
    Ok((org, changes))
}
