//! What the service can do (RFC 7644, section 4; RFC 9865, section 3).

use serde_json::{Value, json};

use crate::schema::{GROUP, ResourceKind, USER};

/// How many resources a page has at most.
pub const LARGEST_PAGE: usize = 100;

/// The service's configuration (RFC 7643, section 5).
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": LARGEST_PAGE },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": LARGEST_PAGE,
            "maxPageSize": LARGEST_PAGE,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "SCIM token", "primary": true,
            "description": "A SCIM token of the organization, as `Authorization: Bearer gs_…`.",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// The kinds of resources (RFC 7643, section 6).
pub fn resource_types(base: &str) -> Vec<Value> {
    let described = |kind: &ResourceKind| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": kind.name, "name": kind.name, "description": kind.about, "endpoint": kind.endpoint,
            "schema": kind.schema,
            "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", kind.name) },
        })
    };
    [USER, GROUP].iter().map(described).collect()
}

/// Their schemas (RFC 7643, section 7).
pub fn schemas(base: &str) -> Vec<Value> {
    let described = |kind: &ResourceKind| {
        let attributes: Vec<Value> =
            kind.attributes.iter().map(crate::schema::Attribute::described).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": kind.schema, "name": kind.name, "description": kind.about, "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", kind.schema) },
        })
    };
    [USER, GROUP].iter().map(described).collect()
}
