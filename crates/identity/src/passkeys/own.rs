//! A person's passkeys, as the person adds, names and removes them.

use access::{Principal, Way};
use events::NewEvent;
use identity_core::{
    MOST_PASSKEYS, User,
    events::{PasskeyAdded, PasskeyRemoved, PasskeyUpdated},
    keys,
};
use primitives::{Email, Keys, Limit, Name, Page, PasskeyId, Timestamp, UserId};
use table::{Cause, Changes, Consistency, CursorKeys, Decision, Item, Table};

use super::{
    ceremony::{OpenedCeremony, Purpose},
    credential::{Attestation, InvalidCredential},
    relying_party::{PasskeyOptions, RelyingParty},
    second::half,
    sign_in::of_person,
    stored::{Passkey, PasskeyOwner, SpentChallenge, passkey_of},
};
use crate::{
    Enroller, IdentityError, SealKey, factor_required_by,
    mfa::{SecondFactors, With, require_factor, unless_staff_has_none},
    sessions::{CREDENTIALS_CHANGED, all_ended},
};

/// A passkey, as its person sees it.
#[derive(Clone, Debug)]
pub struct ShownPasskey {
    /// The passkey.
    pub passkey_id: PasskeyId,
    /// What the person calls it.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
    /// Whether copies of it may be kept elsewhere.
    pub may_be_backed_up: bool,
    /// Whether there were some when it was used last.
    pub is_backed_up: bool,
}

impl From<Passkey> for ShownPasskey {
    fn from(passkey: Passkey) -> Self {
        let Passkey { passkey_id, name, created_at, last_used_at, may_be_backed_up, is_backed_up, .. } =
            passkey;
        Self { passkey_id, name, created_at, last_used_at, may_be_backed_up, is_backed_up }
    }
}

/// Who adds a passkey: somebody with a session, or with a login that lacks a second factor and a person who
/// has none.
fn purpose(who: &Enroller) -> Purpose {
    match who {
        Enroller::Session(user_id, session_id) => Purpose::Add(*user_id, *session_id),
        Enroller::Half(shown) => Purpose::AddInHalf(shown.user_id, shown.id),
    }
}

/// Begins to add a passkey. `named` is the person of a session, where there is one.
pub async fn start_passkey_registration(
    table: &Table,
    relying_party: &RelyingParty,
    seals: &Keys<SealKey>,
    who: &Enroller,
    named: Option<&Principal>,
) -> Result<PasskeyOptions, IdentityError> {
    let user_id = who.user_id();
    let (email, name): (Email, Option<String>) = match (who, named) {
        (Enroller::Session(..), Some(principal)) => {
            (principal.email.clone(), principal.person.profile.name.clone())
        }
        (Enroller::Session(..), None) => return Err(IdentityError::MissingUser),
        (Enroller::Half(shown), _) => {
            let user = half(table, shown).await?;
            if user.has_factor() {
                return Err(IdentityError::MfaFailed);
            }
            (user.email, user.profile.name)
        }
    };
    let existing = of_person(table, user_id, Consistency::Strong).await?;
    if existing.len() >= MOST_PASSKEYS {
        return Err(IdentityError::TooManyPasskeys);
    }
    let (called, now) = ((&email, name.as_deref()), table.clock().now());
    relying_party.ask_for_new(&seals.current, (purpose(who), user_id), called, &existing, now)
}

/// Adds a passkey that a browser has made. The session, or the login, has shown it from now on. The same once
/// more within some seconds adds nothing: the answer was lost.
pub async fn add_passkey(
    table: &Table,
    relying_party: &RelyingParty,
    cause: &Cause,
    who: &Enroller,
    ceremony: &OpenedCeremony,
    (made, name): (&Attestation, &Name),
) -> Result<ShownPasskey, IdentityError> {
    let add = |_| async move {
        let now = table.clock().now();
        if ceremony.purpose(now) != Some(purpose(who)) {
            return Err(InvalidCredential.into());
        }
        let Loaded { user, with, spent, passkey, is_owned } = load(table, who, ceremony, made).await?;
        if let Some(spent) = spent {
            let is_repeated = spent.is_repeated_by(user.user_id, &made.client_data, now);
            let passkey = passkey.filter(|_| is_repeated).ok_or(InvalidCredential)?;
            return Ok(Decision::done(passkey.into()));
        }
        with.require_factor(table, &user).await?;
        let credential = relying_party.made(ceremony.state(), made).filter(|_| !is_owned);
        let credential = credential.ok_or(InvalidCredential)?;
        let passkey = Passkey::new(user.user_id, name.to_string(), credential, now);
        let passkey = passkey.ok_or(InvalidCredential)?;
        // whoever adds or removes one changes the person, as this does: the number stands until then
        if of_person(table, user.user_id, Consistency::Strong).await?.len() >= MOST_PASSKEYS {
            return Err(IdentityError::TooManyPasskeys);
        }
        let event = PasskeyAdded {
            user_id: user.user_id,
            passkey_id: passkey.passkey_id,
            name: passkey.name.clone(),
        };
        let event = NewEvent::new(None, &passkey.passkey_id, passkey.next_version(), &event);
        let spent = SpentChallenge::new(&ceremony.hash, user.user_id, None, &made.client_data, now);
        let since = user.ways().get(&Way::Passkey).copied().unwrap_or(now);
        let changes = Changes::new()
            .replace(&user.with_way(Way::Passkey, since).with_changed_credentials(now))
            .create(&passkey)
            .create(&PasskeyOwner::of(&passkey))
            .create(&spent)
            .and(with.stepped_up(Way::Passkey, now))
            .publish(event);
        Ok(Decision::commit(changes, passkey.into()))
    };
    table.decide(cause, add).await
}

struct Loaded {
    user: User,
    with: With,
    spent: Option<SpentChallenge>,
    passkey: Option<Passkey>,
    /// Whether somebody has this credential.
    is_owned: bool,
}

async fn load(
    table: &Table,
    who: &Enroller,
    ceremony: &OpenedCeremony,
    made: &Attestation,
) -> Result<Loaded, IdentityError> {
    let (user_id, passkey_id) = (who.user_id(), passkey_of(&made.id));
    let keys = [
        keys::User::key(user_id),
        who.key(),
        keys::SpentChallenge::key(ceremony.hash.clone()),
        keys::Passkey::key(user_id, passkey_id),
        keys::PasskeyOwner::key(passkey_id),
    ];
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    let user: User = found.take(&keys[0])?.ok_or(IdentityError::HalfSessionEnded)?;
    let with = who.take(&mut found, &user, table.clock().now())?;
    let owner: Option<PasskeyOwner> = found.take(&keys[4])?;
    Ok(Loaded {
        user,
        with,
        spent: found.take(&keys[2])?,
        passkey: found.take(&keys[3])?,
        is_owned: owner.is_some(),
    })
}

/// A page of the person's passkeys.
pub async fn passkeys(
    table: &Table,
    cursors: &dyn CursorKeys,
    user_id: UserId,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<Page<ShownPasskey>, IdentityError> {
    let page: Page<Passkey> = table.page(&keys::Passkey::all(user_id), limit, cursor, cursors).await?;
    Ok(page.map(ShownPasskey::from))
}

/// Calls a passkey something else.
pub async fn rename_passkey(
    table: &Table,
    cause: &Cause,
    user_id: UserId,
    passkey_id: PasskeyId,
    name: &Name,
) -> Result<ShownPasskey, IdentityError> {
    let rename = |_| async move {
        let key = keys::Passkey::key(user_id, passkey_id);
        let passkey: Option<Passkey> = table.get(&key, Consistency::Strong).await?;
        let mut passkey = passkey.ok_or(IdentityError::NoSuchPasskey)?;
        if passkey.name == name.as_str() {
            return Ok(Decision::done(passkey.into()));
        }
        passkey.name = name.to_string();
        let event = PasskeyUpdated { user_id, passkey_id, name: passkey.name.clone() };
        let event = NewEvent::new(None, &passkey_id, passkey.next_version(), &event);
        Ok(Decision::commit(Changes::new().replace(&passkey).publish(event), passkey.into()))
    };
    table.decide(cause, rename).await
}

/// Takes a passkey away, and ends all other sessions. One that is gone is gone. The last factor of a person
/// stays as long as an organization of theirs asks for one; with it go the recovery codes.
pub async fn remove_passkey(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    passkey_id: PasskeyId,
) -> Result<(), IdentityError> {
    let user_id = principal.user_id;
    let remove = |_| async move {
        let keys = [
            keys::User::key(user_id),
            keys::Passkey::key(user_id, passkey_id),
            keys::SecondFactors::key(user_id),
        ];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let user: User = found.take(&keys[0])?.ok_or(IdentityError::MissingUser)?;
        if found.take::<Passkey>(&keys[1])?.is_none() {
            return Ok(Decision::done(()));
        }
        require_factor(table, &principal.shown, &user).await?;
        let factors: Option<SecondFactors> = found.take(&keys[2])?;
        let passkeys = of_person(table, user_id, Consistency::Strong).await?;
        let now = table.clock().now();
        let removed = without_passkey(user, &passkeys, factors.as_ref(), passkey_id, now);
        let Some((user, changes)) = removed else { return Ok(Decision::done(())) };
        let has_factor = user.has_factor();
        if !has_factor && !factor_required_by(table, user_id).await?.is_empty() {
            return Err(IdentityError::LastFactor);
        }
        let ended = all_ended(user, Some(principal.session_id), CREDENTIALS_CHANGED, now);
        Ok(unless_staff_has_none(user_id, has_factor, ended.and(changes)))
    };
    table.decide(cause, remove).await
}

/// The person without one of these passkeys, and what goes with it: with the last second factor the recovery
/// codes. Nothing where it is gone already.
pub(crate) fn without_passkey(
    user: User,
    passkeys: &[Passkey],
    factors: Option<&SecondFactors>,
    passkey_id: PasskeyId,
    now: Timestamp,
) -> Option<(User, Changes)> {
    let passkey = passkeys.iter().find(|passkey| passkey.passkey_id == passkey_id)?;
    let event = PasskeyRemoved { user_id: user.user_id, passkey_id, name: passkey.name.clone() };
    let event = NewEvent::new(None, &passkey_id, passkey.next_version(), &event);
    let user = match passkeys {
        [_] => user.without_way(Way::Passkey, now),
        _ => user.with_changed_credentials(now),
    };
    let changes = Changes::new().delete(passkey).remove(keys::PasskeyOwner::key(passkey_id)).publish(event);
    let without_factor = factors.filter(|_| !user.has_factor());
    let changes = without_factor.into_iter().fold(changes, Changes::delete);
    Some((user, changes))
}
