//! One chain for each organization, whatever happens at once, again or in another order.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::answer::Answer;

use super::{KEYS, WORKER, Withheld, body, delivered, received, whole};
use crate::product::Product;

/// An organization with an owner, an admin, and a member whom both of them look after.
struct Company {
    slug: &'static str,
    org: String,
    owner: String,
    admin: String,
    member: String,
}

async fn company(product: &Product, slug: &'static str) -> Company {
    let (owner, org) = product.owner(&format!("ada@{slug}.example"), slug).await;
    let (admin, _) = product.joined(&owner, &format!("bob@{slug}.example"), "admin").await;
    let (_, member) = product.joined(&owner, &format!("eve@{slug}.example"), "member").await;
    Company { slug, org, owner, admin, member }
}

async fn changed(product: &Product, company: &Company, number: usize) -> Answer {
    let Company { slug, owner, admin, member, .. } = company;
    let key = json!({ "name": "CI", "scopes": ["org:read"] });
    match number % 4 {
        0 if number.is_multiple_of(8) => product.set_member(owner, member, "viewer").await,
        0 => product.set_member(owner, member, "admin").await,
        1 => product.set_member(admin, member, "member").await,
        2 => product.post_as(KEYS, owner, &key).await,
        _ => product.invite(admin, &format!("guest{number}@{slug}.example"), "viewer").await,
    }
}

/// The audit logs of these organizations, page by page.
async fn logs(product: &Product, companies: &[Company]) -> Vec<Vec<Value>> {
    let mut logs = Vec::new();
    for company in companies {
        logs.push(product.audit_events(&company.owner, "limit=10").await);
    }
    logs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_do_at_once_each_organization_has_one_whole_chain() {
    let product = Product::crowded().await;
    let companies =
        [company(&product, "acme").await, company(&product, "beta").await, company(&product, "gamma").await];
    let all = (0..24).flat_map(|number| companies.iter().map(move |company| (company, number)));
    let answers = join_all(all.map(|(company, number)| changed(&product, company, number))).await;
    let done = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert!(done > 36, "{answers:?}");
    product.settle().await;
    let stored = product.stored_audit().await;
    for (company, log) in companies.iter().zip(logs(&product, &companies).await) {
        whole(&log);
        assert!(log.iter().all(|event| event["org_id"] == company.org), "{log:?}");
        let ids: BTreeSet<_> = log.iter().map(|event| event["id"].as_str().unwrap()).collect();
        let of = |start: String| {
            let is_of = |item: &&Value| item["pk"].as_str().unwrap().starts_with(&start);
            stored.iter().filter(is_of).count()
        };
        let rows = of(format!("AUDIT#{}", company.org));
        assert_eq!((ids.len(), rows), (log.len(), log.len()), "{}", company.slug);
        let places = (of(format!("AUDIT_HEAD#{}", company.org)), of(format!("AUDIT_VIEW#{}#", company.org)));
        assert_eq!(places, (1, 3 * log.len()), "a head, and each by actor, target and area");
    }
}

/// The same messages in other calls and in another order, and their rows in messages of other neighbours.
fn again(messages: &[Value]) -> Vec<Value> {
    let mut calls = vec![delivered(messages.iter().rev().cloned())];
    calls.extend(messages.windows(3).step_by(2).map(|some| delivered(some.iter().cloned())));
    let mut rows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for message in messages.iter().map(body) {
        let of_org = rows.entry(message["org_id"].as_str().unwrap().to_owned()).or_default();
        of_org.extend(message["rows"].as_array().unwrap().iter().rev().cloned());
    }
    for (org, rows) in rows {
        for (at, some) in rows.windows(4).step_by(3).enumerate() {
            let mut message = messages[0].clone();
            message["messageId"] = json!(format!("{org}-{at}"));
            message["body"] = json!(json!({ "org_id": org, "rows": some }).to_string());
            calls.push(delivered([message]));
        }
    }
    calls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_worker_had_comes_a_second_and_a_third_time_and_changes_nothing() {
    let product = Product::crowded().await;
    let companies = [company(&product, "acme").await, company(&product, "beta").await];
    for number in 0..4 {
        join_all(companies.iter().map(|company| changed(&product, company, number))).await;
    }
    product.settle().await;
    let before = (logs(&product, &companies).await, product.stored_audit().await);
    for log in &before.0 {
        whole(log);
    }
    let calls = again(&received(&product));
    assert!(calls.len() > 10, "{calls:?}");
    for _ in 0..2 {
        let calls = calls.iter().map(|call| product.cloud.invoke(WORKER, call.clone()));
        for answer in join_all(calls).await {
            let answer = answer.unwrap();
            assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
        }
        product.settle().await;
        let after = (logs(&product, &companies).await, product.stored_audit().await);
        assert_eq!(after, before);
    }
}

/// The order of the queue is no condition: whoever has the same rows at the same time makes one chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_workers_with_the_same_rows_make_one_chain() {
    let withheld = Withheld::of(WORKER);
    let product = withheld.product().await;
    let acme = company(&product, "acme").await;
    let before = whole(&product.audit_log(&acme.owner).await).sequence;
    withheld.hold();
    for number in 0..12 {
        let answer = changed(&product, &acme, number).await;
        assert!(answer.status.is_success(), "{answer:?}");
        if number % 4 == 3 {
            product.settle().await;
        }
    }
    let all = withheld.release();
    let messages = all["Records"].as_array().unwrap();
    let calls = again(messages).into_iter().chain([all.clone(), all.clone()]);
    for answer in join_all(calls.map(|call| product.cloud.invoke(WORKER, call))).await {
        answer.unwrap();
    }
    // a message whose turn did not come in its time comes again
    let last = product.cloud.invoke(WORKER, all.clone()).await.unwrap();
    assert_eq!(last["batchItemFailures"], json!([]), "{last}");
    product.settle().await;
    let log = product.audit_log(&acme.owner).await;
    assert_eq!(whole(&log).sequence, before + 12);
    let key = product.post_as(KEYS, &acme.owner, &json!({ "name": "CD", "scopes": ["org:read"] })).await;
    assert_eq!(key.status, StatusCode::CREATED, "{key:?}");
    product.settle().await;
    assert_eq!(whole(&product.audit_log(&acme.owner).await).sequence, before + 13);
}
