//! Our staff in the name of a member.

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{answer::Answer, documents::permissions::Caller};

use crate::{
    authorisation::{all, call},
    invites::{counted, refused},
    organizations::CURRENT,
    product::Product,
};

const IMPERSONATIONS: &str = "/v1/admin/impersonations";
const POLICIES: &str = "/v1/orgs/current/policies";
const ADA: &str = "ada@example.com";

/// Ada's organization, in which Bob is an admin, and two of our staff.
struct World {
    product: Product,
    ada: String,
    bob: String,
    org: String,
    bob_id: String,
    support: String,
    operator: String,
}

impl World {
    async fn start() -> Self {
        Self::of(Product::start().await).await
    }

    async fn of(product: Product) -> Self {
        let support = product.staff("help@example.com", "support").await;
        let operator = product.staff("op@example.com", "operator").await;
        let (ada, org) = product.owner(ADA, "acme").await;
        let (bob, _) = product.joined(&ada, "bob@example.com", "admin").await;
        let bob_id = product.get("/v1/me", &bob).await.text("/id");
        Self { product, ada, bob, org, bob_id, support, operator }
    }

    fn asked(&self, mode: &str) -> Value {
        json!({
            "org_id": self.org, "user_id": self.bob_id, "minutes": 30, "mode": mode,
            "reason": "the export button does nothing", "ticket": "SUP-1234",
        })
    }

    async fn begin(&self, by: &str, body: &Value) -> Answer {
        self.product.post_as(IMPERSONATIONS, by, body).await
    }

    /// A token in Bob's name, and the impersonation.
    async fn as_bob(&self, by: &str, mode: &str) -> (String, String) {
        let begun = self.begin(by, &self.asked(mode)).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
        (begun.text("/access_token"), begun.text("/impersonation/id"))
    }

    async fn is_over(&self, token: &str) {
        let answer = self.product.get(CURRENT, token).await;
        assert_eq!(refused(&answer), (401, "session_ended"), "{answer:?}");
        let change = self.product.change_org(token, &json!({ "name": "Beta" })).await;
        assert_eq!(refused(&change), (401, "session_ended"), "{change:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn support_looks_in_the_name_of_a_member_and_everybody_knows() {
    let world = World::start().await;
    let product = &world.product;
    let begun = world.begin(&world.support, &world.asked("read")).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
    assert!((1790..=1800).contains(&begun.body["expires_in"].as_i64().unwrap()), "{begun:?}");
    assert!(begun.body.get("refresh_token").is_none());
    let token = begun.text("/access_token");
    let staff_id = product.get("/v1/me", &world.support).await.text("/id");
    let me = product.get("/v1/me", &token).await;
    assert_eq!((me.text("/id"), me.text("/membership/role")), (world.bob_id.clone(), "admin".to_owned()));
    let by = &me.body["session"]["impersonator"];
    assert_eq!((&by["staff_user_id"], &by["mode"]), (&json!(staff_id), &json!("read")));
    assert_eq!(me.headers["x-gantry-impersonator"], staff_id.as_str());
    let own = product.get("/v1/me", &world.bob).await;
    assert_eq!(own.body["session"]["impersonator"], json!(null));
    assert!(!own.headers.contains_key("x-gantry-impersonator"));
    for path in [CURRENT, "/v1/orgs/current/members", "/v1/audit/events", "/v1/me/memberships", POLICIES] {
        assert_eq!(product.get(path, &token).await.status, StatusCode::OK, "{path}");
    }
    let seen = product.introspect(&world.ada, &token).await;
    assert_eq!(
        (&seen.body["active"], &seen.body["act"]["sub"]),
        (&json!(true), &json!(staff_id)),
        "{seen:?}"
    );

    product.settle().await;
    let told = "Our support looks at acme on Gantry".to_owned();
    for email in [ADA, "bob@example.com"] {
        assert_eq!(
            product.subjects(email).await.iter().filter(|subject| **subject == told).count(),
            1,
            "{email}"
        );
    }
    let events = product.told("impersonation.started").await;
    assert_eq!((events.len(), &events[0]["user_id"]), (1, &json!(world.bob_id)));
    let acted = product.told("staff.acted").await;
    let acted = acted.iter().find(|data| data["operation"] == "adminStartImpersonation").unwrap();
    assert_eq!(
        (&acted["ticket"], &acted["reason"]),
        (&json!("SUP-1234"), &json!("the export button does nothing"))
    );
    let listed = product.get(&format!("{IMPERSONATIONS}?org_id={}", world.org), &world.operator).await;
    assert_eq!(listed.body["items"], json!([begun.body["impersonation"]]), "{listed:?}");
    let none =
        product.get(&format!("{IMPERSONATIONS}?staff_user_id={}", world.bob_id), &world.operator).await;
    assert_eq!(none.body["items"], json!([]));
    // a session of a member is refused what is the staff's, and so is one in a member's name
    assert_eq!(refused(&product.get(IMPERSONATIONS, &token).await), (404, "not_found"));
    assert_eq!(refused(&world.begin(&token, &world.asked("read")).await), (404, "not_found"), "no chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_says_who_really_did_it() {
    let world = World::start().await;
    let product = &world.product;
    let expires_at = (product.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
    let link = json!({ "role": "member", "max_uses": 2, "expires_at": expires_at });
    let link =
        product.post_as("/v1/orgs/current/invite-links", &world.ada, &link).await.text("/invite_link/id");
    let (token, _) = world.as_bob(&world.operator, "write").await;
    let changed = product.change_org(&token, &json!({ "name": "Acme Ltd" })).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let taken_back = product.delete(&format!("/v1/orgs/current/invite-links/{link}"), &token).await;
    assert_eq!(taken_back.status, StatusCode::NO_CONTENT, "{taken_back:?}");
    product.settle().await;
    let staff_id = product.get("/v1/me", &world.operator).await.text("/id");
    let log = product.audit_log(&world.ada).await;
    let both = json!({ "type": "user", "id": world.bob_id, "impersonator": staff_id });
    for action in ["organization.updated", "invite_link.revoked"] {
        let event = log.iter().rev().find(|event| event["action"] == action && event["actor"] == both);
        let event = event.unwrap_or_else(|| panic!("{action} is by nobody else: {log:?}"));
        assert_eq!((&event["address"], &event["user_agent"]), (&json!(null), &json!(null)));
    }
    let begun = log.iter().find(|event| event["action"] == "impersonation.started").unwrap();
    assert_eq!((&begun["actor"]["type"], &begun["actor"]["id"]), (&json!("staff"), &json!(staff_id)));
    assert!(!serde_json::to_string(&log).unwrap().contains("SUP-1234"), "why is for our own people");
}

/// Every route of the contract: what is looked at and is not the person's alone is open, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_changes_nothing_and_sees_nothing_that_is_personal() {
    let world = World::start().await;
    let product = &world.product;
    let (reading, _) = world.as_bob(&world.operator, "read").await;
    let (writing, _) = world.as_bob(&world.operator, "write").await;
    let stored = async || {
        let items = crate::stored::items(product).await.into_iter();
        items.filter(|item| item["kind"] != "limit").collect::<Vec<_>>()
    };
    product.settle().await;
    let before = stored().await;
    let mut open = Vec::new();
    for route in all() {
        let reads = route.method == "GET";
        let expected = match &route.caller {
            Caller::Anybody | Caller::ApiKey => continue,
            Caller::Staff(_) => "not_found",
            Caller::HalfSession => "invalid_token",
            Caller::Session | Caller::SessionOrHalf | Caller::Member(..) if route.in_person || !reads => {
                "impersonation_refused"
            }
            Caller::Session | Caller::SessionOrHalf | Caller::Member(..) => "",
        };
        let answer = call(product, &route, Some(&reading)).await;
        if expected.is_empty() {
            assert_ne!(answer.problem_or_empty(), "impersonation_refused", "{route:?}");
            open.push(route.path.clone());
        } else {
            assert_eq!(answer.problem(), expected, "{route:?}: {answer:?}");
        }
        if route.in_person && !matches!(route.caller, Caller::Staff(_)) {
            let answer = call(product, &route, Some(&writing)).await;
            assert_eq!(answer.problem(), "impersonation_refused", "{route:?}: {answer:?}");
        }
    }
    product.settle().await;
    let after = stored().await;
    let new: Vec<_> = after.iter().filter(|item| !before.contains(item)).collect();
    assert!(new.is_empty() && before.len() == after.len(), "something was changed: {new:?}");
    let personal = ["api-keys", "billing", "mfa", "passkeys", "sessions", "devices", "password", "connected"];
    let leaks: Vec<_> = open.iter().filter(|path| personal.iter().any(|word| path.contains(word))).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    assert!(open.contains(&CURRENT.to_owned()) && open.len() > 8, "{open:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_whose_name_nobody_acts() {
    let world = World::start().await;
    let product = &world.product;
    let asked = world.asked("read");
    let with = |name: &str, value: Value| {
        let mut body = asked.clone();
        body[name] = value;
        body
    };
    let billing = product.staff("bill@example.com", "billing").await;
    let nobody = json!("usr_01kar8h5g0e0vsx4q1v3f6m2ah");
    let elsewhere = product.owner("eve@example.com", "evil").await.1;
    for (by, body, expected) in [
        (&billing, asked.clone(), (403, "forbidden")),
        (&world.support, with("mode", json!("write")), (403, "forbidden")),
        (&world.support, with("minutes", json!(0)), (422, "invalid_request")),
        (&world.support, with("minutes", json!(61)), (422, "invalid_request")),
        (&world.support, with("reason", json!("why not")), (422, "invalid_request")),
        (&world.support, with("ticket", json!(null)), (422, "invalid_request")),
        (&world.support, with("ticket", json!(" \u{202e}")), (422, "invalid_request")),
        (&world.support, with("user_id", nobody), (404, "not_found")),
        (&world.support, with("org_id", json!(elsewhere)), (404, "not_found")),
        (&world.ada, asked.clone(), (404, "not_found")),
    ] {
        let answer = world.begin(by, &body).await;
        assert_eq!(refused(&answer), expected, "{body}: {answer:?}");
    }
    // one of our own, though a member; and where the organization does not want it
    let (own, _) = product.joined(&world.ada, "own@example.com", "viewer").await;
    let operator = product.get("/v1/me", &own).await.text("/id");
    product.appoint("own@example.com", "billing").await;
    for by in [&world.support, &world.operator] {
        let answer = world.begin(by, &with("user_id", json!(operator))).await;
        assert_eq!(refused(&answer), (403, "impersonation_not_allowed"), "{answer:?}");
    }
    let policies = product.request(Method::PATCH, POLICIES).bearer_auth(&world.ada);
    let closed = product.send(policies.json(&json!({ "support_access": false }))).await;
    assert_eq!(
        (closed.status, &closed.body["support_access"]),
        (StatusCode::OK, &json!(false)),
        "{closed:?}"
    );
    assert_eq!(refused(&world.begin(&world.support, &asked).await), (403, "impersonation_not_allowed"));
    product.settle().await;
    assert!(product.told("impersonation.started").await.is_empty());
    product.advance(SignedDuration::from_secs(601)).await;
    assert_eq!(refused(&world.begin(&world.support, &asked).await), (401, "step_up_required"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_in_every_way_with_the_next_request() {
    let world = World::start().await;
    let product = &world.product;
    // by whoever began it, by an operator, and by nobody else; twice is once
    let (token, id) = world.as_bob(&world.support, "read").await;
    let (other, other_id) = world.as_bob(&world.operator, "read").await;
    let path = |id: &str| format!("{IMPERSONATIONS}/{id}");
    assert_eq!(refused(&product.delete(&path(&other_id), &world.support).await), (403, "forbidden"));
    for _ in 0..2 {
        assert_eq!(product.delete(&path(&id), &world.operator).await.status, StatusCode::NO_CONTENT);
    }
    world.is_over(&token).await;
    assert_eq!(product.get(CURRENT, &other).await.status, StatusCode::OK, "the other one goes on");
    product.settle().await;
    assert_eq!(product.told("impersonation.ended").await.len(), 1);
    let unknown = product.delete(&path("imp_01kar8h5g0e0vsx4q1v3f6m2ah"), &world.operator).await;
    assert_eq!(refused(&unknown), (404, "not_found"));
    // by the organization
    let policy = async |access: bool| {
        let policies = product.request(Method::PATCH, POLICIES).bearer_auth(&world.ada);
        assert_eq!(
            product.send(policies.json(&json!({ "support_access": access }))).await.status,
            StatusCode::OK
        );
    };
    policy(false).await;
    world.is_over(&other).await;
    policy(true).await;
    world.is_over(&other).await;
    // by the person
    let (token, _) = world.as_bob(&world.support, "read").await;
    let end = product.post_as("/v1/me/sessions/end", &world.bob, &json!({ "scope": "all" })).await;
    assert_eq!(end.status, StatusCode::NO_CONTENT, "{end:?}");
    world.is_over(&token).await;
    // by the end of the session of whoever acts
    let helper = product.staff("late@example.com", "support").await;
    let (token, _) = world.as_bob(&helper, "read").await;
    assert_eq!(product.post_nothing("/v1/auth/sign-out", &helper).await.status, StatusCode::NO_CONTENT);
    world.is_over(&token).await;
    // by becoming one of the staff
    let (token, _) = world.as_bob(&world.support, "read").await;
    product.appoint("bob@example.com", "billing").await;
    world.is_over(&token).await;
    let dismissed = format!("/v1/admin/staff/{}?reason=it+was+a+mistake", world.bob_id);
    assert_eq!(product.delete(&dismissed, &world.operator).await.status, StatusCode::NO_CONTENT);
    // by a change of what they are among the staff, also once they are the same again
    let (token, _) = world.as_bob(&world.support, "read").await;
    let support = product.get("/v1/me", &world.support).await.text("/id");
    for role in ["operator", "support"] {
        product.advance(SignedDuration::from_secs(1)).await;
        let put =
            product.request(Method::PUT, &format!("/v1/admin/staff/{support}")).bearer_auth(&world.operator);
        let body = json!({ "role": role, "reason": "stands in for somebody" });
        assert_eq!(product.send(put.json(&body)).await.status, StatusCode::OK);
    }
    world.is_over(&token).await;
    // by the end of what they are among the staff
    let (token, _) = world.as_bob(&world.support, "read").await;
    let remove =
        product.request(Method::DELETE, &format!("/v1/admin/staff/{support}?reason=left+the+company"));
    assert_eq!(product.send(remove.bearer_auth(&world.operator)).await.status, StatusCode::NO_CONTENT);
    world.is_over(&token).await;
    // by the clock
    let (token, _) = world.as_bob(&world.operator, "read").await;
    product.advance(SignedDuration::from_secs(30 * 60 - 5)).await;
    assert_eq!(product.get(CURRENT, &token).await.status, StatusCode::OK);
    product.advance(SignedDuration::from_secs(10)).await;
    assert_eq!(refused(&product.get(CURRENT, &token).await), (401, "token_expired"));
}

/// The member is taken out while somebody acts in their name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_ends_takes_whoever_acts_in_its_name_along() {
    let world = World::start().await;
    let product = &world.product;
    let (token, _) = world.as_bob(&world.support, "read").await;
    let member = product.own_member(&world.bob).await;
    assert_eq!(product.remove_member(&world.ada, &member).await.status, StatusCode::NO_CONTENT);
    world.is_over(&token).await;
    assert_eq!(refused(&product.get("/v1/me", &token).await), (401, "session_ended"));
    let again = world.begin(&world.support, &world.asked("read")).await;
    assert_eq!(refused(&again), (404, "not_found"));
}

/// As many at once as the function takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_begin_at_once_five_act_in_one_name() {
    let world = World::of(Product::crowded().await).await;
    let body = world.asked("read");
    let answers = join_all((0..20).map(|_| world.begin(&world.operator, &body))).await;
    let begun = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!((begun, counted(&answers)[&(409, "too_many_impersonations")]), (5, 15), "{answers:?}");
}
