//! The events of directories.

use primitives::ScimUserId;
use serde_json::{Map, Value, json};

use crate::api::{ScimGroup, ScimToken, ScimUser};

events::events! {
    /// A token was made by which an identity provider keeps an organization's directory.
    "scim_token.created" ScimTokenCreated Internal {
        /// The token, as the API shows it.
        scim_token: ScimToken = token(),
    }
    /// A token works no more.
    "scim_token.revoked" ScimTokenRevoked Internal {
        /// The token, as the API showed it.
        scim_token: ScimToken = token(),
    }
    /// The directory has somebody new.
    "scim_user.created" ScimUserCreated Internal {
        /// The user.
        scim_user: ScimUser = user(),
    }
    /// The directory says something else of somebody.
    "scim_user.updated" ScimUserUpdated Internal {
        /// The user.
        scim_user: ScimUser = user(),
        /// Which attributes are otherwise.
        changed: Vec<String> = json!(["title"]),
    }
    /// The directory has somebody no more.
    "scim_user.deleted" ScimUserDeleted Internal {
        /// The user, as it was.
        scim_user: ScimUser = user(),
    }
    /// The directory has a new group.
    "scim_group.created" ScimGroupCreated Internal {
        /// The group, as the API shows it.
        scim_group: ScimGroup = group(),
    }
    /// A group is called otherwise, gives another role, or has other members.
    "scim_group.updated" ScimGroupUpdated Internal {
        /// The group, as the API shows it.
        scim_group: ScimGroup = group(),
        /// What was otherwise before.
        previous: Map<String, Value> = json!({ "role": null }),
        /// Who came in.
        #[schemars(with = "Vec<String>")]
        added: Vec<ScimUserId> = json!(["scu_01kar8h5g0e0vsx4q1v3f6m2ah"]),
        /// Who is in it no more.
        #[schemars(with = "Vec<String>")]
        removed: Vec<ScimUserId> = json!([]),
    }
    /// The directory has a group no more.
    "scim_group.deleted" ScimGroupDeleted Internal {
        /// The group, as the API showed it.
        scim_group: ScimGroup = group(),
    }
}

fn token() -> Value {
    json!({
        "id": "sct_01kar8h5g0e0vsx4q1v3f6m2ah", "name": "Okta", "created_by": "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "created_at": "2026-11-23T10:00:00.000Z", "expires_at": null, "last_used_at": null,
    })
}

fn user() -> Value {
    json!({
        "id": "scu_01kar8h5g0e0vsx4q1v3f6m2ah", "active": true, "member_id": "mbr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "groups": ["scg_01kar8h5g0e0vsx4q1v3f6m2ah"], "version": 2,
    })
}

fn group() -> Value {
    json!({
        "id": "scg_01kar8h5g0e0vsx4q1v3f6m2ah", "display_name": "Engineering", "external_id": "8f2c", "role": "admin",
        "member_count": 3, "created_at": "2026-11-23T10:00:00.000Z", "version": 4,
    })
}
