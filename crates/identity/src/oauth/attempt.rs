use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity_core::{Policy, derive, mac};
use primitives::{
    Ids, Keys, LoginId, OrgId, Secret, SessionId, SsoConnectionId, Timestamp, UserId, random_secret,
};
use uuid::Uuid;

use crate::{IdentityError, sealed};

/// Seals what somebody is sent to an identity provider with. So nothing is stored of it until they come back:
/// strangers write nothing.
#[derive(Clone, Debug)]
pub struct OAuthKey(Secret<[u8; 32]>);

impl OAuthKey {
    /// Derives the key from a secret text.
    pub fn from_secret(secret: &str) -> Self {
        Self(derive(secret, "identity providers"))
    }

    /// A secret of the attempt, which nobody has stored.
    fn secret(&self, purpose: &str, login_id: LoginId) -> Secret<String> {
        let mac = mac(&self.0, &[purpose.as_bytes(), login_id.uuid().as_bytes()]);
        Secret::new(URL_SAFE_NO_PAD.encode(mac))
    }

    fn open(&self, provider: &str, state: &str, browser_token: &str, now: Timestamp) -> Option<OpenedOAuth> {
        let opened = sealed::open(&self.0, &about(provider, browser_token), state)?;
        let (id, rest) = opened.expose().split_at_checked(16)?;
        let (until, purpose) = rest.split_at_checked(8)?;
        let valid_until = Timestamp::from_second(i64::from_be_bytes(until.try_into().ok()?)).ok()?;
        let login_id = LoginId::from_uuid(Uuid::from_slice(id).ok()?);
        let purpose = Purpose::read(purpose)?;
        (now < valid_until).then(|| OpenedOAuth {
            login_id,
            provider: provider.to_owned(),
            purpose,
            valid_until,
            nonce: self.secret(NONCE, login_id),
            code_verifier: self.secret(VERIFIER, login_id),
        })
    }
}

/// What stands in the place of a provider's name where it is one of an organization's: none of the
/// deployment's is called so.
pub const SSO: &str = "sso/";

const NONCE: &str = "nonce";
const VERIFIER: &str = "code verifier";

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To connect the account to this person's, who is in this session.
    Link(UserId, SessionId),
    /// To sign in by this connection to the identity provider of this organization.
    Sso(OrgId, SsoConnectionId),
    /// To try that connection, by whoever is in this session.
    SsoTest(OrgId, SsoConnectionId, SessionId),
}

/// What is for an organization's provider begins with it. Of two ids there are 32 bytes.
const OF_SSO: u8 = 1;

impl Purpose {
    fn write(self) -> Vec<u8> {
        match self {
            Self::SignIn => Vec::new(),
            Self::Link(user, session) => {
                [user.uuid().as_bytes().as_slice(), session.uuid().as_bytes()].concat()
            }
            Self::Sso(org, connection) => {
                [&[OF_SSO], org.uuid().as_bytes().as_slice(), connection.uuid().as_bytes()].concat()
            }
            Self::SsoTest(org, connection, session) => {
                [Self::Sso(org, connection).write().as_slice(), session.uuid().as_bytes()].concat()
            }
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::SignIn);
        }
        if let (Some((&OF_SSO, ids)), false) = (bytes.split_first(), bytes.len() == 32) {
            let id = |place: usize| Uuid::from_slice(ids.chunks(16).nth(place)?).ok();
            let (org, connection) = (OrgId::from_uuid(id(0)?), SsoConnectionId::from_uuid(id(1)?));
            return match ids.len() {
                32 => Some(Self::Sso(org, connection)),
                48 => Some(Self::SsoTest(org, connection, SessionId::from_uuid(id(2)?))),
                _ => None,
            };
        }
        let (user, session) = bytes.split_at_checked(16)?;
        let user = UserId::from_uuid(Uuid::from_slice(user).ok()?);
        Some(Self::Link(user, SessionId::from_uuid(Uuid::from_slice(session).ok()?)))
    }
}

/// What somebody is sent to a provider with.
#[derive(Clone, Debug)]
pub struct StartedOAuth {
    /// Comes back from there. It is the browser's alone in which the attempt began: it opens with
    /// `browser_token`.
    pub state: Secret<String>,
    /// Stays in that browser.
    pub browser_token: Secret<String>,
    /// Stands in the ID token.
    pub nonce: Secret<String>,
    /// Is shown to the provider with the code, and never to the browser.
    pub code_verifier: Secret<String>,
    /// How long it may take, seconds.
    pub expires_in: i64,
}

/// Begins an attempt. Nothing is written.
pub fn start_oauth(
    key: &OAuthKey,
    provider: &str,
    purpose: Purpose,
    policy: &Policy,
    now: Timestamp,
) -> Result<StartedOAuth, IdentityError> {
    let login_id: LoginId = Ids::unguessable();
    let browser_token = URL_SAFE_NO_PAD.encode(random_secret::<32>());
    let until = now.as_second() + policy.authorization_seconds;
    let id = login_id.uuid();
    let attempt = [id.as_bytes().as_slice(), &until.to_be_bytes(), &purpose.write()].concat();
    Ok(StartedOAuth {
        state: Secret::new(sealed::seal(&key.0, &about(provider, &browser_token), &attempt)?),
        browser_token: Secret::new(browser_token),
        nonce: key.secret(NONCE, login_id),
        code_verifier: key.secret(VERIFIER, login_id),
        expires_in: policy.authorization_seconds,
    })
}

/// Neither part holds a blank.
fn about(provider: &str, browser_token: &str) -> Vec<u8> {
    format!("{provider} {browser_token}").into_bytes()
}

/// An attempt that somebody comes back with, in the browser in which it began.
#[derive(Clone, Debug)]
pub struct OpenedOAuth {
    pub(crate) login_id: LoginId,
    pub(crate) provider: String,
    /// What it is for.
    pub purpose: Purpose,
    pub(crate) valid_until: Timestamp,
    /// What must stand in the ID token.
    pub nonce: Secret<String>,
    /// What the provider is shown with the code.
    pub code_verifier: Secret<String>,
}

/// Opens what came back from this provider with what stayed in the browser; nothing where it was changed, is
/// another browser's or provider's, too old, or was made with a key that is newer than these.
pub fn open_oauth(
    keys: &Keys<OAuthKey>,
    provider: &str,
    state: &str,
    browser_token: &str,
    now: Timestamp,
) -> Option<OpenedOAuth> {
    keys.iter().find_map(|key| key.open(provider, state, browser_token, now))
}

#[cfg(test)]
mod tests {
    use primitives::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_attempt_opens_in_its_browser_for_its_provider_in_time() {
        let (key, now, policy) = (OAuthKey::from_secret("one"), Timestamp::UNIX_EPOCH, Policy::default());
        let begin = |purpose| start_oauth(&key, "acme", purpose, &policy, now).unwrap();
        let link = Purpose::Link(Ids::unguessable(), Ids::unguessable());
        let (one, other) = (begin(Purpose::SignIn), begin(link));
        let keys = Keys::only(key.clone());
        let opened = |provider: &str, state: &StartedOAuth, browser: &StartedOAuth, at| {
            open_oauth(&keys, provider, state.state.expose(), browser.browser_token.expose(), at)
        };
        let right = opened("acme", &one, &one, now).unwrap();
        assert_eq!(right.nonce.expose(), one.nonce.expose());
        assert_eq!(right.code_verifier.expose(), one.code_verifier.expose());
        assert!(
            right.purpose == Purpose::SignIn && opened("acme", &other, &other, now).unwrap().purpose == link
        );
        assert!(opened("google", &one, &one, now).is_none(), "another provider");
        assert!(opened("acme", &one, &other, now).is_none(), "another browser");
        let last = now + SignedDuration::from_secs(599);
        assert!(opened("acme", &one, &one, last).is_some());
        assert!(opened("acme", &one, &one, now + SignedDuration::from_secs(600)).is_none(), "too late");
        let rotated = Keys { current: OAuthKey::from_secret("two"), previous: Some(key) };
        let (state, browser) = (one.state.expose(), one.browser_token.expose());
        assert!(open_oauth(&rotated, "acme", state, browser, now).is_some());
        assert!(open_oauth(&Keys::only(rotated.current), "acme", state, browser, now).is_none());
        // RFC 7636, section 4.1
        assert_eq!(one.code_verifier.expose().len(), 43);
        assert_ne!(one.code_verifier.expose(), one.nonce.expose());
    }

    #[test]
    fn what_an_attempt_is_for_is_read_as_it_was_written() {
        for _ in 0..100 {
            let ids = (Ids::unguessable(), Ids::unguessable());
            for purpose in [
                Purpose::SignIn,
                Purpose::Link(Ids::unguessable(), Ids::unguessable()),
                Purpose::Sso(ids.0, ids.1),
                Purpose::SsoTest(ids.0, ids.1, Ids::unguessable()),
            ] {
                assert_eq!(Purpose::read(&purpose.write()), Some(purpose));
            }
        }
        // the first byte of an id may be any
        let link = [&[OF_SSO], [7; 31].as_slice()].concat();
        assert!(matches!(Purpose::read(&link), Some(Purpose::Link(..))));
        for length in [1, 16, 31, 34, 40, 48, 50, 65] {
            assert_eq!(Purpose::read(&vec![OF_SSO; length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_an_attempt(state in "[-_A-Za-z0-9]{0,120}", browser in ".{0,60}") {
            let keys = Keys::only(OAuthKey::from_secret("one"));
            prop_assert!(open_oauth(&keys, "acme", &state, &browser, Timestamp::UNIX_EPOCH).is_none());
        }
    }
}
