use events::{MagicLinkRequested, NewEvent, SessionStarted, UserCreated};
use primitives::{Email, Ids, LoginId, Secret, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, CommitError, Consistency, Item, Key, Table};

use crate::{
    IdentityError, LinkKey, OpenedProof, Policy, SessionKey, SessionTokens,
    proof::Shown,
    session::Session,
    user::{EmailOwner, MembershipSummary, User, of_user},
};

/// One attempt to log in: from the request of a magic link to its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Login {
    login_id: LoginId,
    email: Email,
    valid_until: Timestamp,
    wrong_codes: u8,
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

/// Which login a code for this address belongs to: the latest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LatestLogin {
    email: Email,
    pub(crate) login_id: LoginId,
    valid_until: Timestamp,
    #[serde(default)]
    version: u64,
}

impl Item for LatestLogin {
    fn key(&self) -> Key {
        Key::LatestLogin(self.email.clone())
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

/// Begins a login and has the mail sent. The same work and the same answer whether or not somebody has this address.
pub async fn request_login(
    table: &Table,
    key: &LinkKey,
    policy: &Policy,
    cause: &Cause,
    email: Email,
) -> Result<RequestedLogin, IdentityError> {
    let now = table.clock().now();
    let login_id: LoginId = Ids::unguessable();
    let valid_until = now + policy.login_lifetime();
    let login = Login { login_id, email: email.clone(), valid_until, wrong_codes: 0, used: None, version: 0 };
    let latest = LatestLogin { email: email.clone(), login_id, valid_until, version: 0 };
    let event = MagicLinkRequested { login_id, email, expires_at: valid_until };
    let event = NewEvent::new(None, &login_id, login.next_version(), &event);
    table.commit(cause, Changes::new().create(&login).overwrite(&latest).publish(event)).await?;
    Ok(RequestedLogin {
        browser_token: Secret::new(key.browser_token(login_id)),
        expires_in: policy.login_lifetime_seconds,
    })
}

const ATTEMPTS: usize = 10;

/// Checks what was proved and begins a session, once for each login. The same browser may ask again within a moment, for an answer that got
/// lost, and gets the same tokens.
pub async fn verify_login(
    table: &Table,
    sessions: &SessionKey,
    policy: &Policy,
    cause: &Cause,
    proof: &OpenedProof,
) -> Result<SessionTokens, IdentityError> {
    let login_id = proof.login_id.ok_or(IdentityError::LoginFailed)?;
    for _ in 0..ATTEMPTS {
        let now = table.clock().now();
        let login: Option<Login> = table.get(&Key::Login(login_id), Consistency::Strong).await?;
        let login = login.ok_or(IdentityError::LoginFailed)?;
        let guessed = matches!(proof.shown, Shown::Code { .. }) && login.wrong_codes >= policy.code_attempts;
        if now >= login.valid_until || guessed {
            return Err(IdentityError::LoginFailed);
        }
        let attempt = match judge(proof) {
            Judgement::Wrong => fail(table, cause, login).await,
            Judgement::Confirm if login.used.is_none() => return Err(IdentityError::ConfirmationRequired),
            Judgement::Confirm => return Err(IdentityError::LoginFailed),
            Judgement::Right => match &login.used {
                None => start(table, sessions, policy, cause, login, now).await,
                Some(used) if proof.same_browser => {
                    return repeat(table, sessions, policy, used, now).await;
                }
                Some(_) => return Err(IdentityError::LoginFailed),
            },
        };
        match attempt {
            Err(IdentityError::Commit(CommitError::Conflict { .. })) => {}
            done => return done,
        }
    }
    Err(IdentityError::Contention)
}

enum Judgement {
    Right,
    Confirm,
    Wrong,
}

fn judge(proof: &OpenedProof) -> Judgement {
    match proof.shown {
        Shown::Link { confirmed } if !confirmed && !proof.same_browser => Judgement::Confirm,
        Shown::Code { is_right: false } => Judgement::Wrong,
        Shown::Link { .. } | Shown::Code { is_right: true } => Judgement::Right,
    }
}

/// Counts a wrong code, exactly, so that parallel guesses do not get more tries.
async fn fail(table: &Table, cause: &Cause, mut login: Login) -> Result<SessionTokens, IdentityError> {
    login.wrong_codes += 1;
    table.commit(cause, Changes::new().replace(&login)).await?;
    Err(IdentityError::LoginFailed)
}

async fn start(
    table: &Table,
    sessions: &SessionKey,
    policy: &Policy,
    cause: &Cause,
    mut login: Login,
    now: Timestamp,
) -> Result<SessionTokens, IdentityError> {
    let owner: Option<EmailOwner> =
        table.get(&Key::EmailOwner(login.email.clone()), Consistency::Strong).await?;
    let (user, mut changes) = match owner {
        Some(owner) => {
            let user: Option<User> = table.get(&Key::User(owner.user_id), Consistency::Strong).await?;
            (user.ok_or(IdentityError::MissingUser)?, Changes::new())
        }
        None => create_user(table, &login, now),
    };
    let memberships: Vec<MembershipSummary> = table.first(&of_user(user.user_id).strong(), 100).await?;
    let session =
        Session::begin(user.user_id, table.ids().next(), policy, now).within(home(&memberships, &user));
    login.used = Some(Used { user_id: user.user_id, session_id: session.session_id });
    let tokens = sessions.tokens(&session, policy)?;
    let event = SessionStarted { user_id: user.user_id, session_id: session.session_id };
    let event = NewEvent::new(None, &session.session_id, session.next_version(), &event);
    changes = changes.replace(&login).create(&session).publish(event);
    table.commit(cause, changes).await?;
    Ok(tokens)
}

fn create_user(table: &Table, login: &Login, now: Timestamp) -> (User, Changes) {
    let user = User::new(table.ids().next(), login.email.clone(), now);
    let owner = EmailOwner { email: login.email.clone(), user_id: user.user_id, version: 0 };
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
    sessions: &SessionKey,
    policy: &Policy,
    used: &Used,
    now: Timestamp,
) -> Result<SessionTokens, IdentityError> {
    let session: Option<Session> =
        table.get(&Key::Session(used.user_id, used.session_id), Consistency::Strong).await?;
    match session.filter(|session| session.is_untouched() && session.is_fresh(policy, now)) {
        Some(session) => sessions.tokens(&session, policy),
        None => Err(IdentityError::LoginFailed),
    }
}
