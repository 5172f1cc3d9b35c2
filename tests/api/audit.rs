//! The audit log as an API: what is in it, who reads it, and that it proves itself.

pub(crate) mod anchors;
mod chain;
mod cost;
mod filters;
mod messages;
mod tampering;

use std::sync::{Arc, Mutex};

use audit_chain::{Finding, Head, Report, verify};
use local::{Function, Registry};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{invites::refused, product::Product, stored};

const EVENTS: &str = "/v1/audit/events";
const KEYS: &str = "/v1/orgs/current/api-keys";
/// The function that chains rows.
const WORKER: &str = "queue-audit";

impl Product {
    /// The whole audit log of the organization, the newest first.
    pub(crate) async fn audit_log(&self, token: &str) -> Vec<Value> {
        self.audit_events(token, "limit=100").await
    }

    /// All pages of the audit log that this query asks for.
    async fn audit_events(&self, token: &str, query: &str) -> Vec<Value> {
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{EVENTS}?{query}{cursor}"), token).await;
            assert_eq!(page.status, StatusCode::OK, "{query}: {page:?}");
            events.extend(page.body["items"].as_array().unwrap().iter().cloned());
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return events,
            }
        }
    }

    /// All that is stored of audit logs: rows, heads and copies, by their keys.
    pub(crate) async fn stored_audit(&self) -> Vec<Value> {
        let mut items = stored::items(self).await;
        items.retain(|item| item["pk"].as_str().unwrap().starts_with("AUDIT"));
        items.sort_by_key(|item| (item["pk"].to_string(), item["sk"].to_string()));
        items
    }
}

/// Keeps from a function what it is called with, for whoever brings it there later.
#[derive(Clone)]
pub(crate) struct Withheld {
    function: &'static str,
    events: Arc<Mutex<Option<Vec<Value>>>>,
}

impl Withheld {
    pub(crate) fn of(function: &'static str) -> Self {
        Self { function, events: Arc::default() }
    }

    /// The product with this function, from which nothing is kept yet.
    pub(crate) async fn product(&self) -> Product {
        let options = |mut options: local::Options| {
            options.registry = self.over(options.registry);
            options
        };
        Product::with(|_| None, options).await
    }

    fn over(&self, functions: Registry) -> Registry {
        let Some(build) = functions.get(self.function).cloned() else { return functions };
        let withheld = self.clone();
        functions.with(self.function, move |setting| {
            let (function, withheld) = (build(setting), withheld.clone());
            async move { Ok(withheld.before(function.await?)) }
        })
    }

    fn before(self, function: Function) -> Function {
        Arc::new(move |event| {
            let (function, withheld) = (Arc::clone(&function), self.clone());
            Box::pin(async move {
                if withheld.keeps(&event.payload) { Ok(Value::Null) } else { function(event).await }
            })
        })
    }

    fn keeps(&self, event: &Value) -> bool {
        let mut events = self.events.lock().unwrap();
        events.as_mut().map(|events| events.push(event.clone())).is_some()
    }

    /// From now on what it is called with is kept.
    pub(crate) fn hold(&self) {
        *self.events.lock().unwrap() = Some(Vec::new());
    }

    /// From now on nothing is. Gives what was kept, as one event.
    pub(crate) fn release(&self) -> Value {
        let events = self.events.lock().unwrap().take().unwrap();
        delivered(events.iter().flat_map(|event| event["Records"].as_array().unwrap().clone()))
    }

    /// Brings what was kept to the function after all.
    async fn deliver(&self, product: &Product) {
        let answer = product.cloud.invoke(self.function, self.release()).await.unwrap();
        assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        product.settle().await;
    }
}

/// An event with these records.
pub(crate) fn delivered(records: impl IntoIterator<Item = Value>) -> Value {
    json!({ "Records": records.into_iter().collect::<Vec<_>>() })
}

/// The messages that the worker was called with, the oldest call first.
fn received(product: &Product) -> Vec<Value> {
    let calls = product.cloud.invocations(Some(WORKER));
    calls.iter().rev().flat_map(|call| call.event["Records"].as_array().unwrap().clone()).collect()
}

/// What a message of the worker's queue says.
fn body(message: &Value) -> Value {
    serde_json::from_str(message["body"].as_str().unwrap()).unwrap()
}

/// What the proof says of these events, as a customer keeps them: one a line.
fn proof(log: &[Value], known: &[Head]) -> Report {
    let lines: Vec<String> = log.iter().map(ToString::to_string).collect();
    verify(lines.join("\n").as_bytes(), known).unwrap()
}

/// Where a log ends that is whole from its first event on.
pub(crate) fn whole(log: &[Value]) -> Head {
    let report = proof(log, &[]);
    assert!(report.findings.is_empty(), "{report}");
    let head = report.head.unwrap();
    assert_eq!((report.first, report.events, head.sequence), (1, log.len(), log.len() as u64), "{report}");
    head
}

fn actions(log: &[Value]) -> Vec<String> {
    log.iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

fn path_of(event: &Value) -> String {
    format!("{EVENTS}/{}", event["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_sees_a_change_at_once_and_its_place_in_the_chain_soon_after() {
    let withheld = Withheld::of(WORKER);
    let product = withheld.product().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    withheld.hold();
    let (bob, member) = product.joined(&ada, "bob@example.com", "member").await;
    let [ada_id, bob_id] =
        [product.get("/v1/me", &ada).await.text("/id"), product.get("/v1/me", &bob).await.text("/id")];
    let request = product.request(Method::PATCH, &format!("/v1/orgs/current/members/{member}"));
    let request = request.bearer_auth(&ada).header("user-agent", "Console 3");
    let request = request.header("x-correlation-id", "another-role");
    let changed = product.send(request.json(&json!({ "role": "admin" }))).await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let (key, _) = product.api_key(&ada, &["org:read"]).await;

    let log = product.audit_log(&ada).await;
    let mut done = actions(&log);
    // what one change did may come in any order
    done[2..4].sort();
    done[5..].sort();
    let (last, first) = (
        ["api_key.created", "member.updated", "invite.accepted", "member.added", "invite.created"],
        ["member.added", "organization.created", "trial.started"],
    );
    assert_eq!(done, [last.as_slice(), first.as_slice()].concat());
    assert!(log.is_sorted_by(|newer, older| newer["time"].as_str() >= older["time"].as_str()), "{log:?}");
    let expected = json!({
        "id": log[1]["id"], "time": log[1]["time"], "org_id": org, "action": "member.updated",
        "actor": { "type": "user", "id": ada_id }, "target": { "type": "member", "id": member },
        "correlation_id": "another-role", "address": "127.0.0.1", "user_agent": "Console 3",
        "before": { "role": "member" }, "after": { "member": changed.body },
        "salt": log[1]["salt"], "details": null, "sequence": null, "hash": null,
    });
    assert_eq!(log[1], expected);
    let of = |action: &str| {
        let event = log.iter().find(|event| event["action"] == action).unwrap();
        (event["actor"]["id"].clone(), event["target"]["id"].clone(), event["before"].clone())
    };
    assert_eq!(of("api_key.created"), (json!(ada_id), json!(key), Value::Null));
    assert_eq!(of("organization.created"), (json!(ada_id), json!(org), Value::Null));
    assert_eq!(of("invite.accepted").0, json!(bob_id));
    let is_chained = |event: &Value| event["sequence"].is_u64() && event["hash"].is_string();
    assert_eq!(log.iter().map(is_chained).collect::<Vec<_>>(), [[false; 5].as_slice(), &[true; 3]].concat());
    for event in &log {
        let shown = product.get(&path_of(event), &ada).await;
        assert_eq!((shown.status, &shown.body), (StatusCode::OK, event));
    }
    let found = product.audit_events(&ada, "action=member.updated").await;
    assert!(found.is_empty(), "it is looked for among those that are chained: {found:?}");

    withheld.deliver(&product).await;
    let chained = product.audit_log(&ada).await;
    assert_eq!(whole(&chained).sequence, 8);
    for (now, before) in chained.iter().zip(&log) {
        let shown = product.get(&path_of(now), &ada).await;
        assert_eq!((shown.status, &shown.body), (StatusCode::OK, now));
        let mut now = now.clone();
        for place in ["sequence", "hash"] {
            if !is_chained(before) {
                now[place] = Value::Null;
            }
        }
        assert_eq!(now, *before, "nothing but its place is new, and what has a place keeps it");
    }
    assert_eq!(product.audit_events(&ada, "action=member.updated").await, [chained[1].clone()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_a_log_are_proved_whole_and_what_is_done_to_them_is_found() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
    assert_eq!(product.set_member(&ada, &member, "viewer").await.status, StatusCode::OK);
    product.settle().await;
    let log = product.audit_events(&ada, "limit=3").await;
    assert_eq!(log, product.audit_log(&ada).await);
    let head = whole(&log);
    assert_eq!(head.sequence, 7);
    let at = |sequence: u64| log.iter().position(|event| event["sequence"] == sequence).unwrap();
    let found = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut log = log.clone();
        change(&mut log);
        proof(&log, &[head]).findings
    };
    assert_eq!(found(&|log| log.reverse()), []);
    let changed = found(&|log| log[at(4)]["after"] = json!({ "role": "owner" }));
    assert_eq!(changed, [Finding::Changed { sequence: 4, line: at(4) + 1 }]);
    let removed = found(&|log| drop(log.remove(at(4))));
    assert_eq!(removed, [Finding::Missing { from: 4, to: 4 }]);
    let cut = found(&|log| log.retain(|event| event["sequence"].as_u64() <= Some(5)));
    assert_eq!(cut, [Finding::CutOff { last: 5, known: 7 }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_and_a_key_with_the_scope_read_what_the_owner_reads() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (bob, _) = product.joined(&ada, "bob@example.com", "admin").await;
    let (_, key) = product.api_key(&bob, &["audit:read"]).await;
    product.settle().await;
    let log = product.audit_log(&ada).await;
    whole(&log);
    for reader in [&bob, &key] {
        assert_eq!(product.audit_events(reader, "limit=2").await, log);
        assert_eq!(product.audit_events(reader, "action=invite").await.len(), 2);
        for event in &log {
            assert_eq!(product.get(&path_of(event), reader).await.body, *event);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_organization_reads_nothing_of_it() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (bob, beta) = product.owner("bob@example.com", "beta").await;
    let (_, key) = product.api_key(&bob, &["audit:read"]).await;
    product.settle().await;
    let log = product.audit_log(&ada).await;
    assert!(log.iter().all(|event| event["org_id"] == acme), "{log:?}");
    let ada_id = product.get("/v1/me", &ada).await.text("/id");
    let cursor = product.get(&format!("{EVENTS}?limit=1"), &ada).await.text("/next_cursor");
    for reader in [&bob, &key] {
        let own = product.audit_log(reader).await;
        assert!(own.iter().all(|event| event["org_id"] == beta), "{own:?}");
        for query in [format!("actor_id={ada_id}"), format!("target_id={acme}")] {
            assert!(product.audit_events(reader, &query).await.is_empty(), "{query}");
        }
        let asked = async |path: &str| {
            let mut answer = product.get(path, reader).await;
            assert_eq!(refused(&answer), (404, "not_found"), "{answer:?}");
            answer.body["instance"] = Value::Null;
            answer.body
        };
        let unknown = asked(&format!("{EVENTS}/evt_01kar8h5g0e0vsx4q1v3f6m2ah")).await;
        for event in &log {
            assert_eq!(asked(&path_of(event)).await, unknown);
        }
        asked(&format!("{EVENTS}/evt_x")).await;
        let page = product.get(&format!("{EVENTS}?limit=1&cursor={cursor}"), reader).await;
        assert_eq!(refused(&page), (422, "invalid_cursor"), "{page:?}");
    }
}
