//! Somebody with a session shows once more who they are, in a way that signs people in: for those who have
//! nothing else. Second factors are in `mfa`.

use access::{Principal, Shown, Tenant, Way};
use events::NewEvent;
use identity_core::{PasswordHash, Session, User, events::SessionSteppedUp, keys};
use primitives::{Ids, LoginId, Timestamp};
use table::{Changes, Consistency, Decision, Item, Key, Table};

use crate::{
    Entrance, IdentityError, OpenedProof, Password, SessionTokens,
    attempt::{Login, Used},
    entry::{Gate, methods},
    password::verify,
    sessions::require_live,
};

/// What is shown.
#[derive(Clone, Debug)]
pub enum FirstProof {
    /// The password.
    Password(Password),
    /// The link or the code of a mail to the person's address.
    Mail(OpenedProof),
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

/// With what the person can show once more who they are: with their second factors, and with what would sign
/// them in where these are asked of nobody. One call.
pub async fn step_up_methods(table: &Table, principal: &Principal) -> Result<Vec<Way>, IdentityError> {
    let user = keys::User::key(principal.user_id);
    let gate = principal.actor.map(|actor| gate_of(actor.tenant()));
    let asked: Vec<Key> = std::iter::once(user.clone()).chain(gate.clone()).collect();
    let mut found = table.get_many(&asked, Consistency::Strong).await?;
    let user: User = found.take(&user)?.ok_or(IdentityError::MissingUser)?;
    let gate: Option<Gate> = gate.map(|gate| found.take(&gate)).transpose()?.flatten();
    let (gate, now) = (gate.unwrap_or_default(), table.clock().now());
    let first = [Way::Password, Way::Mail].into_iter().filter(|way| {
        let has = *way == Way::Mail || user.ways().contains_key(way);
        has && is_enough(*way, &user, &principal.shown, &gate, now)
    });
    Ok(methods(&user).into_iter().chain(first).collect())
}

fn gate_of(tenant: Tenant) -> Key {
    keys::Gate::key(tenant)
}

/// Whether this alone shows who somebody is who has shown that before: it must not stand for more than it is.
fn is_enough(way: Way, user: &User, shown: &Shown, gate: &Gate, now: Timestamp) -> bool {
    let would_lower = shown.is_multi_factor() && user.has_factor();
    !would_lower && gate.lets_in(user, &Shown::only(way), now)
}

/// What such a proof is judged by.
struct Loaded {
    session: Session,
    user: User,
    hash: Option<PasswordHash>,
    login: Option<Login>,
}

/// Reads it: one call. [`IdentityError::FactorNeeded`] where a second factor is what the person has to show.
async fn load(table: &Table, principal: &Principal, proof: &FirstProof) -> Result<Loaded, IdentityError> {
    let (user_id, now) = (principal.user_id, table.clock().now());
    let login_id: Option<LoginId> = match proof {
        FirstProof::Mail(opened) => opened.login_id,
        FirstProof::Password(_) => None,
    };
    let of_proof = match proof {
        FirstProof::Password(_) => keys::Password::key(user_id),
        FirstProof::Mail(_) => keys::Login::key(login_id.unwrap_or_else(Ids::unguessable)),
    };
    let session = keys::Session::key(user_id, principal.session_id);
    let mut asked = vec![session, keys::User::key(user_id), of_proof];
    asked.extend(principal.actor.map(|actor| gate_of(actor.tenant())));
    let mut found = table.get_many(&asked, Consistency::Strong).await?;
    let session: Session = found.take(&asked[0])?.ok_or(IdentityError::SessionEnded)?;
    let user: User = found.take(&asked[1])?.ok_or(IdentityError::MissingUser)?;
    let gate: Option<Gate> = asked.get(3).map(|gate| found.take(gate)).transpose()?.flatten();
    require_live(&user, principal, now)?;
    if !is_enough(proof.way(), &user, &session.shown, &gate.unwrap_or_default(), now) {
        return Err(IdentityError::FactorNeeded);
    }
    let (hash, login) = match proof {
        FirstProof::Password(_) => (found.take(&asked[2])?, None),
        FirstProof::Mail(_) => (None, found.take(&asked[2])?),
    };
    Ok(Loaded { session, user, hash, login })
}

impl Loaded {
    /// The login of the mail, if it is one to the person's address that nothing has become of.
    fn open_login(&self, now: Timestamp) -> Option<&Login> {
        let is_open = |login: &&Login| {
            login.used.is_none() && now < login.valid_until && login.email == self.user.email
        };
        self.login.as_ref().filter(is_open)
    }
}

/// A proof that somebody with a session has shown, judged and not yet used up.
#[derive(Debug)]
pub struct FirstStepUp {
    proof: FirstProof,
    /// Since when the password is the one that it was judged by.
    set_at: Option<Timestamp>,
    is_right: bool,
}

impl FirstStepUp {
    /// Judges what was shown: one call.
    pub async fn judge(
        table: &Table,
        principal: &Principal,
        proof: FirstProof,
    ) -> Result<Self, IdentityError> {
        let loaded = load(table, principal, &proof).await?;
        let set_at = loaded.hash.as_ref().map(|hash| hash.set_at);
        let is_right = match &proof {
            FirstProof::Password(password) => verify(password, loaded.hash.map(|hash| hash.phc)).await?,
            FirstProof::Mail(_) => loaded.open_login(table.clock().now()).is_some(),
        };
        Ok(Self { proof, set_at, is_right })
    }

    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.is_right
    }
}

/// Says in the session's tokens that the person has shown who they are, now and in this way. The refresh
/// token stays. A mail is used up by it; a password that changed meanwhile is wrong.
pub async fn step_up_first(
    entrance: &Entrance<'_>,
    principal: &Principal,
    step: &FirstStepUp,
) -> Result<SessionTokens, IdentityError> {
    let decide = |_| async move {
        let loaded = load(entrance.table, principal, &step.proof).await?;
        let now = entrance.table.clock().now();
        let used = match &step.proof {
            FirstProof::Password(_) => {
                let is_same = loaded.hash.as_ref().map(|hash| hash.set_at) == step.set_at;
                is_same.then(Changes::new)
            }
            FirstProof::Mail(_) => loaded.open_login(now).map(|login| {
                let (user_id, session_id) = (principal.user_id, principal.session_id);
                let used = Some(Used::Session { user_id, session_id });
                Changes::new().replace(&Login { used, ..login.clone() })
            }),
        };
        let used = used.filter(|_| step.is_right).ok_or(IdentityError::MfaFailed)?;
        let (stepped, tokens) = stepped_up(entrance, loaded.session, step.proof.way(), now)?;
        Ok(Decision::commit(used.and(stepped), tokens))
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
