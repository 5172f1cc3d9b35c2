use std::sync::Arc;

use access::Principal;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events::NewEvent;
use identity_core::{Policy, Session, User, events::SessionRevoked, keys, same, sessions_of};
use primitives::{Keys, OrgId, Secret, SessionId, Timestamp, UserId};
use table::{Cause, Changes, Consistency, Decision, Table};
use uuid::Uuid;

use crate::{
    IdentityError,
    session_key::{REFRESH_TOKEN, SessionKey},
    signing::SigningKeys,
    token::Claims,
};

/// A pair of tokens. Neither is stored anywhere.
#[derive(Clone, Debug)]
pub struct SessionTokens {
    /// Goes with every request.
    pub access_token: Secret<String>,
    /// How long the access token works from now on, seconds.
    pub expires_in: i64,
    /// Gets the next pair.
    pub refresh_token: Secret<String>,
    /// The session.
    pub session_id: SessionId,
    /// The person.
    pub user_id: UserId,
    /// The organization that the session is in.
    pub org_id: Option<OrgId>,
    /// What the browser is remembered by from now on, if that was asked for.
    pub browser_token: Option<Secret<String>>,
}

/// What tokens are made with: the keys at hand, and since when the world knows of each.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The keys at hand. Refresh tokens are made with the current one from its first moment on.
    pub keys: Arc<Keys<SessionKey>>,
    /// The published keys, which say with which of them access tokens are signed.
    pub published: SigningKeys,
}

impl Issuer {
    /// The session's current tokens: the same again for the same state of it.
    pub(crate) fn tokens(
        &self,
        session: &Session,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<SessionTokens, IdentityError> {
        let key = &self.keys.current;
        let issued_at = session.moved_at.unwrap_or(session.rotated_at).as_second();
        let expires_at = (issued_at + policy.access_token_seconds).min(session.valid_until.as_second());
        let claims = Claims {
            iss: key.issuer().to_owned(),
            aud: key.issuer().to_owned(),
            sub: session.user_id,
            client_id: FIRST_PARTY.to_owned(),
            jti: token_id(session),
            sid: session.session_id,
            org: session.org_id,
            mbr: session.member_id,
            auth_time: session.shown_at.as_second(),
            acr: session.shown.level().to_owned(),
            amr: session.shown.methods().into_iter().map(str::to_owned).collect(),
            sso: session.sso,
            iat: issued_at,
            nbf: None,
            exp: expires_at,
            act: None,
        };
        let signer = &self.published.signer(&self.keys, now).signer;
        Ok(SessionTokens {
            access_token: Secret::new(signer.sign(&claims)?),
            expires_in: (expires_at - now.as_second()).max(0),
            refresh_token: Secret::new(key.refresh_token(session, session.generation)),
            session_id: session.session_id,
            user_id: session.user_id,
            org_id: session.org_id,
            browser_token: None,
        })
    }
}

/// The one client that tokens are made for so far: the product's own app (RFC 9068 asks for a `client_id`).
pub(crate) const FIRST_PARTY: &str = "gantry";

/// Names an access token: the same for the same state of the session.
fn token_id(session: &Session) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(session.session_id.uuid().as_bytes());
    context.update(&session.generation.to_be_bytes());
    context.update(&session.moved_at.map_or(0, Timestamp::as_microsecond).to_be_bytes());
    context.update(session.member_id.map(|member| *member.uuid().as_bytes()).unwrap_or_default().as_slice());
    URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..16])
}

/// What a refresh token says about itself, before it is checked.
struct ShownToken {
    user_id: UserId,
    session_id: SessionId,
    generation: u32,
}

impl ShownToken {
    fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(REFRESH_TOKEN)?).ok()?;
        if bytes.len() != 16 + 16 + 4 + 32 {
            return None;
        }
        Some(Self {
            user_id: UserId::from_uuid(Uuid::from_slice(&bytes[..16]).ok()?),
            session_id: SessionId::from_uuid(Uuid::from_slice(&bytes[16..32]).ok()?),
            generation: u32::from_be_bytes(bytes[32..36].try_into().ok()?),
        })
    }
}

/// What a refresh token is good for.
enum Worth {
    /// It is the current one: the next pair is due.
    Current,
    /// It was replaced, and nobody can say that the answer arrived: the current pair again.
    Repeated,
    /// A token after it was used as well, and not just now: somebody else has it.
    Stolen,
    /// Nothing.
    Void,
}

/// The token before the current one is good until the current one is used, however late, since an answer that
/// was lost cannot be told from one that arrived. An older one is a theft, unless it was replaced a moment
/// ago: tabs of one browser that share their tokens are no thieves
/// (docs/decisions/0016-repeated-refresh-tokens.md).
fn worth(
    session: &Session,
    token: &str,
    shown: &ShownToken,
    keys: &Keys<SessionKey>,
    policy: &Policy,
    now: Timestamp,
) -> Worth {
    let made_by =
        |key: &SessionKey| same(key.refresh_token(session, shown.generation).as_bytes(), token.as_bytes());
    let genuine = keys.iter().any(made_by);
    if !genuine || !session.is_in_use(policy, now) {
        return Worth::Void;
    }
    let Some(generations) = session.generation.checked_sub(shown.generation) else { return Worth::Void };
    let is_recent = |at| now.duration_since(at) <= policy.replay();
    match generations {
        0 => Worth::Current,
        1 => Worth::Repeated,
        older if session.replaced_at(older).is_some_and(is_recent) => Worth::Repeated,
        _ => Worth::Stolen,
    }
}

/// Replaces a refresh token and gives the next pair; for the one before, that pair again. An older token ends
/// the session: either the person or a thief holds it, and nobody can tell which (RFC 9700, section 4.14.2).
///
/// Whichever of the keys made the token, the next pair is made with the current one.
/// [`IdentityError::InvalidRefreshToken`] with keys that are not the newest says little: ask again with newer
/// ones. A token that is none does nothing.
pub async fn refresh(
    table: &Table,
    issuer: &Issuer,
    policy: &Policy,
    cause: &Cause,
    token: &str,
) -> Result<SessionTokens, IdentityError> {
    let shown = ShownToken::read(token).ok_or(IdentityError::InvalidRefreshToken)?;
    let refresh = |_| async {
        let now = table.clock().now();
        let keys = [keys::Session::key(shown.user_id, shown.session_id), keys::User::key(shown.user_id)];
        let mut found = table.get_many(&keys, Consistency::Strong).await?;
        let session: Session = found.take(&keys[0])?.ok_or(IdentityError::InvalidRefreshToken)?;
        let user: User = found.take(&keys[1])?.ok_or(IdentityError::MissingUser)?;
        if !user.has(session.session_id, now) {
            return Err(IdentityError::InvalidRefreshToken);
        }
        Ok(match worth(&session, token, &shown, &issuer.keys, policy, now) {
            Worth::Void => return Err(IdentityError::InvalidRefreshToken),
            Worth::Repeated => Decision::done(Some(issuer.tokens(&session, policy, now)?)),
            Worth::Current => {
                let rotated = session.rotated(policy, now);
                let tokens = issuer.tokens(&rotated, policy, now)?;
                Decision::commit(Changes::new().replace(&rotated), Some(tokens))
            }
            // the end of the session is stored, and nobody gets tokens
            Worth::Stolen => end(session.user_id, session.session_id, "refresh_token_reused", None),
        })
    };
    table.decide(cause, refresh).await?.ok_or(IdentityError::InvalidRefreshToken)
}

/// Ends the session that the call was made with. Doing it twice is no error.
pub async fn sign_out(table: &Table, cause: &Cause, principal: &Principal) -> Result<(), IdentityError> {
    let Principal { user_id, session_id, .. } = *principal;
    table.decide(cause, |_| async { Ok(end(user_id, session_id, "signed_out", ())) }).await
}

/// Ends a session, once: whoever finds it ended has nothing to do. Nothing else may be in the changes.
pub(crate) fn end<O: Clone>(
    user_id: UserId,
    session_id: SessionId,
    reason: &str,
    output: O,
) -> Decision<O, IdentityError> {
    let sessions = sessions_of(user_id);
    let changes = ended(user_id, session_id, reason).and(sessions.remove(&session_id.to_string(), 0));
    Decision::commit(changes, output.clone()).unless(sessions.key(), Ok(output))
}

/// All that the end of a session means but its place among the person's: whoever takes it off that list adds
/// this. What is not on the list has ended, so that its item need not be looked at.
pub(crate) fn ended(user_id: UserId, session_id: SessionId, reason: &str) -> Changes {
    let event = SessionRevoked { user_id, session_id, reason: reason.to_owned() };
    Changes::new().remove(keys::Session::key(user_id, session_id)).publish(NewEvent::new(
        None,
        &session_id,
        LAST_OF_A_SESSION,
        &event,
    ))
}

/// The place of a session's end in its history, behind its beginning, which is 1. Nothing else in it is told.
const LAST_OF_A_SESSION: u64 = 2;
