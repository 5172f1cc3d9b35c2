use std::collections::BTreeSet;

use access::Way;
use events::NewEvent;
use primitives::{Email, PasskeyId, UserId};
use serde::Deserialize;
use table::{Cause, Changes, CommitError, Consistency, Decision, Item, Query, StoreError, Table};

use crate::{
    ConnectedAccounts, EmailChange, EmailOwner, MOST_PASSKEYS, SsoLink, User, events::UserErased, keys,
};

/// A passkey, as far as whoever erases it has to know.
#[derive(Deserialize)]
struct Named {
    passkey_id: PasskeyId,
}

/// In how many connections to identity providers of organizations a person is looked for: more than there are
/// of the organizations that one can belong to, and few enough for one transaction.
const MOST_LINKS: usize = 40;

async fn user(table: &Table, user_id: UserId) -> Result<Option<User>, CommitError> {
    Ok(table.get(&keys::User::key(user_id), Consistency::Strong).await?)
}

/// The address of a person, and those of a change of it that is under way or can be undone.
async fn all_of(table: &Table, user: &User) -> Result<BTreeSet<Email>, StoreError> {
    let change: Option<EmailChange> =
        table.get(&keys::EmailChange::key(user.user_id), Consistency::Strong).await?;
    let of_change = change.into_iter().flat_map(|change| [change.old_email, change.new_email]);
    Ok(of_change.chain([user.email.clone()]).collect())
}

/// The addresses of a person who is being erased: they are known until [`empty`].
pub async fn addresses(table: &Table, user_id: UserId) -> Result<Vec<Email>, CommitError> {
    let Some(user) = user(table, user_id).await? else { return Ok(Vec::new()) };
    Ok(all_of(table, &user).await?.into_iter().collect())
}

/// Shuts everybody out of an account whose end has come: its sessions end, its addresses are anybody's, and
/// no account elsewhere signs in to it. Says whether the end has come. From then on nothing of the person is
/// added, and it cannot be restored.
pub async fn begin_erasure(table: &Table, cause: &Cause, user_id: UserId) -> Result<bool, CommitError> {
    let begin = |_| async move {
        let now = table.clock().now();
        let Some(user) = user(table, user_id).await? else { return Ok(Decision::done(false)) };
        if user.deletion.is_none_or(|deletion| now < deletion.erase_at) {
            return Ok(Decision::done(false));
        }
        let mut changes = Changes::new();
        for email in all_of(table, &user).await? {
            let owner: Option<EmailOwner> =
                table.get(&keys::EmailOwner::key(email), Consistency::Strong).await?;
            if let Some(owner) = owner.filter(|owner| owner.user_id == user_id) {
                changes = changes.delete(&owner);
            }
        }
        let connected: Option<ConnectedAccounts> =
            table.get(&keys::ConnectedAccounts::key(user_id), Consistency::Strong).await?;
        if let Some(connected) = connected {
            let owners = connected.accounts.iter().map(|account| keys::OAuthOwner::key(account.hash.clone()));
            changes = owners.fold(changes.delete(&connected), Changes::remove);
        }
        let links: Vec<SsoLink> = table.first(&keys::SsoLink::all(user_id).strong(), MOST_LINKS).await?;
        for link in links {
            changes = changes.delete(&link).remove(keys::SsoSubject::key(link.hash));
        }
        if user.listed().next().is_some() {
            changes = changes.replace(&user.with_only(None, now));
        }
        Ok(Decision::commit(changes, true))
    };
    table.decide(cause, begin).await
}

/// Erases what is left of a person for whom [`begin_erasure`] said so, when everybody else has done their
/// part, but for the person's own item. Says how many items went.
pub async fn empty(table: &Table, user_id: UserId) -> Result<u64, CommitError> {
    let Some(person) = user(table, user_id).await? else { return Ok(0) };
    let mut erased = 0;
    if person.ways().contains_key(&Way::Passkey) {
        let passkeys: Vec<Named> = table.first(&keys::Passkey::all(user_id).strong(), MOST_PASSKEYS).await?;
        for passkey in passkeys {
            let owner = keys::PasskeyOwner::key(passkey.passkey_id);
            erased += table.erase(Query::partition_of(&owner), None).await?;
        }
    }
    // where there are more than one transaction had room for
    let links: Vec<SsoLink> = table.first(&keys::SsoLink::all(user_id).strong(), 10 * MOST_LINKS).await?;
    for link in links {
        erased += table.erase(Query::partition_of(&keys::SsoSubject::key(link.hash)), None).await?;
    }
    erased += table.erase(keys::KnownNetwork::all(person.email), None).await?;
    let item = keys::User::key(user_id);
    erased += table.erase(Query::partition_of(&item), Some(&item)).await?;
    Ok(u64::try_from(erased).unwrap_or(u64::MAX))
}

/// The last of a person: the own item, by which whatever stopped on the way was begun again. What certifies
/// that is so is in the same transaction.
pub async fn end_erasure<F: Future<Output = Result<Changes, StoreError>>>(
    table: &Table,
    cause: &Cause,
    user_id: UserId,
    certified: impl Fn() -> F,
) -> Result<(), CommitError> {
    let certified = &certified;
    let end = |_| async move {
        let Some(user) = user(table, user_id).await? else { return Ok(Decision::done(())) };
        let event = NewEvent::new(None, &user_id, user.next_version(), &UserErased { user_id });
        let changes = Changes::new().delete(&user).publish(event);
        Ok(Decision::commit(changes.and(certified().await?), ()))
    };
    table.decide(cause, end).await
}
