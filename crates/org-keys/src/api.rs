//! Keys as the API shows them and events tell of them.

use access::Scope;
use primitives::{ApiKeyId, Network, Time, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key by which a program acts for the organization. Its text is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// The key.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// What it may do, as long as whoever made it may.
    pub scopes: Vec<Scope>,
    /// From where it may be used. Empty is anywhere.
    #[schema(inline)]
    pub allowed_addresses: Vec<Network>,
    /// Whether it works.
    pub status: ApiKeyStatus,
    /// Who made it.
    pub created_by: UserId,
    /// Since when.
    pub created_at: Time,
    /// When it ends. Null is never.
    pub expires_at: Option<Time>,
    /// When it was used last, to a minute. Null is never.
    pub last_used_at: Option<Time>,
    /// How often it has changed: its `ETag`. Its use is no change.
    pub version: u64,
}

/// Whether a key works. Treat a word that you do not know as one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyStatus {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// How a key is shown at this time, at this version.
pub fn shown(key: &identity_core::ApiKey, version: u64, now: Timestamp) -> ApiKey {
    let status = match (key.revoked_at, key.is_active(now)) {
        (Some(_), _) => ApiKeyStatus::Revoked,
        (None, true) => ApiKeyStatus::Active,
        (None, false) => ApiKeyStatus::Expired,
    };
    ApiKey {
        id: key.key_id,
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        allowed_addresses: key.allowed_addresses.clone(),
        status,
        created_by: key.made_by,
        created_at: key.created_at.into(),
        expires_at: key.valid_until.map(Time::from),
        last_used_at: key.last_used_at.map(Time::from),
        version,
    }
}

events::resources! { ApiKey }
