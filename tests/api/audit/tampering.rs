//! Rows that somebody changes or removes behind our back: the proof names them, and the chain goes on.

use audit_chain::{Finding, Head};
use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{WORKER, Withheld, path_of, proof, whole};
use crate::{authorisation::set, invites::refused, product::Product};

/// An organization with a member whose role changes, and six events before that.
struct Log {
    withheld: Withheld,
    product: Product,
    ada: String,
    org: String,
    member: String,
}

impl Log {
    async fn start() -> Self {
        let withheld = Withheld::of(WORKER);
        let product = withheld.product().await;
        let (ada, org) = product.owner("ada@example.com", "acme").await;
        let (_, member) = product.joined(&ada, "bob@example.com", "member").await;
        let log = Self { withheld, product, ada, org, member };
        assert_eq!(whole(&log.events().await).sequence, 6);
        log
    }

    async fn events(&self) -> Vec<Value> {
        self.product.audit_log(&self.ada).await
    }

    /// Gives the member another role: the event about it.
    async fn change(&self, role: &str) -> Value {
        let changed = self.product.set_member(&self.ada, &self.member, role).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
        self.product.settle().await;
        self.events().await.remove(0)
    }

    /// Sets an attribute of the row about this event, or removes the row.
    async fn set(&self, event: &Value, attribute: &str, value: Option<&str>) {
        let [time, id] = ["time", "id"].map(|name| event[name].as_str().unwrap());
        let key = (format!("AUDIT#{}", self.org), format!("{time}#{id}"));
        set(&self.product, key, attribute, value.map(|value| AttributeValue::S(value.to_owned()))).await;
    }

    /// What the proof finds, and where the log ends.
    async fn found(&self, known: &[Head]) -> (Vec<Finding>, u64) {
        let report = proof(&self.events().await, known);
        (report.findings, report.head.unwrap().sequence)
    }

    /// That the event with this number is not what was chained.
    async fn changed(&self, sequence: u64) -> Finding {
        let place = self.events().await.iter().position(|event| event["sequence"] == sequence);
        Finding::Changed { sequence, line: place.unwrap() + 1 }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_changed_before_it_is_chained_is_named_by_the_proof() {
    let log = Log::start().await;
    log.withheld.hold();
    let event = log.change("viewer").await;
    assert_eq!((&event["sequence"], &event["address"]), (&Value::Null, &json!("127.0.0.1")));
    log.set(&event, "ip", Some("192.0.2.99")).await;
    log.withheld.deliver(&log.product).await;
    assert_eq!(log.found(&[]).await, (vec![log.changed(7).await], 7));
    let shown = log.product.get(&path_of(&event), &log.ada).await;
    assert_eq!((&shown.body["sequence"], &shown.body["address"]), (&json!(7), &json!("192.0.2.99")));
    log.change("admin").await;
    log.change("member").await;
    assert_eq!(log.found(&[]).await, (vec![log.changed(7).await], 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_removed_before_it_is_chained_is_missed_by_the_proof() {
    let log = Log::start().await;
    log.withheld.hold();
    let event = log.change("viewer").await;
    log.set(&event, "", None).await;
    log.withheld.deliver(&log.product).await;
    let shown = log.product.get(&path_of(&event), &log.ada).await;
    assert_eq!(refused(&shown), (404, "not_found"), "{shown:?}");
    assert!(!log.events().await.iter().any(|other| other["id"] == event["id"]));
    log.change("admin").await;
    log.change("member").await;
    assert_eq!(log.found(&[]).await, (vec![Finding::Missing { from: 7, to: 7 }], 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_changed_and_removed_later_are_named_by_the_proof() {
    let log = Log::start().await;
    let events = log.events().await;
    let known = whole(&events);
    let of = |sequence: u64| events.iter().find(|event| event["sequence"] == sequence).unwrap();
    log.set(of(2), "user_agent", Some("another")).await;
    log.set(of(4), "", None).await;
    let expected = vec![log.changed(2).await, Finding::Missing { from: 4, to: 4 }];
    assert_eq!(log.found(&[known]).await, (expected, 6));
    log.change("viewer").await;
    let expected = vec![log.changed(2).await, Finding::Missing { from: 4, to: 4 }];
    assert_eq!(log.found(&[known]).await, (expected, 7));
    log.set(of(6), "", None).await;
    let gone = [4, 6].map(|sequence| Finding::Missing { from: sequence, to: sequence });
    let expected = [vec![log.changed(2).await], gone.to_vec()].concat();
    assert_eq!(log.found(&[known]).await, (expected, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_given_the_hash_of_another_are_named_by_the_proof() {
    let log = Log::start().await;
    let known = whole(&log.events().await);
    let event = log.change("viewer").await;
    let later = log.change("admin").await;
    for event in [&event, &later] {
        log.set(event, "hash", Some(&known.hash.to_string())).await;
    }
    let (findings, last) = log.found(&[known]).await;
    assert_eq!((&findings[..], last), (&[log.changed(7).await, log.changed(8).await][..], 8));
}
