use std::collections::BTreeSet;

use access::Way;
use events::NewEvent;
use primitives::{PasskeyId, UserId};
use serde::Deserialize;
use table::{Cause, Changes, CommitError, Consistency, Decision, Item, Query, Table};

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
        let change: Option<EmailChange> =
            table.get(&keys::EmailChange::key(user_id), Consistency::Strong).await?;
        let mut changes = Changes::new();
        let of_change = change.into_iter().flat_map(|change| [change.old_email, change.new_email]);
        let addresses: BTreeSet<_> = of_change.chain([user.email.clone()]).collect();
        for email in addresses {
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
/// part. The person's own item goes last, so that whatever stops on the way is begun again.
pub async fn end_erasure(table: &Table, cause: &Cause, user_id: UserId) -> Result<(), CommitError> {
    let Some(person) = user(table, user_id).await? else { return Ok(()) };
    if person.ways().contains_key(&Way::Passkey) {
        let passkeys: Vec<Named> = table.first(&keys::Passkey::all(user_id).strong(), MOST_PASSKEYS).await?;
        for passkey in passkeys {
            let owner = keys::PasskeyOwner::key(passkey.passkey_id);
            table.erase(Query::partition_of(&owner), None).await?;
        }
    }
    // where there are more than one transaction had room for
    let links: Vec<SsoLink> = table.first(&keys::SsoLink::all(user_id).strong(), 10 * MOST_LINKS).await?;
    for link in links {
        table.erase(Query::partition_of(&keys::SsoSubject::key(link.hash)), None).await?;
    }
    table.erase(keys::KnownNetwork::all(person.email), None).await?;
    let item = keys::User::key(user_id);
    table.erase(Query::partition_of(&item), Some(&item)).await?;
    let end = |_| async move {
        let Some(user) = user(table, user_id).await? else { return Ok(Decision::done(())) };
        let event = NewEvent::new(None, &user_id, user.next_version(), &UserErased { user_id });
        Ok(Decision::commit(Changes::new().delete(&user).publish(event), ()))
    };
    table.decide(cause, end).await
}
