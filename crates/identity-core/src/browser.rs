use std::collections::BTreeMap;

use access::Person;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{Secret, SignedDuration, Timestamp, TrustedBrowserId, UserId, random_secret};
use serde::{Deserialize, Serialize};
use table::{Item, Key};
use uuid::Uuid;

use crate::{Device, Policy, User, keys, same};

/// How many browsers are remembered of a person; one more, and the oldest is forgotten.
pub const MOST_TRUSTED_BROWSERS: usize = 10;

/// What the tokens of remembered browsers begin with.
const TRUSTED_BROWSER_TOKEN: &str = "gtb_";

/// The browsers in which a person has shown a second factor and need not show it again for a while: a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedBrowsers {
    user_id: UserId,
    browsers: BTreeMap<TrustedBrowserId, TrustedBrowser>,
    #[serde(default)]
    version: u64,
}

/// A browser that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedBrowser {
    secret: String,
    /// What the person signed in on.
    pub device: Device,
    /// Since when it is remembered.
    pub added_at: Timestamp,
    /// When somebody last signed in with it.
    pub used_at: Timestamp,
    /// Until when it is remembered.
    pub valid_until: Timestamp,
}

/// The token of a browser as somebody showed it. It says where to look, and not that it is right.
#[derive(Clone, Debug)]
pub struct ShownBrowser {
    /// Whose it says it is.
    pub user_id: UserId,
    browser_id: TrustedBrowserId,
    secret: [u8; 32],
}

impl ShownBrowser {
    /// What a token says.
    pub fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(TRUSTED_BROWSER_TOKEN)?).ok()?;
        let bytes: [u8; 64] = bytes.try_into().ok()?;
        Some(Self {
            user_id: UserId::from_uuid(Uuid::from_slice(&bytes[..16]).ok()?),
            browser_id: TrustedBrowserId::from_uuid(Uuid::from_slice(&bytes[16..32]).ok()?),
            secret: bytes[32..].try_into().ok()?,
        })
    }
}

/// What a browser is to be remembered by: made before it is known whether it will be.
#[derive(Clone, Debug)]
pub struct NewBrowser {
    /// The browser.
    pub browser_id: TrustedBrowserId,
    secret: [u8; 32],
}

impl NewBrowser {
    /// Called so.
    pub fn new(browser_id: TrustedBrowserId) -> Self {
        Self { browser_id, secret: random_secret() }
    }

    /// What the browser keeps.
    pub fn token(&self, user_id: UserId) -> Secret<String> {
        let (user, browser) = (user_id.uuid(), self.browser_id.uuid());
        let parts = [user.as_bytes().as_slice(), browser.as_bytes(), &self.secret].concat();
        Secret::new(format!("{TRUSTED_BROWSER_TOKEN}{}", URL_SAFE_NO_PAD.encode(parts)))
    }
}

impl Item for TrustedBrowsers {
    fn key(&self) -> Key {
        keys::TrustedBrowsers::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.browsers.values().map(|browser| browser.valid_until).max()
    }
}

impl TrustedBrowsers {
    /// Of somebody of whom none is remembered.
    pub fn none(user_id: UserId) -> Self {
        Self { user_id, browsers: BTreeMap::new(), version: 0 }
    }

    /// Those that are remembered, the newest first: what was before the person's last change of credentials
    /// is forgotten.
    pub fn known(&self, person: &Person, now: Timestamp) -> Vec<(TrustedBrowserId, TrustedBrowser)> {
        let known = |browser: &&TrustedBrowser| now < browser.valid_until && person.trusts(browser.added_at);
        let known = self.browsers.iter().filter(|(_, browser)| known(browser));
        let mut known: Vec<_> = known.map(|(id, browser)| (*id, browser.clone())).collect();
        known.sort_by_key(|(id, browser)| std::cmp::Reverse((browser.added_at, *id)));
        known
    }

    /// The same with one more, in the place of the oldest where there is no room, and without those that
    /// are not remembered any more.
    #[must_use]
    pub fn with(
        &self,
        user: &User,
        new: &NewBrowser,
        device: Device,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let valid_until = now + SignedDuration::from_secs(policy.trusted_browser_seconds);
        let (secret, added_at) = (hash(&new.secret), now);
        let browser = TrustedBrowser { secret, device, added_at, used_at: now, valid_until };
        let kept = self.known(&user.person(), now).into_iter().take(MOST_TRUSTED_BROWSERS - 1);
        let browsers = kept.chain([(new.browser_id, browser)]).collect();
        Self { user_id: self.user_id, browsers, version: self.version }
    }

    /// The same without this one; nothing where it is not remembered.
    pub fn without(mut self, browser_id: TrustedBrowserId) -> Option<Self> {
        self.browsers.remove(&browser_id).map(|_| self)
    }

    /// Whether none is on the list.
    pub fn is_empty(&self) -> bool {
        self.browsers.is_empty()
    }

    /// The same with the browser used now that this is the token of; nothing where none is.
    pub fn used(mut self, user: &User, shown: &ShownBrowser, now: Timestamp) -> Option<Self> {
        let (user_id, browser) = (self.user_id, self.browsers.get_mut(&shown.browser_id)?);
        let is_right = same(browser.secret.as_bytes(), hash(&shown.secret).as_bytes());
        let is_known = now < browser.valid_until && user.trusts(browser.added_at);
        browser.used_at = now;
        (is_right && is_known && user_id == shown.user_id && user_id == user.user_id).then_some(self)
    }
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use access::{Shown, Way};
    use primitives::Ids;
    use proptest::prelude::*;

    use super::*;
    use crate::Session;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn device() -> Device {
        Device { name: "Firefox on Linux".to_owned(), country: None }
    }

    fn ada() -> User {
        let ids = (Ids::unguessable(), Ids::unguessable());
        let (shown, policy) = (Shown::only(Way::Mail), Policy::default());
        let session = Session::begin(ids, shown, device(), &policy, Timestamp::UNIX_EPOCH);
        User::new("ada@example.com".parse().unwrap(), &session)
    }

    fn remembered(user: &User, now: Timestamp) -> (TrustedBrowsers, ShownBrowser) {
        let new = NewBrowser::new(Ids::unguessable());
        let shown = ShownBrowser::read(new.token(user.user_id).expose()).unwrap();
        let none = TrustedBrowsers::none(user.user_id);
        (none.with(user, &new, device(), &Policy::default(), now), shown)
    }

    #[test]
    fn a_browser_is_known_by_its_token_for_thirty_days_and_by_no_other() {
        let (user, now) = (ada(), Timestamp::UNIX_EPOCH + DAY);
        let (browsers, shown) = remembered(&user, now);
        let is_known = |shown: &ShownBrowser, at| browsers.clone().used(&user, shown, at).is_some();
        assert!(is_known(&shown, now) && is_known(&shown, now + DAY * 29));
        assert!(!is_known(&shown, now + DAY * 30));
        let (_, other) = remembered(&user, now);
        let forged = ShownBrowser { secret: other.secret, ..shown.clone() };
        assert!(!is_known(&other, now) && !is_known(&forged, now));
        assert!(browsers.clone().used(&ada(), &shown, now).is_none(), "of somebody else");
        let stored = format!("{browsers:?}");
        assert!(!stored.contains(&URL_SAFE_NO_PAD.encode(shown.secret)), "{stored}");
    }

    #[test]
    fn a_change_of_credentials_forgets_all_and_there_are_ten() {
        let (mut user, now) = (ada(), Timestamp::UNIX_EPOCH + DAY);
        let (mut browsers, first) = remembered(&user, now);
        for number in 1..=10 {
            let new = NewBrowser::new(Ids::unguessable());
            browsers = browsers.with(&user, &new, device(), &Policy::default(), now + DAY * number);
        }
        let later = now + DAY * 10;
        assert_eq!(browsers.known(&user.person(), later).len(), MOST_TRUSTED_BROWSERS);
        assert!(browsers.clone().used(&user, &first, later).is_none(), "the oldest made room");
        user = user.with_way(Way::Totp, later);
        assert!(browsers.known(&user.person(), later).is_empty());
        let (after, shown) = remembered(&user, later + DAY);
        assert!(after.used(&user, &shown, later + DAY).is_some());
    }

    proptest! {
        #[test]
        fn no_text_is_read_as_more_than_it_is(text in "(gtb_)?[-_A-Za-z0-9]{0,90}") {
            prop_assert!(ShownBrowser::read(&text).is_none() || text.len() == 4 + 86);
        }
    }
}
