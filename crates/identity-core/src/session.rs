use access::{Shown, Way};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{
    Email, MailCodeId, MemberId, OrgId, SessionId, SignedDuration, SsoConnectionId, Timestamp, UserId,
    random_secret,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::{Item, Key};

use crate::{Device, Membership, Policy, REPEATED, keys};

/// A session of a person: from a login to its end, through all of its refresh tokens. It is deleted when it
/// ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub user_id: UserId,
    /// Its id.
    pub session_id: SessionId,
    /// Goes into every refresh token, so that the key alone does not make one.
    pub salt: String,
    /// How often the refresh token was replaced.
    pub generation: u32,
    /// When the current refresh token was made.
    pub rotated_at: Timestamp,
    /// When those before it were made, newest first, as far as that was a moment before `rotated_at`.
    #[serde(default)]
    earlier_rotations: Vec<Timestamp>,
    /// When the access token was made, if later: the session went to another organization.
    #[serde(default)]
    pub moved_at: Option<Timestamp>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// What the person has shown, then and later.
    pub shown: Shown,
    /// When that was shown last.
    pub shown_at: Timestamp,
    /// The connection to an organization's identity provider that the person signed in by, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<SsoConnectionId>,
    /// What the person signed in on.
    pub device: Device,
    /// When it ends, however much it is used.
    pub valid_until: Timestamp,
    /// The organization that it is in.
    pub org_id: Option<OrgId>,
    /// The person's membership there.
    pub member_id: Option<MemberId>,
    /// The code that was sent to the person's address last, to show with this session who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_code: Option<MailCode>,
    #[serde(default)]
    version: u64,
}

/// A code that was sent by mail, as far as it is kept: the digits are derived from its id. It works with the
/// session that asked for it alone, and the next one voids it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailCode {
    /// Its id.
    pub code_id: MailCodeId,
    /// Where it is sent: the person's address, as long as that is theirs.
    pub email: Email,
    /// Until when it works.
    pub valid_until: Timestamp,
    /// When it was used, for whoever did not hear the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_at: Option<Timestamp>,
}

impl MailCode {
    /// A new one, for the person with this address.
    pub fn new(code_id: MailCodeId, email: Email, valid_until: Timestamp) -> Self {
        Self { code_id, email, valid_until, used_at: None }
    }

    /// Whether it can still be shown.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.valid_until && self.used_at.is_none()
    }

    /// Whether it was used a moment ago, so that the same once more is somebody who did not hear the answer.
    pub fn was_used_lately(&self, now: Timestamp) -> bool {
        self.used_at.is_some_and(|used| now.duration_since(used) <= REPEATED)
    }

    /// The same, used up.
    #[must_use]
    pub fn used(self, now: Timestamp) -> Self {
        Self { used_at: Some(now), ..self }
    }
}

/// How somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the link or the code of a mail.
    MagicLink,
    /// By a password.
    Password,
    /// By a passkey.
    Passkey,
    /// By a code on the screen of another device.
    DeviceLink,
    /// With an account at an identity provider.
    ConnectedAccount,
    /// By the identity provider of an organization.
    Sso,
}

impl Method {
    /// How somebody signed in who has shown this.
    pub fn of(shown: &Shown) -> Self {
        if shown.has(Way::DeviceLink) {
            Self::DeviceLink
        } else if shown.has(Way::Sso) {
            Self::Sso
        } else if shown.has(Way::ConnectedAccount) {
            Self::ConnectedAccount
        } else if shown.has(Way::Password) {
            Self::Password
        } else if shown.has(Way::Passkey) && !shown.has(Way::Mail) {
            Self::Passkey
        } else {
            Self::MagicLink
        }
    }
}

impl Item for Session {
    fn key(&self) -> Key {
        keys::Session::key(self.user_id, self.session_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.valid_until)
    }
}

impl Session {
    /// A new one, outside of any organization.
    pub fn begin(
        (user_id, session_id): (UserId, SessionId),
        shown: Shown,
        device: Device,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        Self {
            user_id,
            session_id,
            salt: URL_SAFE_NO_PAD.encode(random_secret::<32>()),
            generation: 0,
            rotated_at: now,
            earlier_rotations: Vec::new(),
            moved_at: None,
            created_at: now,
            shown,
            shown_at: now,
            sso: None,
            device,
            valid_until: now + SignedDuration::from_secs(policy.session_seconds),
            org_id: None,
            member_id: None,
            mail_code: None,
            version: 0,
        }
    }

    /// The same in the organization of this membership, or in none.
    #[must_use]
    pub fn within(mut self, membership: Option<&Membership>) -> Self {
        self.org_id = membership.map(|membership| membership.org_id);
        self.member_id = membership.map(|membership| membership.member_id);
        self
    }

    /// The same of whoever signed in by this connection, or in another way.
    #[must_use]
    pub fn by(self, sso: Option<SsoConnectionId>) -> Self {
        Self { sso, ..self }
    }

    /// The same with its next refresh token.
    #[must_use]
    pub fn rotated(mut self, policy: &Policy, now: Timestamp) -> Self {
        self.earlier_rotations.insert(0, self.rotated_at);
        self.earlier_rotations.retain(|at| now.duration_since(*at) <= policy.replay());
        self.earlier_rotations.truncate(REMEMBERED_ROTATIONS);
        self.generation += 1;
        self.rotated_at = now;
        self.moved_at = None;
        self
    }

    /// The same in another organization. The refresh token stays, so an answer that gets lost costs nobody
    /// the session.
    #[must_use]
    pub fn moved(mut self, membership: &Membership, now: Timestamp) -> Self {
        self.moved_at = Some(now);
        self.within(Some(membership))
    }

    /// The same after the person has shown who they are once more, in this way. As with [`Session::moved`]
    /// the refresh token stays.
    #[must_use]
    pub fn stepped_up(mut self, way: Way, now: Timestamp) -> Self {
        self.shown = self.shown.and(way);
        self.shown_at = now;
        self.moved_at = Some(now);
        self
    }

    /// Whether it is in the organization of this membership.
    pub fn is_within(&self, membership: &Membership) -> bool {
        (self.org_id, self.member_id) == (Some(membership.org_id), Some(membership.member_id))
    }

    /// When it was used last: a quarter of an hour more or less, since an access token needs it no more.
    pub fn last_seen_at(&self) -> Timestamp {
        self.moved_at.map_or(self.rotated_at, |moved| moved.max(self.rotated_at))
    }

    /// When it ends if nobody uses it any more.
    pub fn expires_at(&self, policy: &Policy) -> Timestamp {
        self.valid_until.min(self.rotated_at + SignedDuration::from_secs(policy.session_idle_seconds))
    }

    /// Whether it was not idle for too long. Whether it has ended, the person's item knows: `User::has`.
    pub fn is_in_use(&self, policy: &Policy, now: Timestamp) -> bool {
        now < self.rotated_at + SignedDuration::from_secs(policy.session_idle_seconds)
    }

    /// Whether nothing has become of it since its first pair of tokens.
    pub fn is_untouched(&self) -> bool {
        self.generation == 0 && self.moved_at.is_none()
    }

    /// When a refresh token was replaced that is so many generations old, if that is remembered.
    pub fn replaced_at(&self, generations: u32) -> Option<Timestamp> {
        match generations {
            0 => None,
            1 => Some(self.rotated_at),
            older => self.earlier_rotations.get(usize::try_from(older - 2).ok()?).copied(),
        }
    }
}

/// Nobody refreshes so often within a moment.
const REMEMBERED_ROTATIONS: usize = 20;
