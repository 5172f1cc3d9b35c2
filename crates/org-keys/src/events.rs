//! The events of keys.

use primitives::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::ApiKey;

events::events! {
    /// A key was made by which a program acts for an organization.
    "api_key.created" ApiKeyCreated Internal {
        /// The key, as the API shows it.
        api_key: ApiKey = api_key("active"),
    }
    /// A key has another name, may do something else, or ends at another time.
    "api_key.updated" ApiKeyUpdated Internal {
        /// The key, as the API shows it.
        api_key: ApiKey = api_key("active"),
        /// What was otherwise before.
        previous: Map<String, Value> = json!({ "name": "Build" }),
    }
    /// A key has another text.
    "api_key.rotated" ApiKeyRotated Internal {
        /// The key, as the API shows it.
        api_key: ApiKey = api_key("active"),
        /// Until when the text before works.
        #[schemars(with = "String")]
        overlap_ends_at: Timestamp = "2026-11-24T10:00:00.000Z",
    }
    /// A key was taken back.
    "api_key.revoked" ApiKeyRevoked Internal {
        /// The key, as the API shows it.
        api_key: ApiKey = api_key("revoked"),
    }
}

fn api_key(status: &str) -> Value {
    json!({
        "id": "key_01kar8h5g0e0vsx4q1v3f6m2ah",
        "name": "Deployments",
        "scopes": ["members:read"],
        "allowed_addresses": [],
        "status": status,
        "created_by": "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        "created_at": "2026-11-23T10:00:00.000Z",
        "expires_at": null,
        "last_used_at": null,
        "version": 1,
    })
}
