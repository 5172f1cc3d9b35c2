//! Which events are asked for, page by page.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{EVENTS, whole};
use crate::{invites::refused, product::Product};

/// An organization in which three people did several things, all of it chained.
struct Lived {
    product: Product,
    ada: String,
    ada_id: String,
    bob_id: String,
    /// Whose role changed.
    member: String,
    log: Vec<Value>,
}

impl Lived {
    async fn start() -> Self {
        let product = Product::start().await;
        let (ada, _) = product.owner("ada@example.com", "acme").await;
        let (bob, _) = product.joined(&ada, "bob@example.com", "admin").await;
        let (_, member) = product.joined(&ada, "eve@example.com", "member").await;
        for (by, role) in [(&bob, "viewer"), (&ada, "admin")] {
            assert_eq!(product.set_member(by, &member, role).await.status, StatusCode::OK);
        }
        product.api_key(&ada, &["org:read"]).await;
        let ends_at = (product.cloud.clock().now() + SignedDuration::from_hours(24)).to_string();
        let link = json!({ "role": "viewer", "max_uses": 5, "expires_at": ends_at });
        let made = product.post_as("/v1/orgs/current/invite-links", &bob, &link).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        product.settle().await;
        let ada_id = product.get("/v1/me", &ada).await.text("/id");
        let bob_id = product.get("/v1/me", &bob).await.text("/id");
        let log = product.audit_log(&ada).await;
        whole(&log);
        Self { product, ada, ada_id, bob_id, member, log }
    }

    /// The time of the event in this place of the log.
    fn time(&self, place: usize) -> &str {
        self.log[place]["time"].as_str().unwrap()
    }
}

fn holds(event: &Value, (name, value): (&str, &str)) -> bool {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap();
    let rest = text("/action").strip_prefix(value);
    match name {
        "action" => rest.is_some_and(|rest| value.contains('.') || rest.starts_with('.')),
        "actor_id" => text("/actor/id") == value,
        "target_id" => text("/target/id") == value,
        "from" => text("/time") >= value,
        _ => text("/time") <= value,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_filter_and_each_two_of_them_show_what_they_ask_for_from_either_end() {
    let lived = Lived::start().await;
    let middle = lived.time(lived.log.len() / 2);
    let filters = [
        ("action", "member"),
        ("action", "invite"),
        ("action", "member.updated"),
        ("action", "member.u"),
        ("actor_id", lived.ada_id.as_str()),
        ("actor_id", lived.bob_id.as_str()),
        ("target_id", lived.member.as_str()),
        ("from", middle),
        ("to", middle),
    ];
    let mut queries: Vec<Vec<(&str, &str)>> = Vec::new();
    for (place, one) in filters.into_iter().enumerate() {
        let shown = lived.log.iter().filter(|event| holds(event, one)).count();
        assert!(shown > 0 && shown < lived.log.len(), "{one:?} shows nothing by showing {shown}");
        let others = filters[place + 1..].iter().filter(|other| other.0 != one.0);
        queries.extend(others.map(|other| vec![one, *other]));
        queries.push(vec![one]);
    }
    for query in queries {
        let text: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = text.join("&");
        let asked = lived.log.iter().filter(|event| query.iter().all(|one| holds(event, *one)));
        let mut expected: Vec<Value> = asked.cloned().collect();
        for order in ["desc", "asc"] {
            let query = format!("limit=2&order={order}&{text}");
            assert_eq!(lived.product.audit_events(&lived.ada, &query).await, expected, "{query}");
            expected.reverse();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_the_log_is_shown_from_either_end_in_pages_of_any_size() {
    let lived = Lived::start().await;
    let mut oldest_first = lived.log.clone();
    oldest_first.reverse();
    for limit in [1, 4, lived.log.len() - 1, lived.log.len(), lived.log.len() + 1] {
        for (order, expected) in [("desc", &lived.log), ("asc", &oldest_first)] {
            let query = format!("limit={limit}&order={order}");
            assert_eq!(lived.product.audit_events(&lived.ada, &query).await, *expected, "{query}");
        }
    }
    let page = lived.product.get(&format!("{EVENTS}?limit={}", lived.log.len()), &lived.ada).await;
    assert_eq!(page.body["next_cursor"], Value::Null, "a full last page has no next");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_goes_on_with_the_filter_that_it_came_from_and_with_no_other() {
    let lived = Lived::start().await;
    let filters = [
        "order=desc".to_owned(),
        "order=asc".to_owned(),
        "action=member".to_owned(),
        "action=member.updated".to_owned(),
        format!("actor_id={}", lived.ada_id),
        format!("target_id={}", lived.member),
        format!("target_id={}&action=member.updated", lived.member),
        format!("actor_id={}&order=asc", lived.ada_id),
        format!("from={}", lived.time(lived.log.len() - 1)),
        format!("to={}", lived.time(0)),
    ];
    for own in &filters {
        let first = lived.product.get(&format!("{EVENTS}?limit=1&{own}"), &lived.ada).await;
        assert_eq!(first.body["items"].as_array().unwrap().len(), 1, "{own}: {first:?}");
        let cursor = first.text("/next_cursor");
        for other in &filters {
            let path = format!("{EVENTS}?limit=2&{other}&cursor={cursor}");
            let answer = lived.product.get(&path, &lived.ada).await;
            let expected = if own == other { (200, "") } else { (422, "invalid_cursor") };
            assert_eq!(refused(&answer), expected, "a cursor of {own} for {other}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_filter_is_refused_with_its_name() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let names = ["action", "actor_id", "target_id"];
    let [action, actor, target] = names.map(|name| format!("{name}={}", "x".repeat(101)));
    for (query, pointer) in [
        ("action=", "?action"),
        ("action=Member", "?action"),
        ("action=member..updated", "?action"),
        ("action=member%23updated", "?action"),
        ("action=member&action=invite", "?action"),
        (action.as_str(), "?action"),
        ("actor_id=", "?actor_id"),
        (actor.as_str(), "?actor_id"),
        ("target_id=", "?target_id"),
        (target.as_str(), "?target_id"),
        ("from=yesterday", "?from"),
        ("from=2026-11-23", "?from"),
        ("to=2026-13-01T00:00:00Z", "?to"),
        ("order=newest", "?order"),
        ("limit=0", "?limit"),
        ("kind=member", "?kind"),
    ] {
        let answer = product.get(&format!("{EVENTS}?{query}"), &ada).await;
        assert_eq!(refused(&answer), (422, "invalid_request"), "{query}: {answer:?}");
        assert_eq!(answer.text("/errors/0/pointer"), pointer, "{query}");
    }
    let mut good = names.map(|name| format!("{name}={}", "x".repeat(100))).to_vec();
    good.extend(["action=banana", "action=member.banana"].map(str::to_owned));
    for query in good {
        assert!(product.audit_events(&ada, &query).await.is_empty(), "{query}");
    }
}

/// There is no moment that the table refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_any_two_moments_there_is_what_happened_between_them() {
    const EARLY: &str = "1970-01-01T00:00:00Z";
    const LATE: &str = "9999-12-30T00:00:00Z";
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    for (from, to, shows_all) in [
        (EARLY, LATE, true),
        ("", LATE, true),
        (EARLY, "", true),
        (LATE, "", false),
        ("", EARLY, false),
        // what ends before it begins, or is no moment of RFC 3339, may be refused as well
        (LATE, EARLY, false),
        ("", "-000001-01-01T00:00:00Z", false),
    ] {
        let moments = [("from", from), ("to", to)].into_iter().filter(|(_, moment)| !moment.is_empty());
        let moments: Vec<String> = moments.map(|(name, moment)| format!("{name}={moment}")).collect();
        for more in ["order=desc", "order=asc", "action=member"] {
            let query = format!("{}&{more}", moments.join("&"));
            let answer = product.get(&format!("{EVENTS}?{query}"), &ada).await;
            if !shows_all && refused(&answer) == (422, "invalid_request") {
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
            let is_empty = answer.body["items"].as_array().unwrap().is_empty();
            assert_eq!(is_empty, !shows_all, "{query}: {answer:?}");
        }
    }
}
