//! What an organization is called, and how it is shown.

use access::{Permit, needs::WriteOrganization};
use events::NewEvent;
use primitives::{Expected, MediaId, Slug};
use serde_json::{Map, Value, json};
use table::{Cause, Changes, Consistency, Decision, Item, Table};

use crate::{
    Org, OrgError,
    events::OrganizationUpdated,
    keys,
    slugs::{SlugOwner, renamed},
};

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

/// Changes what the organization is called and how it is shown; gives it another slug where one is named. What
/// changes nothing is no change.
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
        let event = OrganizationUpdated { organization, previous: previous(&before, &after) };
        let event = NewEvent::new(Some(after.org_id), &after.org_id, after.next_version(), &event);
        let changes = slugs.replace(&after).publish(event);
        Ok(Decision::commit(changes, Org { version: after.next_version(), ..after }))
    };
    table.decide(cause, decide).await
}

/// What was otherwise before.
fn previous(before: &Org, after: &Org) -> Map<String, Value> {
    let parts = |org: &Org| {
        [
            ("name", json!(org.name)),
            ("slug", json!(org.slug)),
            ("locale", json!(org.locale)),
            ("logo_media_id", json!(org.logo_media_id)),
        ]
    };
    let pairs = parts(before).into_iter().zip(parts(after));
    let changed = pairs.filter(|(before, after)| before != after);
    changed.map(|((name, value), _)| (name.to_owned(), value)).collect()
}
