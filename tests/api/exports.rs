//! Exports: what is in the files, who gets them, and that a job comes to one end whatever happens on the way.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, future::join_all, stream};
use jiff::SignedDuration;
use lambda_host::{Context, LambdaEvent};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;

use crate::{
    audit::{Withheld, delivered},
    invites::refused,
    product::Product,
};

pub(crate) const OF_ORG: &str = "/v1/orgs/current/exports";
const OF_AUDIT: &str = "/v1/audit/exports";
const OF_PERSON: &str = "/v1/me/exports";
pub(crate) const WORKER: &str = "queue-export";

impl Product {
    /// Asks for an export, which is made; where its job is.
    pub(crate) async fn exported(&self, path: &str, token: &str, body: &Value) -> String {
        let asked = self.post_as(path, token, body).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        let job = asked.headers["location"].to_str().unwrap().to_owned();
        self.settle().await;
        job
    }

    /// What is in the files of a job that is done, by their names.
    pub(crate) async fn files(&self, job: &str, token: &str) -> BTreeMap<String, String> {
        let job = self.get(job, token).await;
        assert_eq!(job.text("/status"), "succeeded", "{job:?}");
        let mut files = BTreeMap::new();
        for file in job.body["files"].as_array().unwrap() {
            let answer = reqwest::get(file["url"].as_str().unwrap()).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{file}");
            let name = file["name"].as_str().unwrap().to_owned();
            let saved = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
            assert_eq!(saved, format!("attachment; filename=\"{name}\""));
            let content = answer.bytes().await.unwrap();
            let hash = hex::encode(digest(&SHA256, &content));
            assert_eq!((file["size"].as_u64(), &file["sha256"]), (Some(content.len() as u64), &json!(hash)));
            files.insert(name, String::from_utf8(content.to_vec()).unwrap());
        }
        files
    }

    /// Lets all jobs look as if nobody had begun them.
    pub(crate) async fn begin_jobs_again(&self) {
        let (client, table) = self.database();
        let rows = client.scan().table_name(&table).into_paginator().items().send();
        let rows = rows.collect::<Result<Vec<_>, _>>().await.unwrap();
        let text = |text: String| AttributeValue::S(text);
        let number = |number: &str| AttributeValue::N(number.to_owned());
        let put = async |row| client.put_item().table_name(&table).set_item(Some(row)).send().await.unwrap();
        for mut row in rows {
            let running = match row["kind"].as_s().unwrap().as_str() {
                "job" => "running_job",
                "own_job" => "own_running_job",
                _ => continue,
            };
            for gone in ["outcome", "finished_at", "started_at"] {
                row.remove(gone);
            }
            let place = [("lists", "0"), ("files", "0")].map(|(name, none)| (name.to_owned(), number(none)));
            row.insert("place".to_owned(), AttributeValue::M(place.into()));
            row.insert("parts".to_owned(), AttributeValue::L(Vec::new()));
            row.insert("done".to_owned(), number("0"));
            let same = ["pk", "org_id", "job_id", "does"];
            let same = same.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())));
            let mut other: HashMap<_, _> = same.collect();
            other.insert("user_id".to_owned(), row["created_by"].clone());
            other.insert("kind".to_owned(), text(running.to_owned()));
            other.insert("sk".to_owned(), text(format!("RUNNING#{}", row["does"].as_s().unwrap())));
            other.insert("version".to_owned(), number("1"));
            put(other).await;
            put(row).await;
        }
    }

    /// Calls the worker with this event, which has so many seconds.
    pub(crate) async fn export_within(&self, event: &Value, seconds: i64) -> Value {
        let function = queue_export::function(&self.host(WORKER)).await.unwrap();
        let mut context = Context::default();
        let deadline = primitives::Clock::system().now() + SignedDuration::from_secs(seconds);
        context.deadline = deadline.as_millisecond().unsigned_abs();
        function.invoke(LambdaEvent::new(event.clone(), context)).await.unwrap()
    }
}

fn rows_of(files: &BTreeMap<String, String>, name: &str) -> Vec<Value> {
    files[name].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_gets_all_of_the_organization() {
    let product = Product::start().await;
    let (ada, org) = product.owner("ada@example.com", "acme").await;
    let (_, bob) = product.joined(&ada, "bob@example.com", "member").await;
    product.invite(&ada, "eve@example.com", "viewer").await;
    let (_, secret) = product.api_key(&ada, &["members:read"]).await;
    let link = json!({ "role": "member", "max_uses": 3, "expires_in_days": 3 });
    product.post_as("/v1/orgs/current/invite-links", &ada, &link).await;
    product.settle().await;
    let job = product.exported(OF_ORG, &ada, &json!({})).await;
    let shown = product.get(&job, &ada).await;
    let files = product.files(&job, &ada).await;
    let names = [
        "api_keys.jsonl",
        "audit_anchors.jsonl",
        "audit_events.jsonl",
        "domains.jsonl",
        "invite_links.jsonl",
        "invites.jsonl",
        "join_requests.jsonl",
        "manifest.json",
        "members.jsonl",
        "organization.jsonl",
        "scim_groups.jsonl",
        "scim_users.jsonl",
        "sso_connections.jsonl",
        "subscription.jsonl",
    ];
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), names);
    // rows are what the lists show
    let listed = product.get("/v1/orgs/current/members?limit=100", &ada).await;
    assert_eq!(json!(rows_of(&files, "members.jsonl")), listed.body["items"]);
    assert!(files["members.jsonl"].contains(&bob));
    let invites = product.get("/v1/orgs/current/invites?limit=100", &ada).await;
    assert_eq!(json!(rows_of(&files, "invites.jsonl")), invites.body["items"]);
    assert_eq!(rows_of(&files, "organization.jsonl")[0]["id"], json!(org));
    assert_eq!(rows_of(&files, "api_keys.jsonl").len(), 1);
    assert_eq!(rows_of(&files, "subscription.jsonl").len(), 1);
    // the log is whole up to when it was asked for, and proves itself
    let log = rows_of(&files, "audit_events.jsonl");
    let whole = product.audit_log(&ada).await;
    let mut before: Vec<_> = whole
        .into_iter()
        .filter(|event| event["time"].as_str() <= shown.body["created_at"].as_str())
        .collect();
    before.retain(|event| event["action"] != "export.requested");
    assert_eq!(log.iter().filter(|event| event["action"] != "export.requested").count(), before.len());
    // the manifest says what there is
    let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["files"].as_array().unwrap().len(), names.len() - 1);
    assert_eq!(manifest["rows"], shown.body["done"]);
    for file in manifest["files"].as_array().unwrap() {
        let same = |shown: &&Value| shown["name"] == file["name"] && shown["sha256"] == file["sha256"];
        assert!(shown.body["files"].as_array().unwrap().iter().any(|shown| same(&shown)), "{file}");
    }
    // nothing by which anybody gets in
    let all: String = files.values().cloned().collect();
    for secret in [secret.as_str(), &secret[secret.len() - 20..], "\"secret\"", "token_hash"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(product.subjects("ada@example.com").await.contains(&"Your export is ready".to_owned()));
    assert!(product.events().await.contains(&"job.succeeded".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_gets_what_is_known_of_them_and_of_nobody_else() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.joined(&ada, "bob@example.com", "member").await;
    let phone = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    product.post_as("/v1/me/devices", &ada, &phone).await;
    product.settle().await;
    let job = product.exported(OF_PERSON, &ada, &json!({})).await;
    let files = product.files(&job, &ada).await;
    assert_eq!(rows_of(&files, "person.jsonl")[0]["email"], "ada@example.com");
    assert_eq!(rows_of(&files, "organizations.jsonl")[0]["slug"], "acme");
    assert!(!rows_of(&files, "sessions.jsonl").is_empty());
    assert_eq!(rows_of(&files, "devices.jsonl").len(), 1);
    let all: String = files.values().cloned().collect();
    for secret in ["bob@example.com", "salt", "hash\"", "endpoint", "ada-phone-token", "\"pk\""] {
        assert!(!all.contains(secret), "{secret}");
    }
    // it is nobody else's, and in no organization's list
    let (eve, _) = product.owner("eve@example.com", "evil").await;
    for token in [&eve, &product.sign_in("bob@example.com").await.text("/access_token")] {
        assert_eq!(refused(&product.get(&job, token).await), (404, "not_found"));
    }
    let listed = product.get("/v1/jobs", &ada).await;
    assert_eq!(listed.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_ask_for_it_gets_no_file_of_it() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (admin, _) = product.joined(&ada, "admin@example.com", "admin").await;
    let (member, _) = product.joined(&ada, "member@example.com", "member").await;
    let (eve, _) = product.owner("eve@example.com", "evil").await;
    for token in [&admin, &member] {
        assert_eq!(refused(&product.post_as(OF_ORG, token, &json!({})).await), (403, "forbidden"));
    }
    assert_eq!(refused(&product.post_as(OF_AUDIT, &member, &json!({})).await), (403, "forbidden"));
    let whole = product.exported(OF_ORG, &ada, &json!({})).await;
    let log = product.exported(OF_AUDIT, &ada, &json!({})).await;
    let links = |job: &Answer| -> usize {
        job.body["files"].as_array().unwrap().iter().filter(|file| file["url"].is_string()).count()
    };
    // an admin sees that there is one, and reads the log, which admins may
    let seen = product.get(&whole, &admin).await;
    assert_eq!((seen.text("/status").as_str(), links(&seen)), ("succeeded", 0));
    assert_eq!(links(&product.get(&log, &admin).await), 3);
    assert_eq!(refused(&product.post_nothing(&format!("{whole}/cancel"), &admin).await), (404, "not_found"));
    let listed = product.get("/v1/jobs", &admin).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 2);
    assert!(listed.body["items"].as_array().unwrap().iter().all(|job| job["files"][0]["url"].is_null()));
    // to others there is nothing: the answer is that to an id that nobody has
    let nobody_s = "/v1/jobs/job_01kar8h5g0e0vsx4q1v3f6m2ah";
    for token in [&member, &eve] {
        for job in [whole.as_str(), log.as_str(), nobody_s] {
            let answer = product.get(job, token).await;
            assert_eq!(refused(&answer), (404, "not_found"), "{job}");
            let cancel = product.post_nothing(&format!("{job}/cancel"), token).await;
            assert_eq!(refused(&cancel), (404, "not_found"), "{job}");
        }
        assert_eq!(product.get("/v1/jobs", token).await.body["items"], json!([]));
    }
    // an old proof is none
    product.advance(SignedDuration::from_mins(11)).await;
    assert_eq!(refused(&product.post_as(OF_ORG, &ada, &json!({})).await), (401, "step_up_required"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_can_be_had_for_a_day() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let job = product.exported(OF_ORG, &ada, &json!({})).await;
    let link = product.get(&job, &ada).await.text("/files/0/url");
    let changed = link.replace("organization.jsonl", "members.jsonl");
    assert_eq!(reqwest::get(changed).await.unwrap().status(), StatusCode::FORBIDDEN);
    product.advance(SignedDuration::from_hours(24) + SignedDuration::from_secs(5)).await;
    let ada = product.sign_in("ada@example.com").await.text("/access_token");
    let later = product.get(&job, &product.within(&ada).await).await;
    assert_eq!((later.text("/status").as_str(), &later.body["files"]), ("succeeded", &json!([])));
    product.advance(SignedDuration::from_hours(24)).await;
    assert_eq!(reqwest::get(&link).await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_the_log_is_had_as_a_sheet() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.joined(&ada, "bob@example.com", "member").await;
    let asked = json!({ "format": "csv", "action": "member" });
    let job = product.exported(OF_AUDIT, &ada, &asked).await;
    let files = product.files(&job, &ada).await;
    let sheet = &files["audit_events.csv"];
    assert!(sheet.starts_with("sequence,time,id,org_id,action,"), "{sheet}");
    assert_eq!(sheet.lines().filter(|line| line.contains(",member.added,")).count(), 2);
    assert!(!sheet.contains("organization.created"));
    let backwards = json!({ "from": "2026-11-23T10:00:00Z", "to": "2026-11-22T10:00:00Z" });
    let answer = product.post_as(OF_AUDIT, &ada, &backwards).await;
    assert_eq!(
        (refused(&answer), answer.text("/errors/0/pointer")),
        ((422, "invalid_request"), "/to".to_owned())
    );
    for wrong in [json!({ "format": "xml" }), json!({ "action": "Member!" }), json!({ "from": "yesterday" })]
    {
        assert_eq!(
            refused(&product.post_as(OF_AUDIT, &ada, &wrong).await),
            (422, "invalid_request"),
            "{wrong}"
        );
    }
    let none = product.exported(OF_AUDIT, &ada, &json!({ "to": "2001-01-01T00:00:00Z" })).await;
    assert_eq!(product.files(&none, &ada).await["audit_events.jsonl"], "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_made_at_a_time_and_can_be_ended() {
    let withheld = Withheld::of(WORKER);
    let product = withheld.product().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    withheld.hold();
    let (path, body) = (OF_ORG, json!({}));
    // no more at once than the function takes
    let ask = |_| product.post_as(path, &ada, &body);
    let asked: Vec<_> = stream::iter(0..50).map(ask).buffer_unordered(20).collect().await;
    let begun: Vec<_> = asked.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).collect();
    let refused_as = |code: (u16, &str)| asked.iter().filter(|answer| refused(answer) == code).count();
    let of = (begun.len(), refused_as((409, "export_running")), refused_as((429, "rate_limited")));
    assert_eq!(of, (1, 9, 40), "ten may be asked for in a minute, one is made: {asked:?}");
    let job = begun[0].headers["location"].to_str().unwrap();
    let waiting = product.get(job, &ada).await;
    assert_eq!(
        (waiting.text("/status").as_str(), &waiting.headers["retry-after"]),
        ("queued", &"5".parse().unwrap())
    );
    product.settle().await;
    for _ in 0..2 {
        let canceled = product.post_nothing(&format!("{job}/cancel"), &ada).await;
        assert_eq!((canceled.status, canceled.text("/status").as_str()), (StatusCode::OK, "canceled"));
    }
    // what comes too late makes nothing
    let event = withheld.release();
    assert_eq!(product.cloud.invoke(WORKER, event).await.unwrap()["batchItemFailures"], json!([]));
    product.settle().await;
    assert_eq!(product.get(job, &ada).await.body["files"], json!([]));
    let objects = product.cloud.inspect(|state| state.objects.values().map(BTreeMap::len).sum::<usize>());
    assert_eq!(objects, 0);
    // and another one may begin, by a request that is repeated
    product.advance(SignedDuration::from_secs(61)).await;
    let once = || {
        product.request(Method::POST, OF_ORG).bearer_auth(&ada).header("idempotency-key", "one").json(&body)
    };
    let [first, second] = [product.send(once()).await, product.send(once()).await];
    assert_eq!((first.status, first.body), (second.status, second.body));
    product.settle().await;
    let done = product.get("/v1/jobs?status=succeeded", &ada).await;
    assert_eq!(done.body["items"].as_array().unwrap().len(), 1);
    let finished = product.post_nothing(&format!("/v1/jobs/{}/cancel", done.text("/items/0/id")), &ada).await;
    assert_eq!(refused(&finished), (409, "job_finished"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_without_time_hands_over_and_two_runs_make_one_export() {
    let withheld = Withheld::of(WORKER);
    let product = withheld.product().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    withheld.hold();
    let asked = product.post_as(OF_ORG, &ada, &json!({})).await;
    let job = asked.headers["location"].to_str().unwrap().to_owned();
    product.settle().await;
    let event = withheld.release();
    withheld.hold();
    assert_eq!(product.export_within(&event, 5).await["batchItemFailures"], json!([]));
    product.settle().await;
    assert_eq!(product.get(&job, &ada).await.text("/status"), "queued");
    let handed = withheld.release();
    let messages = handed["Records"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{handed}");
    let runs = join_all([&handed, &event, &event].map(|event| product.export_within(event, 60))).await;
    assert!(runs.iter().all(|run| run["batchItemFailures"] == json!([])), "{runs:?}");
    product.settle().await;
    assert_eq!(product.files(&job, &ada).await.len(), 14);
    assert_eq!(product.events().await.iter().filter(|event| *event == "job.succeeded").count(), 1);
    // what is no event of an export is given back
    let poison = json!({ "messageId": "poison", "body": "{}", "receiptHandle": "none",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:ExportQueue" });
    let answer = product.cloud.invoke(WORKER, delivered([poison])).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_it_is_left_of_who_is_erased() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    product.exported(OF_ORG, &ada, &json!({})).await;
    let token = product.sign_in("max@example.com").await.text("/access_token");
    product.exported(OF_PERSON, &token, &json!({})).await;
    assert_eq!(product.delete("/v1/me", &token).await.status, StatusCode::NO_CONTENT);
    let deleted = product.delete("/v1/orgs/current", &ada).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT, "{deleted:?}");
    product.days(7).await;
    product.advance(SignedDuration::from_hours(1)).await;
    let kinds = |items: Vec<Value>| -> Vec<String> {
        let of_jobs =
            |item: &Value| Some(item["kind"].as_str()?.to_owned()).filter(|kind| kind.contains("job"));
        items.iter().filter_map(of_jobs).collect()
    };
    assert_eq!(kinds(crate::stored::items(&product).await), ["job"]);
    product.days(23).await;
    assert!(kinds(crate::stored::items(&product).await).is_empty());
}

/// How many rows of some 7 KB make more than one file.
const MANY: usize = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_is_in_several_files_with_each_row_once() {
    let product = Product::start().await;
    let (ada, _) = product.owner("ada@example.com", "acme").await;
    let (client, table) = product.database();
    let rows = client.scan().table_name(&table).into_paginator().items().send();
    let rows = rows.collect::<Result<Vec<_>, _>>().await.unwrap();
    let is_row = |row: &&HashMap<String, AttributeValue>| {
        row["kind"].as_s().is_ok_and(|kind| kind == "audit") && row["pk"].as_s().unwrap().contains("org_")
    };
    let row = rows.iter().find(is_row).unwrap();
    let copy = async |number: usize| {
        let mut copy = row.clone();
        let sk = format!("{}x{number:05}", row["sk"].as_s().unwrap());
        copy.insert("sk".to_owned(), AttributeValue::S(sk));
        copy.insert("user_agent".to_owned(), AttributeValue::S(format!("{number:05}{}", "u".repeat(6_500))));
        client.put_item().table_name(&table).set_item(Some(copy)).send().await.unwrap();
    };
    stream::iter(0..MANY).map(copy).buffer_unordered(20).collect::<Vec<_>>().await;
    product.settle().await;
    let job = product.exported(OF_AUDIT, &ada, &json!({})).await;
    let files = product.files(&job, &ada).await;
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["audit_anchors.jsonl", "audit_events-2.jsonl", "audit_events.jsonl", "manifest.json"]
    );
    assert!(files.values().all(|file| file.len() < 10_000_000));
    let all = [rows_of(&files, "audit_events.jsonl"), rows_of(&files, "audit_events-2.jsonl")].concat();
    let agents = all.iter().filter_map(|row| row["user_agent"].as_str()?.get(..5)?.parse::<usize>().ok());
    let mut agents: Vec<_> = agents.collect();
    agents.sort_unstable();
    assert_eq!(agents, (0..MANY).collect::<Vec<_>>());
    let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["rows"], json!(all.len()));
}
