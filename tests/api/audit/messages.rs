//! Messages to the worker that nobody of ours sends.

use audit_chain::Finding;
use primitives::{EventId, Ids};
use serde_json::{Value, json};

use super::{EVENTS, WORKER, Withheld, body, proof, received, whole};
use crate::{invites::refused, product::Product};

/// Puts a message into the worker's queue, among those of this organization.
async fn send(product: &Product, org: &str, message: &str) {
    let host = product.host("stream-outbox");
    let url = host.environment().required("AUDIT_QUEUE_URL").unwrap();
    let id: EventId = Ids::unguessable();
    let request = host.queues().send_message().queue_url(url).message_body(message);
    let request = request.message_group_id(org).message_deduplication_id(id.to_string());
    request.send().await.unwrap();
}

/// The bodies of all dead letters.
async fn dead_letters(product: &Product) -> Vec<String> {
    let letters = product.local("/dead-letters").await;
    let letters = letters["items"].as_array().unwrap().iter();
    let mut letters: Vec<_> = letters.map(|letter| letter["body"].as_str().unwrap().to_owned()).collect();
    letters.sort();
    letters
}

/// A row of this organization as it was handed over.
fn row(product: &Product, org: &str) -> Value {
    let messages = received(product);
    let message = messages.iter().map(body).find(|message| message["org_id"] == org).unwrap();
    message["rows"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_a_dead_letter_and_holds_nothing_up() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (log, before) = (product.audit_log(&ada).await, product.stored_audit().await);
    whole(&log);
    let row = row(&product, &acme);
    let with = |name: &str, value: Value| {
        let mut row = row.clone();
        row[name] = value;
        json!({ "org_id": acme, "rows": [row] }).to_string()
    };
    let hash = row["row_hash"].as_str().unwrap();
    let mut hostile = vec![
        "not JSON".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        json!({ "org_id": acme }).to_string(),
        json!({ "org_id": "org_x", "rows": [row] }).to_string(),
        json!({ "org_id": acme, "rows": [row], "again": true }).to_string(),
        format!(r#"{{"org_id":"{acme}","org_id":"{acme}","rows":[]}}"#),
        with("row_hash", json!(format!("{}G", &hash[1..]))),
        with("row_hash", json!(&hash[1..])),
        with("row_hash", Value::Null),
        with("id", json!("evt_x")),
        with("time", json!("yesterday")),
        with("sequence", json!(1)),
    ];
    for message in &hostile {
        send(&product, &acme, message).await;
    }
    product.settle().await;
    hostile.sort();
    assert_eq!(dead_letters(&product).await, hostile);
    let calls = product.cloud.invocations(Some(WORKER));
    assert!(calls.iter().all(|call| call.error.is_none()), "{calls:?}");
    assert_eq!(product.stored_audit().await, before);
    product.api_key(&ada, &["org:read"]).await;
    product.settle().await;
    assert_eq!(whole(&product.audit_log(&ada).await).sequence, log.len() as u64 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_about_nothing_or_about_rows_that_have_a_place_does_nothing() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let before = product.stored_audit().await;
    let row = row(&product, &acme);
    let mut forged = row.clone();
    forged["row_hash"] = json!("0".repeat(64));
    for rows in [json!([]), json!([row, row, row]), json!([forged]), json!([forged, row])] {
        send(&product, &acme, &json!({ "org_id": acme, "rows": rows }).to_string()).await;
    }
    product.settle().await;
    assert_eq!(product.stored_audit().await, before);
    assert_eq!(dead_letters(&product).await, [""; 0]);
    whole(&product.audit_log(&ada).await);
}

/// Twice in one message, and once more by a message that waits for no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_named_twice_before_it_is_chained_is_chained_once() {
    let withheld = Withheld::of(WORKER);
    let product = withheld.product().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let before = whole(&product.audit_log(&ada).await);
    withheld.hold();
    product.api_key(&ada, &["org:read"]).await;
    product.settle().await;
    let kept = withheld.release();
    let row = body(&kept["Records"][0])["rows"][0].clone();
    for group in [acme.as_str(), "another"] {
        send(&product, group, &json!({ "org_id": acme, "rows": [row, row] }).to_string()).await;
    }
    product.settle().await;
    let log = product.audit_log(&ada).await;
    assert_eq!(whole(&log).sequence, before.sequence + 1);
    assert_eq!(log[0]["id"], row["id"]);
}

/// The worker cannot tell a row that somebody removed from one that never was: it says so in the chain of the
/// organization that the message names, and touches no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_another_organization_is_shown_to_nobody_and_leaves_a_gap() {
    let product = Product::start().await;
    let (ada, acme) = product.owner("ada@example.com", "acme").await;
    let (bob, beta) = product.owner("bob@example.com", "beta").await;
    let log = product.audit_log(&ada).await;
    let own = product.audit_log(&bob).await;
    let head = whole(&own);
    let row = row(&product, &acme);
    send(&product, &beta, &json!({ "org_id": beta, "rows": [row] }).to_string()).await;
    product.settle().await;
    assert_eq!(product.audit_log(&ada).await, log);
    assert_eq!(product.audit_log(&bob).await, own);
    let shown = product.get(&format!("{EVENTS}/{}", row["id"].as_str().unwrap()), &bob).await;
    assert_eq!(refused(&shown), (404, "not_found"), "{shown:?}");
    product.api_key(&bob, &["org:read"]).await;
    product.settle().await;
    let report = proof(&product.audit_log(&bob).await, &[head]);
    let gap = head.sequence + 1;
    assert_eq!(report.findings, [Finding::Missing { from: gap, to: gap }]);
    assert_eq!(report.head.unwrap().sequence, gap + 1);
    whole(&product.audit_log(&ada).await);
    assert_eq!(dead_letters(&product).await, [""; 0]);
}
