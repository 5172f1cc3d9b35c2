use std::collections::{BTreeMap, BTreeSet};

use access::{Deletion, Person, Profile, Way};
use primitives::{Email, ImpersonationId, OrgId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Index, Item, Key, Roster};

use crate::{HalfSession, InTheName, Phone, Session, keys};

/// How many sessions a person may have; one more, and the oldest ends.
pub const MOST_SESSIONS: usize = 25;

/// How many passkeys a person may have.
pub const MOST_PASSKEYS: usize = 10;

/// The sessions that a person has, as a part of the person's item: what is not in it has ended, however it
/// did.
pub fn sessions_of(user_id: UserId) -> Roster {
    Roster::within(keys::User::key(user_id), "live", MOST_SESSIONS)
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub user_id: UserId,
    /// The verified address: where mail goes.
    pub email: Email,
    /// Since when.
    pub created_at: Timestamp,
    /// The organization that the person chose last.
    pub last_org_id: Option<OrgId>,
    /// What the person says about themselves.
    #[serde(default)]
    pub profile: Profile,
    /// The person's phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// That the account is to be erased.
    #[serde(default)]
    pub deletion: Option<Deletion>,
    /// The person's sessions: [`sessions_of`]. Of somebody who is suspended there is no list, so that nothing
    /// joins it.
    #[serde(default)]
    live: Option<BTreeMap<SessionId, Life>>,
    /// Since when our staff lets the person in no more.
    #[serde(default)]
    suspended_at: Option<Timestamp>,
    /// Who of our staff acts in the person's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    impersonations: BTreeMap<ImpersonationId, InTheName>,
    /// The ways to sign in that the person has set up. Mail is not among them: everybody has it.
    #[serde(default)]
    ways: BTreeMap<Way, Timestamp>,
    /// When logins that lacked something were ended last: those lead nowhere that began when this was another
    /// time.
    #[serde(default)]
    half_sessions_ended_at: Option<Timestamp>,
    /// When the person last changed how they sign in: browsers that were remembered up to then are forgotten.
    #[serde(default)]
    credentials_changed_at: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

/// From when until when a session may live: seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life(i64, i64);

impl Life {
    /// That of this session.
    pub fn of(session: &Session) -> Self {
        Self(session.created_at.as_second(), session.valid_until.as_second())
    }
}

impl Item for User {
    fn key(&self) -> Key {
        keys::User::key(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// Only those who are to be erased.
    fn index(&self) -> Option<Index> {
        self.deletion.map(|deletion| keys::erasure(deletion.erase_at, self.user_id))
    }
}

impl User {
    /// Somebody new, who signs in for the first time.
    pub fn new(email: Email, session: &Session) -> Self {
        let live = Some(BTreeMap::from([(session.session_id, Life::of(session))]));
        Self { live, ..Self::expected(session.user_id, email, session.created_at) }
    }

    /// Somebody who has not signed in yet, and is expected to.
    pub fn expected(user_id: UserId, email: Email, now: Timestamp) -> Self {
        Self {
            user_id,
            email,
            created_at: now,
            last_org_id: None,
            profile: Profile::default(),
            phone: None,
            deletion: None,
            live: Some(BTreeMap::new()),
            suspended_at: None,
            impersonations: BTreeMap::new(),
            ways: BTreeMap::new(),
            half_sessions_ended_at: None,
            credentials_changed_at: None,
            version: 0,
        }
    }

    /// The same, about to be erased or not.
    #[must_use]
    pub fn leaving(self, deletion: Option<Deletion>) -> Self {
        Self { deletion, ..self }
    }

    /// What a request gets to know of the person.
    pub fn person(&self) -> Person {
        Person {
            profile: self.profile.clone(),
            phone: self.phone.as_ref().map(|phone| phone.number.clone()),
            deletion: self.deletion,
            version: self.version,
            credentials_changed_at: self.credentials_changed_at,
        }
    }

    /// Whether this is a session of the person's that nobody has ended, and whose last day is not over.
    pub fn has(&self, session_id: SessionId, now: Timestamp) -> bool {
        let life = self.live.as_ref().and_then(|live| live.get(&session_id));
        life.is_some_and(|Life(_, until)| now.as_second() < *until)
    }

    /// When this session of the person's began.
    pub fn began_at(&self, session_id: SessionId) -> Option<Timestamp> {
        let Life(born, _) = self.live.as_ref()?.get(&session_id)?;
        Timestamp::from_second(*born).ok()
    }

    /// The sessions that [`User::has`].
    pub fn sessions(&self, now: Timestamp) -> BTreeSet<SessionId> {
        self.listed().filter(|session_id| self.has(*session_id, now)).collect()
    }

    /// The sessions on the list, also those whose last day is over.
    pub fn listed(&self) -> impl Iterator<Item = SessionId> {
        self.live.iter().flat_map(|live| live.keys().copied())
    }

    /// Since when our staff lets the person in no more, where that is so.
    pub fn suspended_at(&self) -> Option<Timestamp> {
        self.suspended_at
    }

    /// The same, suspended: without any session, and without a place for one.
    #[must_use]
    pub fn suspended(mut self, now: Timestamp) -> Self {
        self.suspended_at = Some(now);
        self.live = None;
        self.with_only(None, now)
    }

    /// The same, who may come in again.
    #[must_use]
    pub fn unsuspended(mut self) -> Self {
        self.suspended_at = None;
        self.live.get_or_insert_default();
        self
    }

    /// The same with no other session than this one, and without logins that lack something.
    #[must_use]
    pub fn with_only(mut self, session_id: Option<SessionId>, now: Timestamp) -> Self {
        self.live.iter_mut().for_each(|all| all.retain(|live, _| Some(*live) == session_id));
        self.half_sessions_ended_at = Some(now);
        self.impersonations.clear();
        self.with_changed_credentials(now)
    }

    /// Who acts in the person's name by this one, where it has not ended.
    pub fn in_the_name(&self, id: ImpersonationId, now: Timestamp) -> Option<InTheName> {
        self.impersonations.get(&id).copied().filter(|entry| now < entry.until)
    }

    /// All that are in the person's item.
    pub fn impersonations(&self) -> impl Iterator<Item = InTheName> {
        self.impersonations.values().copied()
    }

    /// The same in whose name somebody acts.
    #[must_use]
    pub fn impersonated(mut self, id: ImpersonationId, by: InTheName) -> Self {
        self.impersonations.insert(id, by);
        self
    }

    /// The same in whose name nobody acts by this one any more.
    #[must_use]
    pub fn impersonated_no_more(mut self, id: ImpersonationId) -> Self {
        self.impersonations.remove(&id);
        self
    }

    /// The same without those whose time is over.
    #[must_use]
    pub fn without_past_impersonations(mut self, now: Timestamp) -> Self {
        self.impersonations.retain(|_, entry| now < entry.until);
        self
    }

    /// The ways to sign in that the person has set up beside mail, and since when.
    pub fn ways(&self) -> &BTreeMap<Way, Timestamp> {
        &self.ways
    }

    /// Whether there is a second factor that the person can show, besides recovery codes, which are for the
    /// day without.
    pub fn has_factor(&self) -> bool {
        self.ways.keys().any(|way| way.is_second() || way.is_two_factors())
    }

    /// Whether the person wants to be asked for one whoever else asks for it. A passkey is a better way in
    /// for whoever has one at hand, and closes no other: nobody who loses it is shut out.
    pub fn wants_factor(&self) -> bool {
        self.ways.keys().any(|way| way.is_second())
    }

    /// The same with this way set up, now.
    #[must_use]
    pub fn with_way(mut self, way: Way, now: Timestamp) -> Self {
        self.ways.insert(way, now);
        self.with_changed_credentials(now)
    }

    /// The same without this way, from now on.
    #[must_use]
    pub fn without_way(mut self, way: Way, now: Timestamp) -> Self {
        self.ways.remove(&way);
        self.with_changed_credentials(now)
    }

    /// The same with this phone, or none, from now on.
    #[must_use]
    pub fn with_phone(mut self, phone: Option<Phone>, now: Timestamp) -> Self {
        self.phone = phone;
        self.with_changed_credentials(now)
    }

    /// The same who has changed how they sign in: no browser is remembered from before.
    #[must_use]
    pub fn with_changed_credentials(mut self, now: Timestamp) -> Self {
        self.credentials_changed_at = Some(now);
        self
    }

    /// Whether what was trusted then is trusted still.
    pub fn trusts(&self, at: Timestamp) -> bool {
        self.person().trusts(at)
    }

    /// When logins that lacked something were ended last.
    pub fn half_sessions_ended_at(&self) -> Option<Timestamp> {
        self.half_sessions_ended_at
    }

    /// Whether a login that lacks something may still be completed: none was ended since the person was read
    /// for it, however late it was stored.
    pub fn admits(&self, half: &HalfSession) -> bool {
        self.half_sessions_ended_at == half.others_ended_at
    }

    /// The same with this session too, in the place of the oldest where there is no room; and which that was.
    #[must_use]
    pub fn joined_by(mut self, session: &Session) -> (Self, Vec<SessionId>) {
        let leaves: Vec<_> = self.surplus().into_iter().take(1).collect();
        if let Some(live) = &mut self.live {
            live.retain(|session_id, _| !leaves.contains(session_id));
            live.insert(session.session_id, Life::of(session));
        }
        (self, leaves)
    }

    /// The sessions that are to end when one more begins, the oldest first: none while there is room.
    pub fn surplus(&self) -> Vec<SessionId> {
        let mut sessions: Vec<_> = self.live.iter().flatten().collect();
        if sessions.len() < MOST_SESSIONS {
            return Vec::new();
        }
        sessions.sort_by_key(|(session_id, life)| (**life, **session_id));
        sessions.into_iter().map(|(session_id, _)| *session_id).collect()
    }
}

/// Whose an address is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmailOwner {
    /// The address.
    pub email: Email,
    /// Whose it is.
    pub user_id: UserId,
    /// Until when it is kept for the person, who has another one now.
    #[serde(default)]
    pub reserved_until: Option<Timestamp>,
    #[serde(default)]
    version: u64,
}

impl EmailOwner {
    /// That this address is this person's; `before` is what was stored of it.
    pub fn new(email: Email, user_id: UserId, before: Option<&Self>) -> Self {
        let version = before.map_or(0, |before| before.version);
        Self { email, user_id, reserved_until: None, version }
    }

    /// The same, kept for the person until then.
    #[must_use]
    pub fn reserved(&self, until: Timestamp) -> Self {
        Self { reserved_until: Some(until), ..self.clone() }
    }

    /// Whether it is the person's address now.
    pub fn is_current(&self) -> bool {
        self.reserved_until.is_none()
    }

    /// Whether it is the person's address, or is kept for the person; else it is anybody's.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.reserved_until.is_none_or(|until| now < until)
    }
}

impl Item for EmailOwner {
    fn key(&self) -> Key {
        keys::EmailOwner::key(self.email.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.reserved_until
    }

    /// Not one that is kept for somebody who has another one now.
    fn index(&self) -> Option<Index> {
        self.is_current().then(|| keys::by_email(&self.email, self.user_id))
    }
}
