//! Somebody with a session shows once more who they are, in a way that signs people in: for those who have
//! nothing else. Second factors are in `mfa`.

use access::{Principal, Shown, Tenant, Way};
use events::NewEvent;
use identity_core::{
    LinkKey, MailCode, PasswordHash, Policy, Session, User,
    events::{MailCodeRequested, SessionSteppedUp},
    keys,
};
use primitives::{Ids, Keys, MailCodeId, Timestamp};
use table::{Attempt, Cause, Changes, Consistency, Decision, Item, Key, Table};

use crate::{
    Code, Entrance, IdentityError, Password, SessionTokens,
    entry::{Gate, methods},
    password::verify,
    sessions::require_live,
};

/// What is shown.
#[derive(Clone, Debug)]
pub enum FirstProof {
    /// The password.
    Password(Password),
    /// The code of a mail to the person's address, which was sent for this session.
    Mail(Code),
}

impl FirstProof {
    /// Which way it is.
    pub fn way(&self) -> Way {
        match self {
            Self::Password(_) => Way::Password,
            Self::Mail(_) => Way::Mail,
        }
    }
}

/// What somebody with a session can show once more who they are with.
#[derive(Debug)]
pub struct StepUpOffer {
    session: Session,
    user: User,
    /// The person's second factors, and what would sign them in where these are asked of nobody.
    pub ways: Vec<Way>,
}

impl StepUpOffer {
    /// Reads it: one call.
    pub async fn read(table: &Table, principal: &Principal) -> Result<Self, IdentityError> {
        let Standing { session, user, gate, .. } = Standing::read(table, principal, None).await?;
        let now = table.clock().now();
        let first = [Way::Password, Way::Mail].into_iter().filter(|way| {
            let has = *way == Way::Mail || user.ways().contains_key(way);
            has && is_enough(*way, &user, &session.shown, &gate, now)
        });
        let ways = methods(&user).into_iter().chain(first).collect();
        Ok(Self { session, user, ways })
    }

    /// Has a code sent to the person's address, in the place of the one before; says how long it works,
    /// seconds. [`IdentityError::FactorNeeded`] where it would show nothing.
    pub async fn send_code(
        self,
        table: &Table,
        policy: &Policy,
        cause: &Cause,
        principal: &Principal,
    ) -> Result<i64, IdentityError> {
        let (first, code_id): (_, MailCodeId) = (&self, Ids::unguessable());
        let send = |attempt: Attempt| async move {
            let again = match attempt.before() {
                0 => None,
                _ => Some(Self::read(table, principal).await?),
            };
            let Self { session, user, ways } = again.as_ref().unwrap_or(first);
            if !ways.contains(&Way::Mail) {
                return Err(IdentityError::FactorNeeded);
            }
            let until = table.clock().now() + policy.login_lifetime();
            let mut session = session.clone();
            session.mail_code = Some(MailCode::new(code_id, user.email.clone(), until));
            let (user_id, session_id) = (session.user_id, session.session_id);
            let event = MailCodeRequested { user_id, session_id, code_id, expires_at: until };
            let event = NewEvent::new(None, &code_id, 1, &event);
            let changes = Changes::new().replace(&session).publish(event);
            Ok(Decision::commit(changes, policy.login_lifetime_seconds))
        };
        table.decide(cause, send).await
    }
}

fn gate_of(tenant: Tenant) -> Key {
    keys::Gate::key(tenant)
}

/// Whether this alone shows who somebody is who has shown that before: it must not stand for more than it is.
fn is_enough(way: Way, user: &User, shown: &Shown, gate: &Gate, now: Timestamp) -> bool {
    let would_lower = shown.is_multi_factor() && user.has_factor();
    !would_lower && gate.lets_in(user, &Shown::only(way), now)
}

/// A session, its person, and what decides what they have to show.
struct Standing {
    session: Session,
    user: User,
    gate: Gate,
    hash: Option<PasswordHash>,
}

impl Standing {
    /// Reads it, and the password where that is what is shown: one call. [`IdentityError::FactorNeeded`]
    /// where a second factor is what the person has to show.
    async fn read(table: &Table, principal: &Principal, way: Option<Way>) -> Result<Self, IdentityError> {
        let (user_id, now) = (principal.user_id, table.clock().now());
        let session = keys::Session::key(user_id, principal.session_id);
        let gate = principal.actor.map(|actor| gate_of(actor.tenant()));
        let password = (way == Some(Way::Password)).then(|| keys::Password::key(user_id));
        let mut asked = vec![session, keys::User::key(user_id)];
        asked.extend(gate.iter().chain(&password).cloned());
        let mut found = table.get_many(&asked, Consistency::Strong).await?;
        let session: Session = found.take(&asked[0])?.ok_or(IdentityError::SessionEnded)?;
        let user: User = found.take(&asked[1])?.ok_or(IdentityError::MissingUser)?;
        let gate: Option<Gate> = gate.map(|gate| found.take(&gate)).transpose()?.flatten();
        let gate = gate.unwrap_or_default();
        require_live(&user, principal, now)?;
        if way.is_some_and(|way| !is_enough(way, &user, &session.shown, &gate, now)) {
            return Err(IdentityError::FactorNeeded);
        }
        let hash = password.map(|key| found.take(&key)).transpose()?.flatten();
        Ok(Self { session, user, gate, hash })
    }

    /// The code that was sent, while the address is the person's.
    fn code(&self) -> Option<&MailCode> {
        self.session.mail_code.as_ref().filter(|code| code.email == self.user.email)
    }
}

/// A proof that somebody with a session has shown, judged and not yet used up.
#[derive(Debug)]
pub struct FirstStepUp {
    way: Way,
    /// Since when the password is the one that it was judged by.
    set_at: Option<Timestamp>,
    /// The code that it was judged by.
    code_id: Option<MailCodeId>,
    is_right: bool,
}

impl FirstStepUp {
    /// Judges what was shown: one call.
    pub async fn judge(
        table: &Table,
        links: &Keys<LinkKey>,
        principal: &Principal,
        proof: &FirstProof,
    ) -> Result<Self, IdentityError> {
        let way = proof.way();
        let standing = Standing::read(table, principal, Some(way)).await?;
        let set_at = standing.hash.as_ref().map(|hash| hash.set_at);
        let now = table.clock().now();
        let code = standing.code().filter(|code| code.is_open(now) || code.was_used_lately(now));
        let code_id = code.map(|code| code.code_id);
        let is_right = match proof {
            FirstProof::Password(password) => verify(password, standing.hash.map(|hash| hash.phc)).await?,
            FirstProof::Mail(typed) => code_id.is_some_and(|code_id| {
                links.iter().fold(false, |is, key| is | key.is_mail_code(code_id, typed.as_str()))
            }),
        };
        Ok(Self { way, set_at, code_id, is_right })
    }

    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.is_right
    }
}

/// Says in the session's tokens that the person has shown who they are, now and in this way. The refresh
/// token stays. A code is used up by it, and the same once more within some seconds gives the same tokens:
/// the answer was lost. A password that changed meanwhile is wrong.
pub async fn step_up_first(
    entrance: &Entrance<'_>,
    principal: &Principal,
    step: &FirstStepUp,
) -> Result<SessionTokens, IdentityError> {
    let decide = |_| async move {
        let standing = Standing::read(entrance.table, principal, Some(step.way)).await?;
        let now = entrance.table.clock().now();
        let code = standing.code().filter(|code| Some(code.code_id) == step.code_id).cloned();
        let is_same = standing.hash.as_ref().map(|hash| hash.set_at) == step.set_at;
        let mut session = standing.session;
        match (step.way, code) {
            _ if !step.is_right => return Err(IdentityError::MfaFailed),
            (Way::Mail, Some(code)) if code.was_used_lately(now) => {
                return Ok(Decision::done(entrance.issuer.tokens(&session, entrance.policy, now)?));
            }
            (Way::Mail, Some(code)) if code.is_open(now) => session.mail_code = Some(code.used(now)),
            (Way::Password, _) if is_same => {}
            _ => return Err(IdentityError::MfaFailed),
        }
        let (stepped, tokens) = stepped_up(entrance, session, step.way, now)?;
        Ok(Decision::commit(stepped, tokens))
    };
    entrance.table.decide(entrance.cause, decide).await
}

/// What has to be stored of a session whose person has shown once more who they are, and its tokens.
pub(crate) fn stepped_up(
    entrance: &Entrance<'_>,
    session: Session,
    way: Way,
    now: Timestamp,
) -> Result<(Changes, SessionTokens), IdentityError> {
    let session = session.stepped_up(way, now);
    let tokens = entrance.issuer.tokens(&session, entrance.policy, now)?;
    let (user_id, session_id) = (session.user_id, session.session_id);
    let event = SessionSteppedUp { user_id, session_id, method: way.method().to_owned() };
    let event = NewEvent::new(None, &session_id, session.next_version(), &event);
    Ok((Changes::new().replace(&session).publish(event), tokens))
}

#[cfg(test)]
mod tests {
    use identity_core::{Device, Policy};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_first_factor_is_enough_for_those_who_are_asked_for_no_more() {
        let now = Timestamp::UNIX_EPOCH;
        let device = Device { name: "Firefox on Linux".to_owned(), country: None };
        let ids = (Ids::unguessable(), Ids::unguessable());
        let session = Session::begin(ids, Shown::only(Way::Mail), device, &Policy::default(), now);
        let nobody = User::new("ada@example.com".parse().unwrap(), &session);
        let with = |way| nobody.clone().with_way(way, now);
        let gate = |mode: &str| -> Gate {
            serde_json::from_value(json!({ "mfa": { "mode": mode, "grace_ends_at": null } })).unwrap()
        };
        let mail = Shown::only(Way::Mail);
        let whole = mail.clone().and(Way::Totp);
        for (user, shown, mode, expected) in [
            (&nobody, &mail, "optional", true),
            (&nobody, &mail, "required", false),
            // the app was taken away since
            (&nobody, &whole, "off", true),
            (&with(Way::Password), &mail, "off", true),
            (&with(Way::Totp), &mail, "off", false),
            // a passkey alone asks for nothing, unless it was shown
            (&with(Way::Passkey), &mail, "off", true),
            (&with(Way::Passkey), &mail, "required", false),
            (&with(Way::Passkey), &Shown::only(Way::Passkey), "off", false),
            (&nobody, &Shown::only(Way::DeviceLink), "off", true),
            (&with(Way::Totp), &Shown::only(Way::DeviceLink), "off", false),
        ] {
            for way in [Way::Mail, Way::Password] {
                let found = is_enough(way, user, shown, &gate(mode), now);
                assert_eq!(found, expected, "{way:?} {:?} {shown:?} {mode}", user.ways());
            }
        }
    }
}
