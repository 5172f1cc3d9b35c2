use access::{Role, Tenant};
use primitives::{Email, MemberId, OrgId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Item, Key, Query, StoreError, Table};

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
    /// Tokens and sessions from before are void.
    pub sessions_valid_after: Option<Timestamp>,
    /// Sessions that ended so recently that access tokens of theirs may still be about.
    #[serde(default)]
    pub ended_sessions: Vec<EndedSession>,
    #[serde(default)]
    version: u64,
}

/// A session that ended before its access tokens did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    session_id: SessionId,
    until: Timestamp,
}

impl Item for User {
    fn key(&self) -> Key {
        Key::User(self.user_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl User {
    /// Somebody new.
    pub fn new(user_id: UserId, email: Email, now: Timestamp) -> Self {
        Self {
            user_id,
            email,
            created_at: now,
            last_org_id: None,
            sessions_valid_after: None,
            ended_sessions: Vec::new(),
            version: 0,
        }
    }

    /// The person without this session: its access tokens are void until the last of them has expired by
    /// itself.
    #[must_use]
    pub fn without(mut self, session_id: SessionId, until: Timestamp, now: Timestamp) -> Self {
        self.ended_sessions.retain(|ended| ended.until > now && ended.session_id != session_id);
        self.ended_sessions.push(EndedSession { session_id, until });
        self
    }

    /// Whether a token or a session of this time still counts, as far as the person's item says.
    pub fn accepts(&self, session_id: SessionId, issued_at: Timestamp) -> bool {
        let ended = self.ended_sessions.iter().any(|ended| ended.session_id == session_id);
        !ended && self.sessions_valid_after.is_none_or(|after| issued_at > after)
    }
}

/// Whose an address is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmailOwner {
    /// The address.
    pub email: Email,
    /// Whose it is.
    pub user_id: UserId,
    #[serde(default)]
    version: u64,
}

impl EmailOwner {
    /// That this address is this person's.
    pub fn new(email: Email, user_id: UserId) -> Self {
        Self { email, user_id, version: 0 }
    }
}

impl Item for EmailOwner {
    fn key(&self) -> Key {
        Key::EmailOwner(self.email.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// What a person's list of organizations says about one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipSummary {
    /// The person.
    pub user_id: UserId,
    /// The organization.
    pub org_id: OrgId,
    /// The person's membership in it.
    pub member_id: MemberId,
    /// The role when the membership was last changed.
    pub role: Role,
    /// The organization's name.
    pub org_name: String,
    /// The organization's name in URLs.
    pub org_slug: String,
    #[serde(default)]
    version: u64,
}

impl Item for MembershipSummary {
    fn key(&self) -> Key {
        Key::Membership(self.user_id, Tenant::trusted(self.org_id))
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The organizations that a person belongs to: the first 100.
pub async fn memberships(table: &Table, user_id: UserId) -> Result<Vec<MembershipSummary>, StoreError> {
    table.first(&of_user(user_id), 100).await
}

/// Asks for the organizations that a person belongs to.
pub fn of_user(user_id: UserId) -> Query {
    Query::prefix("membership", Key::User(user_id).pk(), "MEMBERSHIP#")
}
