//! Whole requests to the function of the audit log, which programs read.

use serde_json::Value;

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
