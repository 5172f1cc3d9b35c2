use access::{Principal, Way};
use events::NewEvent;
use identity_core::{
    ConnectedAccount, ConnectedAccounts, OAuthOwner, User,
    events::{ConnectedAccountAdded, ConnectedAccountRemoved},
    keys,
};
use primitives::{ConnectedAccountId, Timestamp, UserId};
use table::{Cause, Changes, Consistency, Decision, Item, StoreError, Table};

use super::{
    attempt::{OpenedOAuth, Purpose},
    stored::{External, OAuthAttempt, Outcome},
};
use crate::{
    IdentityError,
    sessions::{CREDENTIALS_CHANGED, all_ended, require_live},
};

/// The accounts at identity providers that the person signs in with: at most 10.
pub async fn connected_accounts(table: &Table, user_id: UserId) -> Result<Vec<ConnectedAccount>, StoreError> {
    let key = keys::ConnectedAccounts::key(user_id);
    let connected: Option<ConnectedAccounts> = table.get(&key, Consistency::Eventual).await?;
    Ok(connected.map(|connected| connected.accounts).unwrap_or_default())
}

/// Refuses an attempt that this session of this person's did not begin.
fn refuse_foreign(opened: &OpenedOAuth, principal: &Principal) -> Result<(), IdentityError> {
    let own = Purpose::Link(principal.user_id, principal.session_id);
    if opened.purpose == own { Ok(()) } else { Err(IdentityError::LoginFailed) }
}

/// What came of the same attempt with the same code a moment ago, for an answer that was lost; nothing where
/// nobody came back with it yet.
pub async fn linked_before(
    table: &Table,
    principal: &Principal,
    opened: &OpenedOAuth,
    code: &str,
) -> Result<Option<ConnectedAccount>, IdentityError> {
    refuse_foreign(opened, principal)?;
    let keys = [keys::OAuthAttempt::key(opened.login_id), keys::ConnectedAccounts::key(principal.user_id)];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let attempt: Option<OAuthAttempt> = found.take(&keys[0])?;
    let Some(attempt) = attempt else { return Ok(None) };
    let accounts: Option<ConnectedAccounts> = found.take(&keys[1])?;
    let Outcome::Linked { account_id, .. } = attempt.outcome else { return Err(IdentityError::LoginFailed) };
    let mut accounts = accounts.into_iter().flat_map(|accounts| accounts.accounts);
    let account = accounts.find(|account| account.account_id == account_id);
    let is_repeated = attempt.is_repeated_by(code, table.clock().now());
    account.filter(|_| is_repeated).map(Some).ok_or(IdentityError::LoginFailed)
}

/// Connects an account to the person's, who has shown a moment ago who they are. What address the provider
/// tells makes no difference: the person has shown both. One that is connected is connected.
pub async fn link_account(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    opened: &OpenedOAuth,
    code: &str,
    external: &External,
) -> Result<ConnectedAccount, IdentityError> {
    refuse_foreign(opened, principal)?;
    let user_id = principal.user_id;
    let link = |_| async move {
        let hash = external.hash();
        let keys = [
            keys::User::key(user_id),
            keys::ConnectedAccounts::key(user_id),
            keys::OAuthOwner::key(hash.clone()),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let user: User = found.take(&keys[0])?.ok_or(IdentityError::MissingUser)?;
        let connected = found.take(&keys[1])?.unwrap_or_else(|| ConnectedAccounts::none(user_id));
        let owner: Option<OAuthOwner> = found.take(&keys[2])?;
        let now = table.clock().now();
        require_live(&user, principal, now)?;
        let used = |account: &ConnectedAccount| {
            let outcome = Outcome::Linked { user_id, account_id: account.account_id };
            OAuthAttempt::used(opened, code, outcome, now)
        };
        if let Some(owner) = owner {
            let own = connected.accounts.iter().find(|account| account.hash == hash);
            let own = own.filter(|_| owner.user_id == user_id);
            let own = own.cloned().ok_or(IdentityError::AccountLinkedElsewhere)?;
            let attempt = used(&own);
            let decision = Decision::commit(Changes::new().create(&attempt), own);
            return Ok(decision.unless(&attempt.key(), Err(IdentityError::LoginFailed)));
        }
        let account = external.account(table.ids().next(), &opened.provider, now);
        let (account_id, provider) = (account.account_id, account.provider.clone());
        let event = ConnectedAccountAdded { user_id, account_id, provider, connected: true };
        let connected = connected.with(account.clone()).ok_or(IdentityError::TooManyConnectedAccounts)?;
        let event = NewEvent::new(None, &account_id, connected.next_version(), &event);
        let attempt = used(&account);
        let changes = Changes::new()
            .replace(&user.with_way(Way::ConnectedAccount, now))
            .replace(&connected)
            .create(&OAuthOwner::of(&account, user_id))
            .create(&attempt)
            .publish(event);
        Ok(Decision::commit(changes, account).unless(&attempt.key(), Err(IdentityError::LoginFailed)))
    };
    table.decide(cause, link).await
}

/// Takes an account away: nobody signs in with it any more, and all other sessions end. One that is gone is
/// gone. There is always another way in: mail.
pub async fn remove_connected_account(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    account_id: ConnectedAccountId,
) -> Result<(), IdentityError> {
    let user_id = principal.user_id;
    let remove = |_| async move {
        let keys = [keys::User::key(user_id), keys::ConnectedAccounts::key(user_id)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let user: User = found.take(&keys[0])?.ok_or(IdentityError::MissingUser)?;
        let connected: Option<ConnectedAccounts> = found.take(&keys[1])?;
        let now = table.clock().now();
        let Some((user, changes)) = connected.and_then(|all| without_account(user, all, account_id, now))
        else {
            return Ok(Decision::done(()));
        };
        let changes = all_ended(user, Some(principal.session_id), CREDENTIALS_CHANGED, now).and(changes);
        Ok(Decision::commit(changes, ()))
    };
    table.decide(cause, remove).await
}

/// The person without this account, and what else is stored; nothing where it is not theirs.
pub(crate) fn without_account(
    user: User,
    connected: ConnectedAccounts,
    account_id: ConnectedAccountId,
    now: Timestamp,
) -> Option<(User, Changes)> {
    let user_id = user.user_id;
    let (left, gone) = connected.without(account_id)?;
    let event = ConnectedAccountRemoved { user_id, account_id, provider: gone.provider };
    let event = NewEvent::new(None, &account_id, left.next_version(), &event);
    // also where others are left, it is a change of how the person signs in
    let user = user.without_way(Way::ConnectedAccount, now);
    let user = if left.accounts.is_empty() { user } else { user.with_way(Way::ConnectedAccount, now) };
    Some((user, Changes::new().replace(&left).remove(keys::OAuthOwner::key(gone.hash)).publish(event)))
}
