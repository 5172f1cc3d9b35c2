//! What the API shows of a directory, and events tell of it.

use access::Role;
use primitives::{MemberId, ScimGroupId, ScimTokenId, ScimUserId, Time, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A token by which an identity provider keeps the directory. Its text is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScimToken {
    /// The token.
    pub id: ScimTokenId,
    /// What people call it.
    pub name: String,
    /// Who made it.
    pub created_by: UserId,
    /// Since when.
    pub created_at: Time,
    /// When it ends. Null is never.
    pub expires_at: Option<Time>,
    /// When it was used last, to a minute. Null is never.
    pub last_used_at: Option<Time>,
}

/// A group of the directory, as the identity provider keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScimGroup {
    /// The group.
    pub id: ScimGroupId,
    /// What it is called.
    pub display_name: String,
    /// The id that the identity provider gave. Null where it gave none.
    pub external_id: Option<String>,
    /// What its members are in the organization. Null is that the group says nothing of it.
    pub role: Option<Role>,
    /// How many members it has.
    pub member_count: u32,
    /// Since when it is here.
    pub created_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// A user of the directory, without what it says of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScimUser {
    /// The user.
    #[schemars(with = "String")]
    pub id: ScimUserId,
    /// Whether it may come in.
    pub active: bool,
    /// The member that it is, or was last. Null is that it never was one.
    #[schemars(with = "Option<String>")]
    pub member_id: Option<MemberId>,
    /// The groups that it is in.
    #[schemars(with = "Vec<String>")]
    pub groups: Vec<ScimGroupId>,
    /// How often it has changed.
    pub version: u64,
}

/// A request of the identity provider's that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScimFailure {
    /// When.
    pub failed_at: Time,
    /// What was asked for: the method and the path.
    pub request: String,
    /// The status of the answer.
    pub status: u16,
    /// Why, for people.
    pub detail: String,
}

/// `meta` of a resource (RFC 7643, section 3.1).
pub(crate) fn meta(
    kind: &str,
    location: &str,
    (created, changed): (Timestamp, Timestamp),
    version: u64,
) -> Value {
    json!({
        "resourceType": kind, "created": Time::from(created), "lastModified": Time::from(changed),
        "location": location, "version": format!("\"{version}\""),
    })
}

events::resources! { ScimToken ScimGroup }
