//! What a page of the log costs, however long the log is.

use events::NewEvent;
use orgs::events::MemberUpdated;
use primitives::{Ids, MemberId, OrgId};
use reqwest::StatusCode;
use table::{Cause, Changes};

use super::{EVENTS, whole};
use crate::{known, product::Product};

/// How many events one transaction has room for here.
const AT_ONCE: usize = 40;

/// Has somebody else change so many members.
async fn others(product: &Product, org_id: OrgId, count: usize) {
    let table = known::table(product).await;
    let cause = Cause::system("somebody-else", "changes-of-others");
    let data: MemberUpdated = events::example().unwrap();
    let event = || {
        let member_id: MemberId = Ids::unguessable();
        NewEvent::new(Some(org_id), &member_id, 2, &data)
    };
    for done in (0..count).step_by(AT_ONCE) {
        let part = AT_ONCE.min(count - done);
        let changes = (0..part).fold(Changes::new(), |changes, _| changes.publish(event()));
        table.commit(&cause, changes).await.unwrap();
        product.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_in_a_short_and_in_a_long_log() {
    let product = Product::alone().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let org_id: OrgId = org.parse().unwrap();
    let ada_id = product.get("/v1/me", &ada).await.text("/id");
    let queries = [
        format!("actor_id={ada_id}&limit=2"),
        format!("actor_id={ada_id}&limit=2&order=asc"),
        format!("actor_id={ada_id}&action=member&limit=2"),
        format!("target_id={org}&limit=1"),
        "action=organization&limit=1".to_owned(),
    ];
    let pages = async || {
        let mut pages = Vec::new();
        for query in &queries {
            // the second time, so that the key of cursors is there, and nothing is read again that was late
            product.get(&format!("{EVENTS}?{query}"), &ada).await;
            let page = product.get(&format!("{EVENTS}?{query}"), &ada).await;
            assert_eq!(page.status, StatusCode::OK, "{query}: {page:?}");
            assert!(!page.body["items"].as_array().unwrap().is_empty(), "{query}");
            let calls = product.host("api-audit").calls_of_last_invocation();
            let units: f64 = calls.iter().map(|call| call.units).sum();
            assert!(calls.len() <= 2, "{query}: {calls:?}");
            pages.push((page.body["items"].clone(), calls.len(), units));
        }
        pages
    };
    others(&product, org_id, 10).await;
    let short = pages().await;
    others(&product, org_id, 290).await;
    let long = pages().await;
    for ((query, short), long) in queries.iter().zip(&short).zip(&long) {
        assert_eq!(long, short, "{query}");
    }
    assert_eq!(whole(&product.audit_log(&ada).await).sequence, 303);
}
