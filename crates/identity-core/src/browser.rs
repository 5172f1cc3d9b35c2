use std::collections::BTreeMap;

use access::Person;
use primitives::{SignedDuration, Timestamp, TrustedBrowserId, UserId, kind};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{Device, Policy, User, bearer::Bearer, keys};

/// How many browsers are remembered of a person; one more, and the oldest is forgotten.
pub const MOST_TRUSTED_BROWSERS: usize = 10;

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

/// The token of a browser, as it is made or as somebody showed it.
pub type ShownBrowser = Bearer<kind::TrustedBrowser>;

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
        new: &ShownBrowser,
        device: Device,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let valid_until = now + SignedDuration::from_secs(policy.trusted_browser_seconds);
        let (secret, added_at) = (new.hash(), now);
        let browser = TrustedBrowser { secret, device, added_at, used_at: now, valid_until };
        let kept = self.known(&user.person(), now).into_iter().take(MOST_TRUSTED_BROWSERS - 1);
        let browsers = kept.chain([(new.id, browser)]).collect();
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
        let (user_id, browser) = (self.user_id, self.browsers.get_mut(&shown.id)?);
        let is_right = shown.is_of(&browser.secret);
        let is_known = now < browser.valid_until && user.trusts(browser.added_at);
        browser.used_at = now;
        (is_right && is_known && user_id == shown.user_id && user_id == user.user_id).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use access::{Shown, Way};
    use primitives::Ids;

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
        let new = ShownBrowser::new(user.user_id, Ids::unguessable());
        let none = TrustedBrowsers::none(user.user_id);
        (none.with(user, &new, device(), &Policy::default(), now), new)
    }

    #[test]
    fn a_browser_is_known_by_its_token_for_thirty_days_and_by_no_other() {
        let (user, now) = (ada(), Timestamp::UNIX_EPOCH + DAY);
        let (browsers, shown) = remembered(&user, now);
        let is_known = |shown: &ShownBrowser, at| browsers.clone().used(&user, shown, at).is_some();
        assert!(is_known(&shown, now) && is_known(&shown, now + DAY * 29));
        assert!(!is_known(&shown, now + DAY * 30));
        let (_, other) = remembered(&user, now);
        let forged = ShownBrowser::new(user.user_id, shown.id);
        assert!(!is_known(&other, now) && !is_known(&forged, now));
        assert!(browsers.clone().used(&ada(), &shown, now).is_none(), "of somebody else");
        let stored = format!("{browsers:?}");
        assert!(!stored.contains(&shown.token().expose()[48..]), "{stored}");
    }

    #[test]
    fn a_change_of_credentials_forgets_all_and_there_are_ten() {
        let (mut user, now) = (ada(), Timestamp::UNIX_EPOCH + DAY);
        let (mut browsers, first) = remembered(&user, now);
        for number in 1..=10 {
            let new = ShownBrowser::new(user.user_id, Ids::unguessable());
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
}
