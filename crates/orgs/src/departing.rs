//! What becomes of a person's places in organizations when the account ends.

use std::collections::HashMap;

use access::{Role, Tenant};
use identity_core::{Membership, keys as identity_keys};
use primitives::UserId;
use table::{Cause, Changes, Condition, Consistency, Item, Table};

use crate::{
    Org, OrgError,
    events::Left,
    keys,
    place::{Owned, end, staying},
};

/// How many accounts that stay are conditions of the end of another one: what is left of a transaction.
const MOST_STAYING: usize = 40;

/// A person's places in their organizations.
async fn places(table: &Table, user_id: UserId) -> Result<Vec<Membership>, OrgError> {
    Ok(table.first(&identity_keys::Membership::all(user_id).strong(), 100).await?)
}

/// Refuses a person who is the only owner of an organization whose account stays: it would be nobody's. One
/// that is about to be erased needs no owner; whoever wants it back has the account back first. What that
/// rests on are conditions of the end of the account.
pub async fn require_other_owners(table: &Table, user_id: UserId) -> Result<Changes, OrgError> {
    let places = places(table, user_id).await?;
    let owned = places.into_iter().filter(|place| place.role == Role::Owner);
    let owned: Vec<_> = owned.map(|owned| Tenant::trusted(owned.org_id)).collect();
    let mut changes = Changes::new();
    if owned.is_empty() {
        return Ok(changes);
    }
    let both = |org: &Tenant| [keys::Owners::key(*org), keys::Org::key(*org)];
    let asked: Vec<_> = owned.iter().flat_map(both).collect();
    let mut found = table.get_many(&asked, Consistency::Strong).await?;
    let mut people = HashMap::new();
    for of_one in asked.chunks_exact(2) {
        let [of_owners, of_org] = of_one else { continue };
        let org: Org = found.take(of_org)?.ok_or(OrgError::LastOwner)?;
        if org.deletion.is_some() {
            changes = changes.require(of_org.clone(), Condition::VersionIs(org.version()));
            continue;
        }
        let listed: Owned = found.take(of_owners)?.ok_or(OrgError::LastOwner)?;
        let (person, condition) = staying(table, listed.others(user_id)).await?.ok_or(OrgError::LastOwner)?;
        people.insert(person, condition);
        changes = changes.require(of_owners.clone(), Condition::VersionIs(listed.version));
    }
    let people = people.into_iter().take(MOST_STAYING);
    Ok(people.fold(changes, |changes, (person, condition)| changes.require(person, condition)))
}

/// Takes a person out of all of their organizations, each by itself. Whoever is the only owner of one stays
/// in it, and that is an error: an organization has an owner, unless it is about to be erased. Says how many
/// there were.
pub async fn leave_all(table: &Table, cause: &Cause, user_id: UserId) -> Result<u64, OrgError> {
    let places = places(table, user_id).await?;
    let left = u64::try_from(places.len()).unwrap_or(u64::MAX);
    for place in places {
        end(table, cause, Tenant::trusted(place.org_id), place.member_id, Left::Erasure).await?;
    }
    Ok(left)
}
