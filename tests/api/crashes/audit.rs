//! The chain of an audit log, from the table's stream to its last row.

use reqwest::StatusCode;

use super::*;
use crate::audit::{
    Withheld,
    anchors::{CRON, reader},
    whole,
};

/// Lets the function die at each of its calls, while changes are on their way through it: in the end there is
/// one whole chain, with each change in it.
async fn killed_at_each_call(function: &'static str) {
    let withheld = Withheld::of(function);
    let product = withheld.product().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (_, member) = product.joined(&ada, "bob@example.com", "admin").await;
    let mut events = whole(&product.audit_log(&ada).await).sequence;
    'calls: for call in 0.. {
        for moment in [Moment::Before, Moment::After] {
            withheld.hold();
            for role in ["viewer", "admin"] {
                let changed = product.set_member(&ada, &member, role).await;
                assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
            }
            product.settle().await;
            let sandbox = Sandbox::of(&product, (function, withheld.release()), SignedDuration::ZERO);
            let instance = sandbox.instance().await;
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            if let Some(answer) = lived {
                assert!(succeeded(&answer), "{answer}");
                assert!(call >= 3, "{function} makes {call} calls");
                break 'calls;
            }
            let mut tries = 0;
            loop {
                sandbox.clock.advance(AT_ONCE);
                let answer = sandbox.invoke(&sandbox.instance().await).await;
                if succeeded(&answer) {
                    break;
                }
                tries += 1;
                assert!(
                    tries < 5,
                    "{function} does not recover from a crash at call {call} ({moment:?}): {answer}"
                );
            }
            product.settle().await;
            events += 2;
            let head = whole(&product.audit_log(&ada).await);
            assert_eq!(head.sequence, events, "after a crash at call {call} ({moment:?})");
        }
    }
    product.settle().await;
    let events = events + 2;
    assert_eq!(whole(&product.audit_log(&ada).await).sequence, events);
    let stored = product.stored_audit().await;
    let of_org = |item: &&Value| item["org_id"].is_string() || item["event"]["org_id"].is_string();
    let of_kind = |kind: &'static str| stored.iter().filter(move |item| item["kind"] == kind);
    assert_eq!(of_kind("audit_head").filter(of_org).count(), 1);
    assert_eq!(of_kind("audit").filter(of_org).count() as u64, events);
    assert_eq!(of_kind("audit_view").count() as u64, 3 * events, "each by actor, target and area");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaining_rows() {
    killed_at_each_call("queue-audit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handing_rows_over() {
    killed_at_each_call("stream-outbox").await;
}

/// In the end every chain is anchored where it is, by anchors that are one chain, whatever files lie beside
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anchoring_chains() {
    let product = Product::crowded().await;
    let mut keys = Vec::new();
    for slug in ["acme", "beta"] {
        let (ada, _, key) = reader(&product, &format!("ada@{slug}.example"), slug).await;
        let (_, member) = product.joined(&ada, &format!("bob@{slug}.example"), "admin").await;
        keys.push((ada, member, key));
    }
    'calls: for call in 0.. {
        for (moment, role) in [(Moment::Before, "viewer"), (Moment::After, "admin")] {
            for (ada, member, _) in &keys {
                let changed = product.set_member(ada, member, role).await;
                assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
            }
            product.advance(AT_ONCE).await;
            let sandbox = Sandbox::of(&product, (CRON, json!({})), SignedDuration::ZERO);
            let instance = sandbox.instance().await;
            let lived = sandbox.crashes.run(call, moment, sandbox.invoke(&instance)).await;
            if lived.is_none() {
                let answer = sandbox.invoke(&sandbox.instance().await).await;
                assert_eq!(answer["failed"], 0, "after a crash at call {call} ({moment:?}): {answer}");
            }
            product.settle().await;
            for (_, _, key) in &keys {
                let report = product.proof_by_anchors(key).await;
                assert!(report.findings.is_empty(), "after a crash at call {call} ({moment:?}): {report}");
                let anchored = report.anchored.map(|(sequence, _)| sequence);
                assert_eq!(anchored, report.head.map(|head| head.sequence), "call {call} ({moment:?})");
            }
            if let Some(answer) = lived {
                assert_eq!((&answer["anchored"], &answer["moved"]), (&json!(2), &json!(0)), "{answer}");
                assert!(call >= 10, "{CRON} makes {call} calls");
                break 'calls;
            }
        }
    }
    let stored = product.stored_audit().await;
    assert!(stored.iter().all(|item| item.get("due_pk").is_none()), "nothing is left to anchor: {stored:?}");
}
