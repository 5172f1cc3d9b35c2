use access::{
    AccessError, Permit, Scope, Tenant,
    needs::{ReadApiKeys, WriteApiKeys},
};
use events::NewEvent;
use identity_core::{ApiKey, MOST_API_KEYS, Membership, ShownKey, keys};
use primitives::{ApiKeyId, Expected, Limit, Network, Page, Secret, SignedDuration, Timestamp};
use serde_json::{Map, Value};
use table::{Cause, Changes, Condition, Consistency, CursorKeys, Decision, Item, Keep, Table};

use crate::{
    ApiKeyError,
    api::{self, shown},
    events::{ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated, ApiKeyUpdated},
};

/// What a key is to be like.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// From where it may be used; empty is anywhere.
    pub allowed_addresses: Vec<Network>,
}

/// A key with a new text.
#[derive(Debug)]
pub struct Made {
    /// The key as it is stored now.
    pub key: ApiKey,
    /// When it was made.
    pub at: Timestamp,
    /// Its text, which is shown once.
    pub text: Secret<String>,
}

/// Refuses what the member may not do, but for what a key has already: nobody gives more than they have.
fn require_held<P>(permit: &Permit<P>, scopes: &[Scope], but: &[Scope]) -> Result<(), ApiKeyError> {
    let is_held = |scope: &Scope| but.contains(scope) || permit.role.holds(scope.permission());
    let not_held = scopes.iter().position(|scope| !is_held(scope));
    match not_held {
        Some(place) => Err(ApiKeyError::ScopeNotHeld { place, scope: scopes[place] }),
        None => Ok(()),
    }
}

/// How many scopes and ranges of addresses a key may name.
const MOST_SCOPES: usize = 20;
const MOST_NETWORKS: usize = 20;

fn require_sizes(scopes: Option<&[Scope]>, networks: Option<&[Network]>) -> Result<(), ApiKeyError> {
    if scopes.is_some_and(|scopes| !(1..=MOST_SCOPES).contains(&scopes.len())) {
        return Err(ApiKeyError::ScopeCount { most: MOST_SCOPES });
    }
    if networks.is_some_and(|networks| networks.len() > MOST_NETWORKS) {
        return Err(ApiKeyError::NetworkCount { most: MOST_NETWORKS });
    }
    Ok(())
}

fn require_to_come(ends: Option<Timestamp>, now: Timestamp) -> Result<(), ApiKeyError> {
    if ends.is_none_or(|ends| now < ends) { Ok(()) } else { Err(ApiKeyError::EndsInThePast) }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all.dedup();
    all
}

/// Makes a key of this environment.
pub async fn create(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteApiKeys>,
    environment: &str,
    new: NewKey,
    keep: &Keep<'_, Made>,
) -> Result<Made, ApiKeyError> {
    require_sizes(Some(&new.scopes), Some(&new.allowed_addresses))?;
    require_held(permit, &new.scopes, &[])?;
    let (tenant, now) = (permit.tenant(), table.clock().now());
    require_to_come(new.expires_at, now)?;
    let text = ShownKey::new(environment, permit.org_id, table.ids().next(), permit.user_id);
    let NewKey { name, scopes, expires_at, allowed_addresses } = new;
    let mut key = ApiKey::new(&text, permit.member_id, name, sorted(scopes), now);
    key.valid_until = expires_at;
    key.allowed_addresses = sorted(allowed_addresses);
    let (key, text, full) = (&key, &text, ApiKey::count(tenant));
    let full = &full;
    let membership = keys::Membership::key(permit.user_id, tenant);
    let membership = &membership;
    let decide = |_| async move {
        // whoever is taken out at this moment leaves no key behind
        let maker: Option<Membership> = table.get(membership, Consistency::Strong).await?;
        let maker = maker.filter(|maker| maker.member_id == permit.member_id);
        let maker = maker.ok_or(AccessError::NoOrganization)?;
        let event = ApiKeyCreated { api_key: shown(key, key.next_version(), now) };
        let changes = full.add(1).create(key).publish(of(key, &event));
        let changes = changes.require(membership.clone(), Condition::VersionIs(maker.version));
        let made = Made { key: key.clone(), at: now, text: text.text().clone() };
        let decision = Decision::commit(changes, made);
        Ok(decision.unless(full.key(), Err(ApiKeyError::TooMany { most: MOST_API_KEYS })))
    };
    table.decide_once(cause, keep, decide).await
}

fn of(key: &ApiKey, event: &impl events::Event) -> NewEvent {
    NewEvent::new(Some(key.org_id), &key.key_id, key.next_version(), event)
}

/// The keys of the organization, oldest first, a page at a time. One that was taken back is shown for 90
/// days.
pub async fn keys_of(
    table: &Table,
    cursors: &dyn CursorKeys,
    reader: &Permit<ReadApiKeys>,
    (limit, cursor): (Limit, Option<&str>),
) -> Result<Page<api::ApiKey>, ApiKeyError> {
    let page: Page<ApiKey> = table.page(&keys::ApiKey::all(reader.tenant()), limit, cursor, cursors).await?;
    let now = table.clock().now();
    let items = page.items.iter().map(|key| shown(key, key.version(), now)).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// A key of the organization.
pub async fn key(table: &Table, tenant: Tenant, key_id: ApiKeyId) -> Result<ApiKey, ApiKeyError> {
    let key = keys::ApiKey::key(tenant, key_id);
    if let Some(found) = table.get(&key, Consistency::Eventual).await? {
        return Ok(found);
    }
    table.get(&key, Consistency::Strong).await?.ok_or(ApiKeyError::NotFound)
}

async fn read(table: &Table, tenant: Tenant, key_id: ApiKeyId) -> Result<ApiKey, ApiKeyError> {
    let key = keys::ApiKey::key(tenant, key_id);
    table.get(&key, Consistency::Strong).await?.ok_or(ApiKeyError::NotFound)
}

fn expect(expected: &Expected, key: &ApiKey) -> Result<(), ApiKeyError> {
    let current = key.version();
    if expected.admits(current) { Ok(()) } else { Err(ApiKeyError::VersionMismatch { current }) }
}

/// What of a key is to be otherwise. What is not said stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What people call it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Vec<Scope>>,
    /// When it ends, or that it does not.
    pub expires_at: Option<Option<Timestamp>>,
    /// From where it may be used; empty is anywhere.
    pub allowed_addresses: Option<Vec<Network>>,
}

/// Changes a key, from the next request on that shows it.
pub async fn change(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteApiKeys>,
    (key_id, expected): (ApiKeyId, &Expected),
    wanted: &Change,
) -> Result<ApiKey, ApiKeyError> {
    require_sizes(wanted.scopes.as_deref(), wanted.allowed_addresses.as_deref())?;
    let decide = |_| async move {
        let before = read(table, permit.tenant(), key_id).await?;
        expect(expected, &before)?;
        if before.revoked_at.is_some() {
            return Err(ApiKeyError::Revoked);
        }
        let (now, wanted) = (table.clock().now(), wanted.clone());
        let mut after = before.clone();
        if let Some(name) = wanted.name {
            after.name = name;
        }
        if let Some(scopes) = wanted.scopes {
            // who may less than the key may still take something from it
            require_held(permit, &scopes, &before.scopes)?;
            after.scopes = sorted(scopes);
        }
        if let Some(expires_at) = wanted.expires_at {
            after.valid_until = expires_at;
        }
        if let Some(allowed_addresses) = wanted.allowed_addresses {
            after.allowed_addresses = sorted(allowed_addresses);
        }
        if after.valid_until != before.valid_until {
            require_to_come(after.valid_until, now)?;
        }
        if after == before {
            return Ok(Decision::done(before));
        }
        let (was, is) = (shown(&before, 0, now), shown(&after, after.next_version(), now));
        let event = ApiKeyUpdated { previous: previous(&was, &is), api_key: is };
        let changes = Changes::new().replace(&after).publish(of(&after, &event));
        Ok(Decision::commit(changes, after.at_version(before.version() + 1)))
    };
    table.decide(cause, decide).await
}

/// Of what differs what it was before.
fn previous(was: &api::ApiKey, is: &api::ApiKey) -> Map<String, Value> {
    let fields = |key: &api::ApiKey| match serde_json::to_value(key) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let is = fields(is);
    let differs = |name: &String, value: &Value| name != "version" && is.get(name) != Some(value);
    fields(was).into_iter().filter(|(name, value)| differs(name, value)).collect()
}

/// For how long the text before a rotation may work.
const LONGEST_OVERLAP: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Gives a key another text. The one before works for so long; one that still worked from an earlier rotation
/// does no more.
pub async fn rotate(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteApiKeys>,
    environment: &str,
    (key_id, overlap): (ApiKeyId, SignedDuration),
    keep: &Keep<'_, Made>,
) -> Result<Made, ApiKeyError> {
    if overlap > LONGEST_OVERLAP {
        return Err(ApiKeyError::LongOverlap { most: LONGEST_OVERLAP.as_secs() });
    }
    let decide = |_| async move {
        let before = read(table, permit.tenant(), key_id).await?;
        let now = table.clock().now();
        if before.revoked_at.is_some() {
            return Err(ApiKeyError::Revoked);
        }
        if !before.is_active(now) {
            return Err(ApiKeyError::Expired);
        }
        // who has the new text has what the key may do
        for scope in &before.scopes {
            let permission = scope.permission();
            if !permit.role.holds(permission) {
                return Err(AccessError::Forbidden { permission, role: permit.role }.into());
            }
        }
        let text = ShownKey::new(environment, before.org_id, key_id, before.made_by);
        let version = before.next_version();
        let key = before.rotated(&text, now + overlap);
        let event = ApiKeyRotated { api_key: shown(&key, version, now), overlap_ends_at: now + overlap };
        let changes = Changes::new().replace(&key).publish(of(&key, &event));
        Ok(Decision::commit(changes, Made { key, at: now, text: text.text().clone() }))
    };
    table.decide_once(cause, keep, decide).await
}

/// Takes a key back, from the next request on. One that was taken back is.
pub async fn revoke(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteApiKeys>,
    (key_id, expected): (ApiKeyId, &Expected),
) -> Result<(), ApiKeyError> {
    let decide = |_| async move {
        let before = read(table, permit.tenant(), key_id).await?;
        if before.revoked_at.is_some() {
            return Ok(Decision::done(()));
        }
        expect(expected, &before)?;
        let now = table.clock().now();
        let after = before.revoked(now);
        let event = ApiKeyRevoked { api_key: shown(&after, after.next_version(), now) };
        let changes = ApiKey::count(permit.tenant()).subtract(1).replace(&after).publish(of(&after, &event));
        Ok(Decision::commit(changes, ()))
    };
    table.decide(cause, decide).await
}
