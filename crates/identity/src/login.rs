use events::{MagicLinkRequested, NewEvent, SessionStarted, UserCreated};
use identity_core::{EmailOwner, LinkKey, MembershipSummary, Policy, Session, User, of_user};
use primitives::{Email, Ids, LoginId, Secret, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Attempt, Cause, Changes, Condition, Consistency, Decision, Item, Key, Table};

use crate::{
    IdentityError, Issuer, LoginHistory, OpenedProof, SessionTokens,
    history::{KnownNetwork, RecentLogins},
};

/// One attempt to log in: from the request of a magic link to its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    login_id: LoginId,
    pub(crate) email: Email,
    valid_until: Timestamp,
    used: Option<Used>,
    #[serde(default)]
    version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    user_id: UserId,
    session_id: SessionId,
}

impl Item for Login {
    fn key(&self) -> Key {
        Key::Login(self.login_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

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
    let verify = |_| async {
        let now = table.clock().now();
        let login: Option<Login> = table.get(&Key::Login(login_id), Consistency::Strong).await?;
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
        start(table, issuer, policy, login, &network).await
    };
    table.decide(cause, verify).await
}

async fn start(
    table: &Table,
    issuer: &Issuer,
    policy: &Policy,
    mut login: Login,
    network: &KnownNetwork,
) -> Result<Decision<SessionTokens, IdentityError>, IdentityError> {
    let now = table.clock().now();
    let owner: Option<EmailOwner> =
        table.get(&Key::EmailOwner(login.email.clone()), Consistency::Strong).await?;
    let (user, mut changes) = match owner {
        Some(owner) => {
            let key = Key::User(owner.user_id);
            let user: Option<User> = table.get(&key, Consistency::Strong).await?;
            let user = user.ok_or(IdentityError::MissingUser)?;
            // whoever is deleted or suspended meanwhile gets no session
            let unchanged = Changes::new().require(key, Condition::VersionIs(user.version()));
            (user, unchanged)
        }
        None => create_user(table, &login, now),
    };
    let memberships: Vec<MembershipSummary> = table.first(&of_user(user.user_id).strong(), 100).await?;
    let session =
        Session::begin(user.user_id, table.ids().next(), policy, now).within(home(&memberships, &user));
    login.used = Some(Used { user_id: user.user_id, session_id: session.session_id });
    let tokens = issuer.tokens(&session, policy, now)?;
    let event = SessionStarted { user_id: user.user_id, session_id: session.session_id };
    let event = NewEvent::new(None, &session.session_id, session.next_version(), &event);
    changes = changes.replace(&login).create(&session).overwrite(network).publish(event);
    Ok(Decision::commit(changes, tokens))
}

fn create_user(table: &Table, login: &Login, now: Timestamp) -> (User, Changes) {
    let user = User::new(table.ids().next(), login.email.clone(), now);
    let owner = EmailOwner::new(login.email.clone(), user.user_id);
    let event = UserCreated { user_id: user.user_id, email: user.email.clone() };
    let event = NewEvent::new(None, &user.user_id, user.next_version(), &event);
    let changes = Changes::new().create(&user).create(&owner).publish(event);
    (user, changes)
}

/// The organization that a new session begins in: the only one, or the one chosen last.
fn home<'a>(memberships: &'a [MembershipSummary], user: &User) -> Option<&'a MembershipSummary> {
    match memberships {
        [only] => Some(only),
        several => several.iter().find(|membership| Some(membership.org_id) == user.last_org_id),
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
        table.get(&Key::Session(used.user_id, used.session_id), Consistency::Strong).await?;
    match session.filter(Session::is_untouched) {
        Some(session) => issuer.tokens(&session, policy, now),
        None => Err(IdentityError::LoginFailed),
    }
}
