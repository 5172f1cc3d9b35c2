use access::{Shown, Way};
use events::NewEvent;
use identity_core::{
    Device, EmailOwner, HalfSession, LinkKey, PasswordHash, Policy, Session, ShownBrowser, User,
    events::{MagicLinkRequested, UserCreated},
    keys,
};
use primitives::{Ids, LoginId, Secret};
use table::{Attempt, Cause, Changes, Consistency, Decision, Item, Table};

use crate::{
    Entrance, IdentityError, LoginHistory, OpenedProof, SignedIn,
    attempt::{Login, Used},
    entry::{Comer, Opened, repeated},
    history::RecentLogins,
    started::Earlier,
};

/// What the browser that asked for a magic link gets to know.
#[derive(Clone, Debug)]
pub struct RequestedLogin {
    /// Shows later that it is the same browser.
    pub browser_token: Secret<String>,
    /// How long link and code work, seconds.
    pub expires_in: i64,
}

/// Begins a login and has the mail sent. The same work and the same answer whether or not somebody has this
/// address.
pub async fn request_login(
    table: &Table,
    key: &LinkKey,
    policy: &Policy,
    cause: &Cause,
    history: LoginHistory,
) -> Result<RequestedLogin, IdentityError> {
    begin_login(table, key, policy, cause, history, None).await
}

/// The same for somebody who wants to have a password, of which this is the hash.
pub(crate) async fn begin_login(
    table: &Table,
    key: &LinkKey,
    policy: &Policy,
    cause: &Cause,
    history: LoginHistory,
    password: Option<String>,
) -> Result<RequestedLogin, IdentityError> {
    let password = &password;
    let LoginHistory { email, recent, .. } = history;
    let login_id: LoginId = Ids::unguessable();
    let (email, recent) = (&email, &recent);
    let request = |attempt: Attempt| async move {
        let changed = match attempt.before() {
            0 => None,
            // somebody else asked for the same address
            _ => Some(RecentLogins::read(table, email).await?),
        };
        let recent = changed.as_ref().unwrap_or(recent);
        let valid_until = table.clock().now() + policy.login_lifetime();
        let login = Login {
            login_id,
            email: email.clone(),
            valid_until,
            used: None,
            password: password.clone(),
            version: 0,
        };
        let event = MagicLinkRequested { login_id, email: email.clone(), expires_at: valid_until };
        let event = NewEvent::new(None, &login_id, login.next_version(), &event);
        let changes = Changes::new().create(&login).replace(&recent.with(login_id, valid_until));
        let browser_token = Secret::new(key.browser_token(login_id));
        let requested = RequestedLogin { browser_token, expires_in: policy.login_lifetime_seconds };
        Ok(Decision::commit(changes.publish(event), requested))
    };
    table.decide(cause, request).await
}

/// Checks what was proved and lets the person in, once for each login. The network that the request comes
/// from is known to be the person's from then on.
///
/// The browser that asked for the login may ask again as long as nothing has become of it, for an answer that
/// got lost, and gets the same tokens. A wrong code ends here, without a look at any login: so it takes as
/// long for an address that somebody waits for a code at as for any other.
pub async fn verify_login(
    entrance: &Entrance<'_>,
    proof: &OpenedProof,
    browser: Option<&ShownBrowser>,
) -> Result<SignedIn, IdentityError> {
    let login_id = proof.login_id.ok_or(IdentityError::LoginFailed)?;
    let verify = |attempt: Attempt| async move {
        let (login, owner) = load(entrance.table, login_id, proof).await?;
        let now = entrance.table.clock().now();
        if now >= login.valid_until || proof.email.as_ref().is_some_and(|email| *email != login.email) {
            return Err(IdentityError::LoginFailed);
        }
        match &login.used {
            Some(Used::Session { user_id, session_id }) if proof.same_browser => {
                let tokens = repeated(entrance, *user_id, *session_id).await?;
                return Ok(Decision::done(SignedIn::Session(tokens)));
            }
            Some(Used::Half { user_id, half_id }) if proof.same_browser => {
                let keys = [keys::HalfSession::key(*user_id, *half_id), keys::User::key(*user_id)];
                let mut found = entrance.table.get_many(&keys, Consistency::Strong).await?;
                let user: User = found.take(&keys[1])?.ok_or(IdentityError::LoginFailed)?;
                let half: Option<HalfSession> = found.take(&keys[0])?;
                let stands = |half: &HalfSession| half.used.is_none() && user.admits(half);
                half.filter(stands).ok_or(IdentityError::LoginFailed)?;
            }
            Some(_) => return Err(IdentityError::LoginFailed),
            None if proof.needs_confirmation => return Err(IdentityError::ConfirmationRequired),
            None => {}
        }
        start(entrance, login, owner, (proof.same_browser, browser), attempt.before()).await
    };
    entrance.table.decide(entrance.cause, verify).await
}

/// The login, and whose its address is: together where the address is known before.
async fn load(
    table: &Table,
    login_id: LoginId,
    proof: &OpenedProof,
) -> Result<(Login, Option<EmailOwner>), IdentityError> {
    let key = keys::Login::key(login_id);
    if let Some(email) = &proof.email {
        let keys = [key, keys::EmailOwner::key(email.clone())];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let login = found.take(&keys[0])?.ok_or(IdentityError::LoginFailed)?;
        return Ok((login, found.take(&keys[1])?));
    }
    let login: Login = table.get(&key, Consistency::Strong).await?.ok_or(IdentityError::LoginFailed)?;
    let owner = table.get(&keys::EmailOwner::key(login.email.clone()), Consistency::Strong).await?;
    Ok((login, owner))
}

async fn start(
    entrance: &Entrance<'_>,
    mut login: Login,
    owner: Option<EmailOwner>,
    (same_browser, browser): (bool, Option<&ShownBrowser>),
    attempts: u32,
) -> Result<Decision<SignedIn, IdentityError>, IdentityError> {
    let table = entrance.table;
    let device = Device::of(entrance.cause);
    let earlier = match owner.as_ref().filter(|owner| owner.holds(table.clock().now())) {
        // it is kept for somebody who has another address now, and may want it back
        Some(owner) if owner.reserved_until.is_some() => return Err(IdentityError::LoginFailed),
        Some(owner) => Some(Earlier::read(table, owner.user_id, &device).await?),
        None => None,
    };
    let user_id = earlier.as_ref().map_or_else(|| table.ids().next(), |earlier| earlier.user.user_id);
    let shown = Shown::only(Way::Mail);
    let comer = match &earlier {
        Some(earlier) => {
            Comer::known(&earlier.user, earlier.device.as_ref(), shown).proved(&login.email).within(browser)
        }
        None => Comer::new(user_id, shown),
    };
    let entered = entrance.enter(&comer, attempts).await?;
    let (used, beside) = match &entered.opened {
        Opened::Half(half_id) => (Used::Half { user_id, half_id: *half_id }, Changes::new()),
        Opened::Session(session) => {
            let created = match earlier {
                Some(_) => Changes::new(),
                None => create_user(&login, owner.as_ref(), session, same_browser),
            };
            let used = Used::Session { user_id, session_id: session.session_id };
            (used, created.and(entrance.seen_here(&login.email, None)))
        }
    };
    login.used = Some(used);
    Ok(entered.with(user_id, Changes::new().replace(&login).and(beside)))
}

/// Somebody new, with the password that was typed in the same browser. One that was typed elsewhere may be a
/// stranger's, who waits for the owner of the address to confirm it. `before` is what was stored of the
/// address, which is nobody's.
fn create_user(login: &Login, before: Option<&EmailOwner>, session: &Session, same_browser: bool) -> Changes {
    let (email, now) = (&login.email, session.created_at);
    let mut user = User::new(email.clone(), session);
    let password = login.password.as_ref().filter(|_| same_browser);
    let password = password.map(|phc| PasswordHash::new(user.user_id, phc.clone(), now));
    if password.is_some() {
        user = user.with_way(Way::Password, now);
    }
    let owner = EmailOwner::new(email.clone(), user.user_id, before);
    let event = UserCreated { user_id: user.user_id, email: user.email.clone() };
    let event = NewEvent::new(None, &user.user_id, user.next_version(), &event);
    let changes = Changes::new().create(&user).replace(&owner).publish(event);
    password.iter().fold(changes, Changes::create)
}
