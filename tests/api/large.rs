//! What lists cost in an organization of very many: the same as in one of a few.
//!
//! `GANTRY_TEST_ROWS=100000` tries it with so many members, users of the directory and events of the log.

use std::{collections::HashMap, time::Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures::{StreamExt, stream};
use primitives::{Ids, MemberId, ScimUserId, UserId};
use reqwest::StatusCode;
use serde_json::Value;

use crate::product::Product;

/// How many there are, where nobody says another number.
const ROWS: usize = 500;

type Row = HashMap<String, AttributeValue>;

/// The same with other texts in the place of these, wherever they stand.
fn with(value: &AttributeValue, texts: &[(String, String)]) -> AttributeValue {
    match value {
        AttributeValue::S(text) => {
            AttributeValue::S(texts.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to)))
        }
        AttributeValue::L(list) => AttributeValue::L(list.iter().map(|value| with(value, texts)).collect()),
        AttributeValue::M(map) => AttributeValue::M(with_all(map, texts)),
        other => other.clone(),
    }
}

fn with_all(row: &Row, texts: &[(String, String)]) -> Row {
    row.iter().map(|(name, value)| (name.clone(), with(value, texts))).collect()
}

impl Product {
    /// The rows of these kinds in which this text stands.
    async fn rows_about(&self, kinds: &[&str], text: &str) -> Vec<Row> {
        let (client, table) = self.database();
        let rows = client.scan().table_name(&table).into_paginator().items().send();
        let rows = rows.collect::<Result<Vec<_>, _>>().await.unwrap();
        let is_one = |row: &Row| {
            let kind = row["kind"].as_s().unwrap();
            kinds.contains(&kind.as_str()) && format!("{row:?}").contains(text)
        };
        rows.into_iter().filter(is_one).collect()
    }

    async fn put_all(&self, rows: impl Iterator<Item = Row>) {
        let (client, table) = self.database();
        let (client, table) = (&client, &table);
        let put = |row| {
            WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(row)).build().unwrap())
        };
        let writes: Vec<_> = rows.map(|row| put(row).build()).collect();
        let chunks = writes.chunks(25).map(<[_]>::to_vec);
        let write = async |chunk| {
            let answer = client.batch_write_item().request_items(table, chunk).send().await.unwrap();
            assert!(answer.unprocessed_items().is_none_or(HashMap::is_empty));
        };
        stream::iter(chunks).for_each_concurrent(4, write).await;
    }

    /// The items of a page, and the calls and units of the function that answered.
    async fn page(&self, function: &str, path: &str, token: &str) -> (Answered, usize, f64) {
        let mut answer = None;
        // the second time nothing is made for the first time, and nothing read again that was late
        for _ in 0..2 {
            let asked = self.get(path, token).await;
            assert_eq!(asked.status, StatusCode::OK, "{path}: {asked:?}");
            answer = Some(asked.body);
        }
        let body = answer.unwrap();
        let items = ["items", "Resources"].iter().find_map(|name| body[name].as_array()).unwrap().len();
        let calls = self.host(function).calls_of_last_invocation();
        (
            Answered { items, next: body["next_cursor"].clone() },
            calls.len(),
            calls.iter().map(|call| call.units).sum(),
        )
    }
}

struct Answered {
    items: usize,
    next: Value,
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says how many")]
fn rows_wanted() -> usize {
    std::env::var("GANTRY_TEST_ROWS").map_or(ROWS, |rows| rows.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_cost_the_same_for_a_few_and_for_very_many() {
    let product = Product::alone().await;
    let acme = product.acme().await;
    let token = acme.ada.clone();
    for name in ["u-000001", "u-000002", "u-000003"].map(|name| format!("{name}@acme.example")) {
        product.scim_user(&acme.token, &name).await;
    }
    product.settle().await;
    let user = product.scim(&acme.token, "GET", "/Users?count=3", &Value::Null).await;
    let user = user.body["Resources"].as_array().unwrap()[1].clone();
    let found = product.get("/v1/orgs/current/members?q=u-000002", &token).await;
    let (id, name) = (user["id"].as_str().unwrap(), user["userName"].as_str().unwrap());
    let [member, person] = ["/items/0/id", "/items/0/user_id"].map(|path| found.text(path));
    let filter = name.replace('@', "%40");
    let log = product.audit_log(&token).await;
    let event =
        log.iter().find(|event| event["target"]["id"] == member.as_str()).unwrap()["id"].as_str().unwrap();
    let questions = [
        ("api-members", "/v1/orgs/current/members?limit=2".to_owned(), &token),
        ("api-members", "/v1/orgs/current/members?limit=2&role=member".to_owned(), &token),
        ("api-members", "/v1/orgs/current/members?limit=2&q=u-00000".to_owned(), &token),
        ("api-scim", "/scim/v2/Users?count=2".to_owned(), &acme.token),
        ("api-scim", "/scim/v2/Users?count=2&cursor=".to_owned(), &acme.token),
        ("api-scim", format!("/scim/v2/Users?filter=userName%20eq%20%22{filter}%22"), &acme.token),
        ("api-audit", "/v1/audit/events?limit=2".to_owned(), &token),
        ("api-audit", "/v1/audit/events?limit=2&action=member".to_owned(), &token),
        ("api-audit", format!("/v1/audit/events?limit=1&target_id={member}"), &token),
    ];
    let asked = async || {
        let mut costs = Vec::new();
        for (function, path, token) in &questions {
            let (page, calls, units) = product.page(function, path, token).await;
            assert!(page.items > 0, "{path}");
            // and behind the first page
            if let Some(next) = page.next.as_str() {
                let further = product.page(function, &format!("{path}&cursor={next}"), token).await;
                costs.push((path.clone(), further.1, further.2));
            }
            costs.push((path.clone(), calls, units));
        }
        costs
    };
    let few = asked().await;

    let members = ["member", "member_word", "scim_user", "scim_user_name"];
    let of_members = product.rows_about(&members, name.split('@').next().unwrap()).await;
    let of_log = product.rows_about(&["audit", "audit_view"], event).await;
    assert!(of_members.len() >= 4 && of_log.len() >= 3, "{} {}", of_members.len(), of_log.len());
    let (rows, began) = (rows_wanted(), Instant::now());
    for done in (0..rows).step_by(1_000) {
        let copies = (done..rows.min(done + 1_000)).flat_map(|number| {
            let ids: (MemberId, UserId, ScimUserId) =
                (Ids::unguessable(), Ids::unguessable(), Ids::unguessable());
            let texts = [
                ("u-000002".to_owned(), format!("u-1{number:07}")),
                (member.clone(), ids.0.to_string()),
                (person.clone(), ids.1.to_string()),
                (id.to_owned(), ids.2.to_string()),
            ];
            let copies: Vec<_> = of_members.iter().map(|row| with_all(row, &texts)).collect();
            let texts = [(event.to_owned(), primitives::EventId::to_string(&Ids::unguessable()))];
            let of_log: Vec<_> = of_log.iter().map(|row| with_all(row, &texts)).collect();
            copies.into_iter().chain(of_log)
        });
        product.put_all(copies).await;
    }
    product.settle().await;
    println!("{rows} members, users and events written in {:.0?}", began.elapsed());

    let many = asked().await;
    for ((path, calls, units), (_, more_calls, more_units)) in few.iter().zip(&many) {
        println!("{path}: {calls} calls, {units} units; of {rows}: {more_calls}, {more_units}");
        assert!((more_calls, more_units) <= (calls, units), "{path}");
    }
}
