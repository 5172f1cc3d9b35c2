use std::time::Duration;

use events::NewEvent;
use identity_core::{
    Device, EmailOwner, Life, LinkKey, Membership, Method, Policy, Session, User,
    events::{MagicLinkRequested, UserCreated},
    keys, sessions_of,
};
use primitives::{Email, Ids, LoginId, OrgId, Secret, Timestamp};
use table::{Attempt, Cause, Changes, Consistency, Decision, Item, Table};

use crate::{
    IdentityError, Issuer, LoginHistory, OpenedProof, SessionTokens,
    attempt::{Login, Used},
    history::{KnownNetwork, RecentLogins},
    session::ended,
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
        let login = Login { login_id, email: email.clone(), valid_until, used: None, version: 0 };
        let event = MagicLinkRequested { login_id, email: email.clone(), expires_at: valid_until };
        let event = NewEvent::new(None, &login_id, login.next_version(), &event);
        let changes = Changes::new().create(&login).replace(&recent.with(login_id, valid_until));
        let browser_token = Secret::new(key.browser_token(login_id));
        let requested = RequestedLogin { browser_token, expires_in: policy.login_lifetime_seconds };
        Ok(Decision::commit(changes.publish(event), requested))
    };
    table.decide(cause, request).await
}

/// Checks what was proved and begins a session, once for each login. `network` is where the request comes
/// from: it is known to be the person's from then on.
///
/// The browser that asked for the login may ask again as long as nothing has become of the session, for an
/// answer that got lost, and gets the same tokens. A wrong code ends here, without a look at any login: so it
/// takes as long for an address that somebody waits for a code at as for any other.
pub async fn verify_login(
    table: &Table,
    issuer: &Issuer,
    policy: &Policy,
    cause: &Cause,
    network: &str,
    proof: &OpenedProof,
) -> Result<SessionTokens, IdentityError> {
    let login_id = proof.login_id.ok_or(IdentityError::LoginFailed)?;
    let verify = |attempt: Attempt| async move {
        let now = table.clock().now();
        let login: Option<Login> = table.get(&keys::Login::key(login_id), Consistency::Strong).await?;
        let login = login.ok_or(IdentityError::LoginFailed)?;
        if now >= login.valid_until || proof.email.as_ref().is_some_and(|email| *email != login.email) {
            return Err(IdentityError::LoginFailed);
        }
        match &login.used {
            Some(used) if proof.same_browser => {
                return Ok(Decision::done(repeat(table, issuer, policy, used, now).await?));
            }
            Some(_) => return Err(IdentityError::LoginFailed),
            None if proof.needs_confirmation => return Err(IdentityError::ConfirmationRequired),
            None => {}
        }
        let network = KnownNetwork::of(&login.email, network, policy, now);
        let device = Device::of(cause);
        start(table, issuer, policy, login, &network, device, attempt.before()).await
    };
    table.decide(cause, verify).await
}

async fn start(
    table: &Table,
    issuer: &Issuer,
    policy: &Policy,
    mut login: Login,
    network: &KnownNetwork,
    device: Device,
    attempts: u32,
) -> Result<Decision<SessionTokens, IdentityError>, IdentityError> {
    let now = table.clock().now();
    let owner: Option<EmailOwner> =
        table.get(&keys::EmailOwner::key(login.email.clone()), Consistency::Strong).await?;
    let earlier = match owner.as_ref().filter(|owner| owner.holds(now)) {
        // it is kept for somebody who has another address now, and may want it back
        Some(owner) if owner.reserved_until.is_some() => return Err(IdentityError::LoginFailed),
        Some(owner) => Some(Earlier::read(table, owner.user_id, &device).await?),
        None => None,
    };
    let user = earlier.as_ref().map(|earlier| &earlier.user);
    let user_id = user.map_or_else(|| table.ids().next(), |user| user.user_id);
    let memberships: Vec<Membership> = table.first(&keys::Membership::all(user_id).strong(), 100).await?;
    let home = home(&memberships, user.and_then(|user| user.last_org_id));
    let session = Session::begin((user_id, table.ids().next()), Method::MagicLink, device, policy, now);
    let session = session.within(home);
    let place = match user {
        Some(user) => join(user, &login.email, &session, attempts),
        None => create_user(&login.email, owner.as_ref(), &session),
    };
    login.used = Some(Used { user_id, session_id: session.session_id });
    let tokens = issuer.tokens(&session, policy, now)?;
    let started = crate::started::started(&session, earlier.as_ref(), now);
    let changes = place.replace(&login).overwrite(network).and(started);
    Ok(Decision::commit(changes, tokens).crowded(&keys::User::key(user_id), MANY_IN_THE_WAY))
}

/// In how long those come back who want the place of the same session.
const MANY_IN_THE_WAY: Duration = Duration::from_millis(1800);

/// The session as one of the person's, in the place of the oldest where there is no room. Whoever is deleted
/// or suspended meanwhile has no list of sessions that one could join.
fn join(user: &User, email: &Email, session: &Session, attempts: u32) -> Changes {
    // an address that was taken away meanwhile lets nobody in: not the person's as it was read is asked for,
    // which may be newer than whose the address was, but the one that was proved
    let sessions = sessions_of(user.user_id).while_is("email", email.as_str());
    let (id, life) = (session.session_id.to_string(), Life::of(session));
    // many at once want the place of the same one: after that it is one of the few oldest
    let few = 4_usize.saturating_pow(attempts);
    let surplus = user.surplus();
    let [random] = primitives::random_secret::<1>();
    match surplus.get(usize::from(random) % few.min(surplus.len()).max(1)) {
        Some(oldest) => {
            let place = sessions.replace(&oldest.to_string(), &id, &life);
            // of one that is over nobody needs to hear
            let is_over = !user.has(*oldest, session.created_at);
            if is_over { place } else { place.and(ended(user.user_id, *oldest, "too_many_sessions")) }
        }
        None => sessions.add(&id, &life),
    }
}

/// Somebody new, with an address that is nobody's; `before` is what was stored of it.
fn create_user(email: &Email, before: Option<&EmailOwner>, session: &Session) -> Changes {
    let user = User::new(email.clone(), session);
    let owner = EmailOwner::new(email.clone(), user.user_id, before);
    let event = UserCreated { user_id: user.user_id, email: user.email.clone() };
    let event = NewEvent::new(None, &user.user_id, user.next_version(), &event);
    Changes::new().create(&user).replace(&owner).publish(event)
}

/// The organization that a new session begins in: the only one, or the one chosen last.
fn home(memberships: &[Membership], last_org_id: Option<OrgId>) -> Option<&Membership> {
    match memberships {
        [only] => Some(only),
        several => several.iter().find(|membership| Some(membership.org_id) == last_org_id),
    }
}

async fn repeat(
    table: &Table,
    issuer: &Issuer,
    policy: &Policy,
    used: &Used,
    now: Timestamp,
) -> Result<SessionTokens, IdentityError> {
    let session: Option<Session> =
        table.get(&keys::Session::key(used.user_id, used.session_id), Consistency::Strong).await?;
    match session.filter(Session::is_untouched) {
        Some(session) => issuer.tokens(&session, policy, now),
        None => Err(IdentityError::LoginFailed),
    }
}
