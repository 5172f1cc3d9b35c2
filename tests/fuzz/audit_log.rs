//! Whole requests to the function of the audit log, which programs read, and to that of exports.

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
