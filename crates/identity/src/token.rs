use primitives::{MemberId, OrgId, SessionId, SsoConnectionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What an access token calls itself (RFC 9068, section 2.1).
pub(crate) const ACCESS_TOKEN: &str = "at+jwt";

/// What an access token says: a JWT after RFC 9068. The role is not in it: it is read when it matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made it: the API's public URL.
    pub iss: String,
    /// Who it is for: the same.
    pub aud: String,
    /// The person.
    pub sub: UserId,
    /// The client that it was made for.
    pub client_id: String,
    /// Names this token.
    pub jti: String,
    /// The session.
    pub sid: SessionId,
    /// The organization that the session is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The person's membership there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mbr: Option<MemberId>,
    /// When the person last showed who they are, epoch seconds.
    pub auth_time: i64,
    /// How certain that makes it: `aal1`, or `aal2` with more than one factor.
    #[serde(default)]
    pub acr: String,
    /// What was shown (RFC 8176).
    #[serde(default)]
    pub amr: Vec<String>,
    /// The connection to an organization's identity provider that the person signed in by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sso: Option<SsoConnectionId>,
    /// When it was made, epoch seconds.
    pub iat: i64,
    /// From when on it works, epoch seconds. We write none, and obey it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it stops working, epoch seconds.
    pub exp: i64,
    /// Who really acts, where it is not the person (RFC 8693, section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
}

/// Somebody of our staff who acts in the name of a token's person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who.
    pub sub: UserId,
}

impl Claims {
    pub(crate) fn issued_at(&self) -> Timestamp {
        Timestamp::from_second(self.iat).unwrap_or(Timestamp::MIN)
    }

    pub(crate) fn signed_in_at(&self) -> Timestamp {
        Timestamp::from_second(self.auth_time).unwrap_or(Timestamp::MIN)
    }
}
