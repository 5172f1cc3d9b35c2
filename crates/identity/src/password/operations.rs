use access::{Principal, Shown, Way};
use events::NewEvent;
use identity_core::{
    Device, EmailOwner, KnownDevice, LinkKey, PasswordHash, PasswordReset, Policy, ShownBrowser, User,
    events::{PasswordChanged, PasswordRemoved, PasswordResetRequested},
    keys,
};
use primitives::{Email, Ids, PasswordResetId, SessionId, Timestamp, UserId};
use table::{Attempt, Cause, Changes, Consistency, Decision, Item, Key, StoreError, Table};

use super::{
    Password,
    hash::{hash, in_turn, is_outdated, verify},
};
use crate::{
    Entrance, IdentityError, LoginHistory, RequestedLogin, SignedIn,
    entry::{Comer, Home, Opened},
    history::KnownNetwork,
    login::begin_login,
    sessions::{CREDENTIALS_CHANGED, all_ended, require_live},
};

/// An address that somebody wants to sign in with, and what tells strangers from its owner.
#[derive(Debug)]
pub struct PasswordLogin {
    email: Email,
    owner: Option<UserId>,
    known: Option<KnownNetwork>,
}

/// What there is to judge a password by.
#[derive(Debug)]
pub struct PasswordAttempt {
    email: Email,
    user: Option<User>,
    hash: Option<PasswordHash>,
    device: Option<KnownDevice>,
    known: Option<KnownNetwork>,
}

impl PasswordLogin {
    /// Reads it: one call, whoever has this address, or nobody.
    pub async fn begin(table: &Table, email: Email, network: &str) -> Result<Self, StoreError> {
        let keys = [keys::EmailOwner::key(email.clone()), KnownNetwork::place(&email, network)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let owner: Option<EmailOwner> = found.take(&keys[0])?;
        let known: Option<KnownNetwork> = found.take(&keys[1])?;
        let now = table.clock().now();
        let owner = owner.filter(EmailOwner::is_current).map(|owner| owner.user_id);
        Ok(Self { email, owner, known: known.filter(|known| known.is_known_at(now)) })
    }

    /// Whether the address's owner signed in from this network lately.
    pub fn knows_network(&self) -> bool {
        self.known.is_some()
    }

    /// Reads what there is to judge a password by: one call.
    pub async fn attempt(self, table: &Table, cause: &Cause) -> Result<PasswordAttempt, StoreError> {
        let Self { email, owner, known } = self;
        // nobody's keys are asked for where nobody has the address, so that it takes as long
        let user_id = owner.unwrap_or_else(Ids::unguessable);
        let of_device = KnownDevice::key_of(user_id, &Device::of(cause));
        let keys: Vec<_> = of_person(user_id).into_iter().chain([of_device]).collect();
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let (user, hash, device) = (found.take(&keys[0])?, found.take(&keys[1])?, found.take(&keys[2])?);
        Ok(PasswordAttempt { email, user, hash, device, known })
    }
}

impl PasswordAttempt {
    /// Whether this is the password. It takes as long where there is none.
    pub async fn is_right(&self, password: &Password) -> Result<bool, IdentityError> {
        verify(password, self.hash.as_ref().map(|hash| hash.phc.clone())).await
    }

    /// Where the person would be, whose password it is. It takes as long where there is nobody.
    pub async fn home(&self, table: &Table) -> Result<Home, IdentityError> {
        let home = match &self.user {
            Some(user) => Home::of(table, user, None).await,
            None => Home::of_nobody(table).await,
        };
        Ok(home?)
    }
}

fn of_person(user_id: UserId) -> [Key; 2] {
    [keys::User::key(user_id), keys::Password::key(user_id)]
}

async fn person(table: &Table, user_id: UserId) -> Result<(Option<User>, Option<PasswordHash>), StoreError> {
    let keys = of_person(user_id);
    let mut found = table.get_many(&keys, Consistency::Strong).await?;
    Ok((found.take(&keys[0])?, found.take(&keys[1])?))
}

/// Lets somebody in whose password is right, at home where that was read for this attempt. A password that
/// changes meanwhile lets nobody in any more.
pub async fn sign_in_with_password(
    entrance: &Entrance<'_>,
    (attempt, home): (&PasswordAttempt, &Home),
    password: &Password,
    browser: Option<&ShownBrowser>,
) -> Result<SignedIn, IdentityError> {
    let (Some(user), Some(judged)) = (&attempt.user, &attempt.hash) else {
        return Err(IdentityError::LoginFailed);
    };
    let stronger = if is_outdated(&judged.phc) { Some(hash(password).await?) } else { None };
    let stronger = stronger.as_ref();
    let enter = |before: Attempt| async move {
        let changed = match before.before() {
            0 => None,
            // the person has changed meanwhile, and perhaps the password
            _ => Some(person(entrance.table, user.user_id).await?),
        };
        let (user, hash) = match &changed {
            None => (user, judged),
            Some((Some(user), Some(hash))) if hash.set_at == judged.set_at && user.email == attempt.email => {
                (user, hash)
            }
            Some(_) => return Err(IdentityError::LoginFailed),
        };
        let shown = Shown::only(Way::Password);
        let mut comer = Comer::known(user, attempt.device.as_ref(), shown).unless_changed().within(browser);
        comer.knows_network = attempt.known.is_some();
        comer.home = changed.is_none().then_some(home);
        let entered = entrance.enter(&comer, before.before()).await?;
        let mut beside = match entered.opened {
            Opened::Session(_) => entrance.seen_here(&attempt.email, attempt.known.as_ref()),
            Opened::Half(_) => Changes::new(),
        };
        if let Some(phc) = stronger {
            beside = beside.replace(&hash.clone().rehashed(phc.clone()));
        }
        Ok(entered.with(user.user_id, beside))
    };
    entrance.table.decide(entrance.cause, enter).await
}

/// Begins the first login of somebody who wants to have a password: with the link in the mail, opened in the
/// browser that asked, the person is there and has it. Opened elsewhere, or by somebody who is there already,
/// it is a sign-in, and the password is forgotten: whoever typed it may not be who reads the mail.
pub async fn register(
    table: &Table,
    key: &LinkKey,
    policy: &Policy,
    cause: &Cause,
    history: LoginHistory,
    password: &Password,
) -> Result<RequestedLogin, IdentityError> {
    refuse_weak(password, &history.email).await?;
    let phc = hash(password).await?;
    begin_login(table, key, policy, cause, history, Some(phc)).await
}

async fn refuse_weak(password: &Password, email: &Email) -> Result<(), IdentityError> {
    judge(password, vec![email.to_string()]).await
}

/// The same, once it is known whose it is to be.
async fn refuse_own_name(password: &Password, user: &User) -> Result<(), IdentityError> {
    match &user.profile.name {
        Some(name) => judge(password, vec![user.email.to_string(), name.clone()]).await,
        None => Ok(()),
    }
}

/// Judging is work like hashing: in turns, and not where others wait.
async fn judge(password: &Password, about: Vec<String>) -> Result<(), IdentityError> {
    let password = password.clone();
    let judge = move || {
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        Ok(password.withstands(&about)?)
    };
    in_turn(judge).await
}

/// What is said to whoever asks for a new password.
#[derive(Clone, Copy, Debug)]
pub struct RequestedReset {
    /// How long the link works, seconds.
    pub expires_in: i64,
}

/// Has a mail sent by which a new password can be set. The same work and the same answer whether or not
/// somebody has this address; the mail is sent only where somebody has.
pub async fn request_reset(
    table: &Table,
    policy: &Policy,
    cause: &Cause,
    email: Email,
) -> Result<RequestedReset, IdentityError> {
    let reset_id: PasswordResetId = Ids::unguessable();
    let now = table.clock().now();
    let reset = PasswordReset::new(reset_id, email.clone(), policy, now);
    let event = PasswordResetRequested { reset_id, email, expires_at: reset.valid_until };
    let event = NewEvent::new(None, &reset_id, reset.next_version(), &event);
    let (reset, event) = (&reset, &event);
    let asked = RequestedReset { expires_in: policy.password_reset_seconds };
    let ask =
        |_| async move { Ok(Decision::commit(Changes::new().create(reset).publish(event.clone()), asked)) };
    table.decide(cause, ask).await
}

/// Sets a new password by the link of a mail, once: every session ends, and so do logins that lack something
/// and older links. Nobody is signed in by it. The same once more within some seconds has done the same: the
/// answer was lost.
pub async fn reset_password(
    table: &Table,
    cause: &Cause,
    reset_id: PasswordResetId,
    password: &Password,
) -> Result<(), IdentityError> {
    let first = &valid_reset(table, reset_id).await?;
    if first.is_used() && !first.may_be_repeated(table.clock().now()) {
        return Err(IdentityError::ResetFailed);
    }
    refuse_weak(password, &first.email).await?;
    let phc = &hash(password).await?;
    let decide = |attempt: Attempt| async move {
        let reset = match attempt.before() {
            0 => first.clone(),
            _ => valid_reset(table, reset_id).await?,
        };
        let now = table.clock().now();
        let owner = keys::EmailOwner::key(reset.email.clone());
        let owner: Option<EmailOwner> = table.get(&owner, Consistency::Strong).await?;
        let owner = owner.filter(EmailOwner::is_current).ok_or(IdentityError::ResetFailed)?;
        let (user, hash) = person(table, owner.user_id).await?;
        let user = user.ok_or(IdentityError::MissingUser)?;
        // what was set since is not undone by an older link, and what was taken away does not come back by it
        let is_late = user.ways().get(&Way::Password).is_some_and(|set_at| reset.created_at <= *set_at)
            || user.person().credentials_changed_at.is_some_and(|changed| reset.created_at < changed);
        if reset.is_used() || is_late {
            // perhaps by the same request, a moment ago: the person was read later than the link
            let is_same = is_repeated(table, reset_id, user.user_id, password).await?;
            return if is_same { Ok(Decision::done(())) } else { Err(IdentityError::ResetFailed) };
        }
        if user.email != reset.email {
            return Err(IdentityError::ResetFailed);
        }
        refuse_own_name(password, &user).await?;
        let changes = change(user, hash, phc.clone(), None, now).replace(&reset.used(now));
        Ok(Decision::commit(changes, ()))
    };
    table.decide(cause, decide).await
}

/// Whether this password was set by this link within some seconds.
async fn is_repeated(
    table: &Table,
    reset_id: PasswordResetId,
    user_id: UserId,
    password: &Password,
) -> Result<bool, IdentityError> {
    let reset = valid_reset(table, reset_id).await?;
    if !reset.may_be_repeated(table.clock().now()) {
        return Ok(false);
    }
    let (_, hash) = person(table, user_id).await?;
    verify(password, hash.map(|hash| hash.phc)).await
}

async fn valid_reset(table: &Table, reset_id: PasswordResetId) -> Result<PasswordReset, IdentityError> {
    let reset: Option<PasswordReset> =
        table.get(&keys::PasswordReset::key(reset_id), Consistency::Strong).await?;
    reset.filter(|reset| table.clock().now() < reset.valid_until).ok_or(IdentityError::ResetFailed)
}

/// Sets the password of a signed-in person. All other sessions end.
pub async fn set_password(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
    password: &Password,
) -> Result<(), IdentityError> {
    refuse_weak(password, &principal.email).await?;
    let phc = &hash(password).await?;
    let decide = |_| async move {
        let (user, hash) = person(table, principal.user_id).await?;
        let user = user.ok_or(IdentityError::MissingUser)?;
        let now = table.clock().now();
        require_live(&user, principal, now)?;
        refuse_own_name(password, &user).await?;
        Ok(Decision::commit(change(user, hash, phc.clone(), Some(principal.session_id), now), ()))
    };
    table.decide(cause, decide).await
}

/// Takes a person's password away. One that is gone is gone.
pub async fn remove_password(
    table: &Table,
    cause: &Cause,
    principal: &Principal,
) -> Result<(), IdentityError> {
    let decide = |_| async move {
        let (user, hash) = person(table, principal.user_id).await?;
        let user = user.ok_or(IdentityError::MissingUser)?;
        let Some(hash) = hash else { return Ok(Decision::done(())) };
        let now = table.clock().now();
        let event = PasswordRemoved { user_id: user.user_id };
        let event = NewEvent::new(None, &user.user_id, user.next_version(), &event);
        let user = user.without_way(Way::Password, now);
        let ended = all_ended(user, Some(principal.session_id), CREDENTIALS_CHANGED, now);
        Ok(Decision::commit(ended.delete(&hash).publish(event), ()))
    };
    table.decide(cause, decide).await
}

/// All that a new password means.
fn change(
    user: User,
    former: Option<PasswordHash>,
    phc: String,
    kept: Option<SessionId>,
    now: Timestamp,
) -> Changes {
    let user_id = user.user_id;
    let hash = match former {
        Some(former) => former.replaced(phc, now),
        None => PasswordHash::new(user_id, phc, now),
    };
    let event = PasswordChanged { user_id };
    let event = NewEvent::new(None, &user_id, user.next_version(), &event);
    let user = user.with_way(Way::Password, now);
    all_ended(user, kept, CREDENTIALS_CHANGED, now).replace(&hash).publish(event)
}
