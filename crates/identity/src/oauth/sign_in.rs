use access::{Shown, Way};
use events::NewEvent;
use identity_core::{
    ConnectedAccounts, Device, EmailOwner, HalfSession, OAuthOwner, Session, User,
    events::{ConnectedAccountAdded, UserCreated},
    keys,
};
use primitives::{Email, UserId};
use table::{Attempt, Changes, Condition, Consistency, Decision, Item};

use super::{
    attempt::{OpenedOAuth, Purpose},
    stored::{External, OAuthAttempt, Outcome},
};
use crate::{
    Entrance, IdentityError, ShownBrowser, SignedIn,
    entry::{Comer, Opened, repeated},
    history::KnownNetwork,
    started::Earlier,
};

/// What came of the same attempt with the same code a moment ago, for an answer that was lost; nothing where
/// nobody came back with it yet. An attempt that was used otherwise signs nobody in.
///
/// It is asked before the provider is, who takes each code once.
pub async fn repeated_oauth(
    entrance: &Entrance<'_>,
    opened: &OpenedOAuth,
    code: &str,
    browser: Option<&ShownBrowser>,
) -> Result<Option<SignedIn>, IdentityError> {
    if !matches!(opened.purpose, Purpose::SignIn | Purpose::Sso(..)) {
        return Err(IdentityError::LoginFailed);
    }
    let table = entrance.table;
    let again = |before: Attempt| async move {
        let key = keys::OAuthAttempt::key(opened.login_id);
        let attempt: Option<OAuthAttempt> = table.get(&key, Consistency::Strong).await?;
        let Some(attempt) = attempt else { return Ok(Decision::done(None)) };
        if !attempt.is_repeated_by(code, table.clock().now()) {
            return Err(IdentityError::LoginFailed);
        }
        match attempt.outcome {
            Outcome::Session { user_id, session_id } => {
                let tokens = repeated(entrance, user_id, session_id).await?;
                Ok(Decision::done(Some(SignedIn::Session(tokens))))
            }
            Outcome::Half { user_id, half_id } => {
                let key = keys::HalfSession::key(user_id, half_id);
                let half: Option<HalfSession> = table.get(&key, Consistency::Strong).await?;
                let earlier = Earlier::read(table, user_id, &Device::of(entrance.cause)).await?;
                let stands = |half: &HalfSession| half.used.is_none() && earlier.user.admits(half);
                half.filter(stands).ok_or(IdentityError::LoginFailed)?;
                let keep = |outcome| Changes::new().replace(&attempt.again(outcome));
                let by = (opened.purpose, browser);
                let entered = known(entrance, (&earlier, by), false, keep, before.before()).await?;
                Ok(entered.map(Some))
            }
            Outcome::Linked { .. } => Err(IdentityError::LoginFailed),
        }
    };
    table.decide(entrance.cause, again).await
}

/// Lets somebody in whom a provider has named, once for each attempt: the person who has connected the
/// account. Of an account that is nobody's a person is made, if the provider knows the address and nobody has
/// it here. Whoever has it signs in in another way and connects the account: an address alone opens nothing.
pub async fn sign_in_with_oauth(
    entrance: &Entrance<'_>,
    opened: &OpenedOAuth,
    code: &str,
    external: &External,
    browser: Option<&ShownBrowser>,
) -> Result<SignedIn, IdentityError> {
    if opened.purpose != Purpose::SignIn {
        return Err(IdentityError::LoginFailed);
    }
    let table = entrance.table;
    let enter = |before: Attempt| async move {
        let now = table.clock().now();
        let attempt = keys::OAuthAttempt::key(opened.login_id);
        let keep = |outcome| Changes::new().create(&OAuthAttempt::used(opened, code, outcome, now));
        let found = Found::read(entrance, external).await?;
        let decision = match (&found.owner, &external.email) {
            (Some(owner), _) => {
                // whoever takes the account away at this moment has ended what it opens
                let keep =
                    |outcome| keep(outcome).require(owner.key(), Condition::VersionIs(owner.version()));
                let earlier = Earlier::read(table, owner.user_id, &Device::of(entrance.cause)).await?;
                let knows = found.knows_network && external.email.as_ref() == Some(&earlier.user.email);
                known(entrance, (&earlier, (opened.purpose, browser)), knows, keep, before.before()).await?
            }
            (None, Some(email)) if external.email_verified => {
                let holder = found.email_owner.as_ref();
                if holder.is_some_and(|holder| holder.holds(now)) {
                    return Err(IdentityError::AccountLinkRequired);
                }
                let user_id = table.ids().next();
                let entered = entrance.enter(&Comer::new(user_id, shown()), before.before()).await?;
                let Opened::Session(session) = &entered.opened else {
                    return Err(IdentityError::LoginFailed);
                };
                let outcome = Outcome::Session { user_id, session_id: session.session_id };
                let made = create(entrance, opened, external, (email, holder), session);
                let beside = made.and(keep(outcome)).and(entrance.seen_here(email, None));
                entered.with(user_id, beside)
            }
            (None, _) => return Err(IdentityError::AccountLinkRequired),
        };
        // somebody else has come back with it
        Ok(decision.unless(&attempt, Err(IdentityError::LoginFailed)))
    };
    table.decide(entrance.cause, enter).await
}

/// What a connected account shows.
fn shown() -> Shown {
    Shown::only(Way::ConnectedAccount)
}

/// What is there of an account and its address.
struct Found {
    owner: Option<OAuthOwner>,
    email_owner: Option<EmailOwner>,
    knows_network: bool,
}

impl Found {
    /// In one call.
    async fn read(entrance: &Entrance<'_>, external: &External) -> Result<Self, IdentityError> {
        let mut keys = vec![keys::OAuthOwner::key(external.hash())];
        if let Some(email) = &external.email {
            keys.push(keys::EmailOwner::key(email.clone()));
            keys.push(KnownNetwork::place(email, entrance.network));
        }
        let mut found = entrance.table.get_many(&keys, Consistency::Strong).await?;
        let now = entrance.table.clock().now();
        let mut this = Self { owner: found.take(&keys[0])?, email_owner: None, knows_network: false };
        if let [_, email, network] = keys.as_slice() {
            this.email_owner = found.take(email)?;
            let network: Option<KnownNetwork> = found.take(network)?;
            this.knows_network = network.is_some_and(|network| network.is_known_at(now));
        }
        Ok(this)
    }
}

/// Lets the person in who has connected the account, if they are still as they were read: whoever removes the
/// account changes them.
async fn known(
    entrance: &Entrance<'_>,
    (earlier, (purpose, browser)): (&Earlier, (Purpose, Option<&ShownBrowser>)),
    knows_network: bool,
    keep: impl FnOnce(Outcome) -> Changes,
    attempts: u32,
) -> Result<Decision<SignedIn, IdentityError>, IdentityError> {
    let (user, user_id) = (&earlier.user, earlier.user.user_id);
    let shown = if matches!(purpose, Purpose::Sso(..)) { Shown::only(Way::Sso) } else { shown() };
    let mut comer = Comer::known(user, earlier.device.as_ref(), shown).unless_changed().within(browser);
    if let Purpose::Sso(org_id, connection_id) = purpose {
        (comer.org_id, comer.sso) = (Some(org_id), Some(connection_id));
    }
    comer.knows_network = knows_network;
    let entered = entrance.enter(&comer, attempts).await?;
    let beside = match &entered.opened {
        Opened::Session(session) => {
            let outcome = Outcome::Session { user_id, session_id: session.session_id };
            keep(outcome).and(entrance.seen_here(&user.email, None))
        }
        Opened::Half(half_id) => keep(Outcome::Half { user_id, half_id: *half_id })
            .require(user.key(), Condition::VersionIs(user.version())),
    };
    Ok(entered.with(user_id, beside))
}

/// Somebody new, with the address that the provider knows to be theirs, and no password: one that somebody
/// typed for this address before is nobody's.
fn create(
    entrance: &Entrance<'_>,
    opened: &OpenedOAuth,
    external: &External,
    (email, before): (&Email, Option<&EmailOwner>),
    session: &Session,
) -> Changes {
    let now = session.created_at;
    let user = User::new(email.clone(), session).with_way(Way::ConnectedAccount, now);
    let user_id: UserId = user.user_id;
    let account = external.account(entrance.table.ids().next(), &opened.provider, now);
    let created = UserCreated { user_id, email: email.clone() };
    let created = NewEvent::new(None, &user_id, user.next_version(), &created);
    let mut accounts = ConnectedAccounts::none(user_id);
    accounts.accounts.push(account.clone());
    let added = ConnectedAccountAdded {
        user_id,
        account_id: account.account_id,
        provider: account.provider.clone(),
        connected: false,
    };
    let added = NewEvent::new(None, &account.account_id, accounts.next_version(), &added);
    Changes::new()
        .create(&user)
        .replace(&EmailOwner::new(email.clone(), user_id, before))
        .create(&accounts)
        .create(&OAuthOwner::of(&account, user_id))
        .publish(created)
        .publish(added)
}
