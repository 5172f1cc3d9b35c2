//! The events of connections to identity providers.

use serde_json::{Map, Value, json};

use crate::api::SsoConnection;

events::events! {
    /// An organization has connected an identity provider of its own.
    "sso_connection.created" SsoConnectionCreated Public {
        /// The connection, as the API shows it.
        sso_connection: SsoConnection = connection(),
    }
    /// A connection is otherwise.
    "sso_connection.updated" SsoConnectionUpdated Public {
        /// The connection, as the API shows it.
        sso_connection: SsoConnection = connection(),
        /// What was otherwise before.
        previous: Map<String, Value> = json!({ "enabled": false }),
        /// Whether the secret is another one.
        secret_changed: bool = false,
    }
    /// A connection is there no more: nobody signs in by it.
    "sso_connection.removed" SsoConnectionRemoved Public {
        /// The connection, as the API showed it.
        sso_connection: SsoConnection = connection(),
    }
}

fn connection() -> Value {
    json!({
        "id": "sso_01kar8h5g0e0vsx4q1v3f6m2ah",
        "name": "Okta",
        "issuer": "https://acme.okta.com",
        "client_id": "0oa1b2c3",
        "secret_hint": "x7Kq",
        "domain_ids": ["dom_01kar8h5g0e0vsx4q1v3f6m2ah"],
        "default_role": "member",
        "group_claim": "groups",
        "group_roles": { "it": "admin" },
        "enabled": true,
        "last_sign_in_at": null,
        "last_error": null,
        "created_at": "2026-11-23T10:00:00.000Z",
        "version": 1,
    })
}
