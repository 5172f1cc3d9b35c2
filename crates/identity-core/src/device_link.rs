use primitives::{DeviceLinkId, HalfSessionId, SessionId, SignedDuration, Timestamp, UserId, kind};
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{Policy, Used, User, bearer::Bearer, keys};

/// That a person has a code on a screen by which another device is signed in: one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLink {
    /// Whose.
    pub user_id: UserId,
    /// The link.
    pub link_id: DeviceLinkId,
    /// The session on whose screen it is.
    pub session_id: SessionId,
    secret: String,
    created_at: Timestamp,
    /// Until when it works.
    pub valid_until: Timestamp,
    /// What it has signed the device in to.
    pub used: Option<Used<SignedInTo>>,
    #[serde(default)]
    version: u64,
}

/// What a device was signed in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedInTo {
    /// A session.
    Session(SessionId),
    /// A login that lacks something.
    Half(HalfSessionId),
}

/// The token of a device link as somebody showed it.
pub type ShownLink = Bearer<kind::DeviceLink>;

impl Item for DeviceLink {
    fn key(&self) -> Key {
        keys::DeviceLink::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

impl DeviceLink {
    /// One with this token that is on the screen of this session now, in the place of the one `before`.
    pub fn begin(
        token: &ShownLink,
        session_id: SessionId,
        before: Option<&Self>,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        Self {
            user_id: token.user_id,
            link_id: token.id,
            session_id,
            secret: token.hash(),
            created_at: now,
            valid_until: now + SignedDuration::from_secs(policy.device_link_seconds),
            used: None,
            version: before.map_or(0, |before| before.version),
        }
    }

    /// Whether this is its token, and it may sign a device in: as long as the session lives on whose screen
    /// it is, and the person signs in as they did then.
    pub fn is_shown_by(&self, shown: &ShownLink, user: &User, now: Timestamp) -> bool {
        let is_right = self.link_id == shown.id && shown.is_of(&self.secret);
        let stands = now < self.valid_until && user.has(self.session_id, now) && user.trusts(self.created_at);
        is_right && stands && user.user_id == self.user_id
    }

    /// The same as it is used up by a device that is called so.
    #[must_use]
    pub fn used_for(mut self, by: SignedInTo, name: &str, now: Timestamp) -> Self {
        self.used = Some(Used::new(by, name.as_bytes(), now));
        self
    }

    /// The same, which has led to something else since the answer before was lost.
    #[must_use]
    pub fn again(mut self, by: SignedInTo) -> Self {
        self.used = self.used.map(|used| Used { by, ..used });
        self
    }
}

#[cfg(test)]
mod tests {
    use access::{Shown, Way};
    use primitives::Ids;

    use super::*;
    use crate::{Device, Session};

    #[test]
    fn its_token_works_while_its_session_lives_and_nothing_changed() {
        let (now, policy) = (Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1), Policy::default());
        let device = Device { name: "Firefox on Linux".to_owned(), country: None };
        let ids = (Ids::unguessable(), Ids::unguessable());
        let session = Session::begin(ids, Shown::only(Way::Mail), device, &policy, now);
        let user = User::new("ada@example.com".parse().unwrap(), &session);
        let begin = |token: &ShownLink| DeviceLink::begin(token, session.session_id, None, &policy, now);
        let token = ShownLink::new(user.user_id, Ids::unguessable());
        let link = begin(&token);
        assert!(link.is_shown_by(&token, &user, now));
        assert!(!link.is_shown_by(&token, &user, now + SignedDuration::from_mins(5)), "it is over then");
        let forged = ShownLink::new(user.user_id, token.id);
        assert!(!link.is_shown_by(&forged, &user, now), "with another secret");
        assert!(!begin(&forged).is_shown_by(&token, &user, now));
        assert!(!link.is_shown_by(&token, &user.clone().with_only(None, now), now), "its session is over");
        assert!(!link.is_shown_by(&token, &user.with_way(Way::Totp, now), now), "credentials changed");
    }
}
