//! Organizations and members as the API shows them and events tell of them.

use access::Role;
use primitives::{Email, MemberId, OrgId, Slug, Time, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// The organization.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: Slug,
    /// Since when.
    pub created_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

/// A member of the organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The membership.
    pub id: MemberId,
    /// The person.
    pub user_id: UserId,
    /// The person's address.
    pub email: Email,
    /// What the person may do. Treat a word that you do not know as the least.
    pub role: Role,
    /// Since when.
    pub joined_at: Time,
    /// How often it has changed: its `ETag`.
    pub version: u64,
}

events::resources! { Organization Member }
