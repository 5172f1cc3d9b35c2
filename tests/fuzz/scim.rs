//! Whole requests to the function that speaks SCIM, whose errors have a form of their own.

use std::panic::AssertUnwindSafe;

use bolero::check;
use serde_json::{Value, json};

use crate::requests::{Fuzz, Seen, fuzzed, is_from, request};
use crate::world::{World, sample};

/// Every answer is below 500, and a refusal is a whole error of SCIM's (RFC 7644, section 3.12).
#[test]
fn api_scim() {
    let world = World::start();
    let ada = world.sign_in("ada@example.com");
    let (base, seen) = (sample("api-auth/request-magic-link"), Seen::default());
    let make = request("POST", "/v1/orgs/current/scim/tokens", json!({ "name": "IdP" }));
    let as_it_is = (0, Default::default(), Default::default(), Vec::new(), 2);
    let made = world.invoke("api-sso", fuzzed(&base, &make, &ada.access_token, &[], &as_it_is)).unwrap();
    let made: Value = serde_json::from_str(made["body"].as_str().unwrap()).unwrap();
    let token = made["secret"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let user = "/scim/v2/Users/scu_01kar8h5g0e0vsx4q1v3f6m2ah";
    let group = "/scim/v2/Groups/scg_01kar8h5g0e0vsx4q1v3f6m2ah";
    let patch = |operations: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    let requests = [
        request("GET", "/scim/v2/Users", Value::Null),
        request("GET", "/scim/v2/Groups", Value::Null),
        request(
            "POST",
            "/scim/v2/Users",
            json!({ "userName": "bob", "name": { "givenName": "B" }, "emails": [{ "value": "b@example.com", "primary": true }] }),
        ),
        request(
            "POST",
            "/scim/v2/Groups",
            json!({ "displayName": "Staff", "members": [{ "value": "scu_01kar8h5g0e0vsx4q1v3f6m2ah" }] }),
        ),
        request(
            "PATCH",
            user,
            patch(json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "x" }])),
        ),
        request(
            "PATCH",
            group,
            patch(
                json!([{ "op": "remove", "path": "members[value eq \"scu_01kar8h5g0e0vsx4q1v3f6m2ah\"]" }]),
            ),
        ),
        request("PUT", user, json!({ "userName": "bob", "active": "False" })),
        request(
            "POST",
            "/scim/v2/.search",
            json!({ "filter": "userName sw \"b\"", "attributes": ["emails.value"] }),
        ),
        request(
            "POST",
            "/scim/v2/Users/.search",
            json!({ "filter": "emails[type eq \"work\"] and not (title pr)", "startIndex": 1, "count": 3 }),
        ),
        request("DELETE", group, Value::Null),
        request("GET", "/scim/v2/Schemas", Value::Null),
    ];
    let words = [
        "sw",
        "co",
        "pr",
        "not",
        "members[value eq \"",
        "urn:ietf:params:scim:schemas:core:2.0:User:",
        &token,
    ];
    let call = AssertUnwindSafe(|fuzz: &Fuzz| {
        let request = &requests[usize::from(fuzz.0) % requests.len()];
        let event = fuzzed(&base, request, &token, &words, fuzz);
        let answer = world.invoke("api-scim", event.clone()).unwrap();
        let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
        seen.note(status);
        assert!(status < 500 || status == 503, "{event}: {answer}");
        let is_empty = answer["body"].as_str().is_none_or(str::is_empty);
        if status >= 400 && !is_empty {
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(
                body["schemas"],
                json!(["urn:ietf:params:scim:api:messages:2.0:Error"]),
                "{event}: {answer}"
            );
            assert_eq!(body["status"], status.to_string(), "{event}: {answer}");
        }
        assert!(is_from(&event, &token) || status >= 400, "nobody is there: {event}: {answer}");
    });
    for which in 0..requests.len() {
        call(&(which.try_into().unwrap(), Default::default(), Default::default(), Vec::new(), 2));
    }
    check!().with_type::<Fuzz>().for_each(|fuzz| call(fuzz));
    seen.report("api-scim");
}
