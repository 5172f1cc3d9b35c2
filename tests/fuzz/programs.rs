//! Whole requests to the functions of what programs are given: keys, the audit log, exports.

use serde_json::{Value, json};

use crate::requests::{every_request_is_answered, request};

#[test]
fn api_audit() {
    let words = ["member.updated", "2026-12-24T10:00:00Z", "asc", "usr_01kar8h5g0e0vsx4q1v3f6m2ah"];
    every_request_is_answered("api-audit", &words, |_| {
        ["/v1/audit/events", "/v1/audit/events/evt_01kar8h5g0e0vsx4q1v3f6m2ah"]
            .map(|path| request("GET", path, Value::Null))
            .into()
    });
}

#[test]
fn api_exports() {
    every_request_is_answered("api-exports", &[], |_| {
        vec![
            request("POST", "/v1/audit/exports", json!({ "format": "csv", "from": "2026-11-23T10:00:00Z" })),
            request("GET", "/v1/jobs?kind=audit_export", Value::Null),
            request("GET", "/v1/jobs/job_01kar8h5g0e0vsx4q1v3f6m2ah", Value::Null),
        ]
    });
}

#[test]
fn api_keys() {
    let words = ["members:read", "192.0.2.0/24", "active", "2026-12-24T10:00:00Z"];
    every_request_is_answered("api-keys", &words, |_| {
        let key = "/v1/orgs/current/api-keys/key_01kar8h5g0e0vsx4q1v3f6m2ah";
        let rotate = "/v1/orgs/current/api-keys/key_01kar8h5g0e0vsx4q1v3f6m2ah/rotate";
        let new = json!({
            "name": "CI", "scopes": ["members:read"], "expires_at": "2026-12-24T10:00:00Z",
            "allowed_addresses": ["192.0.2.0/24", "2001:db8::1"],
        });
        vec![
            request("GET", "/v1/orgs/current/api-keys", Value::Null),
            request("POST", "/v1/orgs/current/api-keys", new),
            request("GET", "/v1/orgs/current/api-keys/current", Value::Null),
            request("GET", key, Value::Null),
            request("PATCH", key, json!({ "name": "CD", "expires_at": null })),
            request("POST", rotate, json!({ "overlap_seconds": 60 })),
            request("DELETE", key, Value::Null),
        ]
    });
}

#[test]
fn api_usage() {
    every_request_is_answered(
        "api-usage",
        &["1.0", "ai_tokens", "active_users", "2026-11-23T12:00:00Z"],
        |_| {
            let event = json!({ "specversion": "1.0", "id": "1", "source": "/app", "type": "ai_tokens",
            "time": "2026-11-23T12:00:00Z", "subject": "a", "data": { "value": 7 } });
            let named = json!({ "specversion": "1.0", "id": "2", "source": "/app", "type": "active_users",
            "data": { "value": "ada" } });
            vec![
                request("GET", "/v1/usage", Value::Null),
                request("GET", "/v1/usage/meters", Value::Null),
                request("GET", "/v1/usage/quotas", Value::Null),
                request("POST", "/v1/usage/events", event.clone()),
                request("POST", "/v1/usage/events", json!([event, named])),
                request(
                    "POST",
                    "/v1/usage/reservations",
                    json!({ "meter": "ai_tokens", "amount": 7, "expires_in": 60 }),
                ),
                request(
                    "POST",
                    "/v1/usage/reservations/rsv_01kar8h5g0e0vsx4q1v3f6m2ah/settle",
                    json!({ "amount": 5 }),
                ),
                request("POST", "/v1/usage/reservations/rsv_01kar8h5g0e0vsx4q1v3f6m2ah/release", Value::Null),
            ]
        },
    );
}
