use access::Tenant;
use identity_core::{EmailOwner, Membership, User as Person, keys as identity_keys};
use primitives::{Email, UserId};
use scim::{Linked, User};
use table::{Changes, Condition, Consistency, Item, Key, Table};

use crate::{effect::Effect, error::Refused};

/// Takes a user of the directory out, whoever let that person in: the membership ends with its sessions,
/// keys and seat, and no invite, link, request or domain lets the person in again. Where there is no
/// membership, that none begins at this moment is a condition.
pub(crate) async fn leave(table: &Table, tenant: Tenant, user: &mut User) -> Result<Effect, Refused> {
    let address = user.address();
    let (person, unowned) = match user.person {
        Some(person) => (Some(person.user_id), None),
        None => match &address {
            Some(email) => whose(table, email).await?,
            None => return Ok(Effect::default()),
        },
    };
    let now = table.clock().now();
    let mut emails: Vec<Email> = address.iter().cloned().collect();
    let Some(user_id) = person else {
        let changes = orgs::bar(tenant, None, &emails, now).and(uninvited(table, tenant, &emails).await?);
        let changes =
            unowned.into_iter().fold(changes, |changes, (key, condition)| changes.require(key, condition));
        return Ok(Effect { changes, refusals: Vec::new() });
    };
    let keys = [identity_keys::User::key(user_id), identity_keys::Membership::key(user_id, tenant)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let [of_person, of_place] = keys;
    let person: Option<Person> = found.take(&of_person)?;
    let place: Option<Membership> = found.take(&of_place)?;
    emails.extend(person.iter().map(|person| person.email.clone()));
    let barred = orgs::bar(tenant, Some(user_id), &emails, now);
    if let Some(place) = place
        && let Some(ended) = orgs::deprovision(table, tenant, place.member_id).await?
    {
        user.person = Some(Linked { user_id, member_id: Some(place.member_id), taken_out: true });
        return Ok(Effect { changes: ended.and(barred), refusals: Vec::new() });
    }
    let changes = barred.and(uninvited(table, tenant, &emails).await?).require(of_place, Condition::Absent);
    // who takes another address at this moment is seen with it
    let seen = person.map_or(Condition::Absent, |person| Condition::VersionIs(person.version()));
    Ok(Effect { changes: changes.require(of_person, seen), refusals: Vec::new() })
}

type Unowned = Option<(Key, Condition)>;

/// Whose an address is; else that it is nobody's, as it was read.
async fn whose(table: &Table, email: &Email) -> Result<(Option<UserId>, Unowned), Refused> {
    let key = identity_keys::EmailOwner::key(email.clone());
    let owner: Option<EmailOwner> = table.get(&key, Consistency::Strong).await?;
    Ok(match owner {
        Some(owner) if owner.is_current() => (Some(owner.user_id), None),
        Some(owner) => (None, Some((key, Condition::VersionIs(owner.version())))),
        None => (None, Some((key, Condition::Absent))),
    })
}

/// Without the open invite that holds a seat: of several addresses the first that has one.
async fn uninvited(table: &Table, tenant: Tenant, emails: &[Email]) -> Result<Changes, Refused> {
    for email in emails {
        let changes = orgs::uninvite(table, tenant, email).await?;
        if !changes.is_empty() {
            return Ok(changes);
        }
    }
    Ok(Changes::new())
}
