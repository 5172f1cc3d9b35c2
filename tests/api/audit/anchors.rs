//! Anchors: each hour, where chains ended is put where nobody can change it.

use audit_chain::{Anchor, Anchors, Evidence, Finding, prove};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::{error::ProvideErrorMetadata, primitives::ByteStream};
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use lambda_host::{Context, LambdaEvent};
use primitives::{Ids, OrgId};

use super::*;
use crate::authorisation::set;

pub(crate) const ANCHORS: &str = "/v1/audit/anchors";
/// The function that anchors.
pub(crate) const CRON: &str = "cron-audit-anchors";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Product {
    /// All anchors of the organization, the newest first.
    pub(crate) async fn anchors(&self, token: &str) -> Vec<Value> {
        let page = self.get(&format!("{ANCHORS}?limit=100"), token).await;
        assert_eq!((page.status, &page.body["next_cursor"]), (StatusCode::OK, &Value::Null), "{page:?}");
        page.body["items"].as_array().unwrap().clone()
    }

    /// The bucket of anchors.
    fn anchor_bucket(&self) -> String {
        let environment = &self.cloud.template().functions[CRON].environment;
        environment["AUDIT_ANCHOR_BUCKET"].clone()
    }

    /// What lies in the bucket of anchors, every version of it.
    pub(crate) fn anchor_files(&self) -> Vec<(String, Vec<u8>)> {
        let bucket = self.anchor_bucket();
        let files = |state: &local::State| state.objects.get(&bucket).cloned().unwrap_or_default();
        let files = self.cloud.inspect(files).into_iter();
        let versions = files.flat_map(|(name, object)| {
            let versions = object.versions().map(|one| (name.clone(), one.content.to_vec()));
            versions.collect::<Vec<_>>()
        });
        versions.collect()
    }

    /// What the proof says of the log as it is now, against its anchors and all files in the bucket.
    pub(crate) async fn proof_by_anchors(&self, token: &str) -> Report {
        let anchors = json!({ "items": self.anchors(token).await }).to_string();
        let anchors = Anchors::read(&anchors, &self.anchor_files());
        against(&self.audit_log(token).await, anchors)
    }

    /// One run, now.
    async fn anchor(&self) -> Value {
        self.cloud.invoke(CRON, json!({})).await.unwrap()
    }
}

/// An owner, whose key reads the log however late it is.
pub(crate) async fn reader(product: &Product, email: &str, slug: &str) -> (String, String, String) {
    let (ada, org) = product.owner(email, slug).await;
    let (_, key) = product.api_key(&ada, &["audit:read"]).await;
    product.settle().await;
    (ada, org, key)
}

fn against(log: &[Value], anchors: Anchors) -> Report {
    let lines: Vec<String> = log.iter().map(ToString::to_string).collect();
    prove(lines.join("\n").as_bytes(), &Evidence { anchors, ..Evidence::default() }).unwrap()
}

fn is_whole(report: &Report) {
    assert!(report.findings.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_is_anchored_within_an_hour_and_proved_without_us() {
    let product = Product::start().await;
    let (ada, org, key) = reader(&product, "ada@example.com", "acme").await;
    assert!(product.anchors(&ada).await.is_empty());
    assert!(product.anchor_files().is_empty());
    product.advance(HOUR).await;
    let head = whole(&product.audit_log(&key).await);
    let anchors = product.anchors(&key).await;
    assert_eq!(anchors.len(), 1, "{anchors:?}");
    assert_eq!((&anchors[0]["org_id"], &anchors[0]["sequence"]), (&json!(org), &json!(head.sequence)));
    assert_eq!(anchors[0]["hash"], json!(head.hash.to_string()));
    let report = product.proof_by_anchors(&key).await;
    is_whole(&report);
    assert_eq!((report.anchors, report.anchored.unwrap().0), ((1, 1), head.sequence));
    // nothing happens: nothing is written
    let items = product.stored_audit().await;
    product.advance(HOUR * 3).await;
    assert_eq!((product.anchor_files().len(), product.stored_audit().await), (1, items));

    let ada = product.sign_in("ada@example.com").await.text("/access_token");
    let ada = product.within(&ada).await;
    product.api_key(&ada, &["org:read"]).await;
    product.settle().await;
    is_whole(&product.proof_by_anchors(&key).await);
    product.advance(HOUR).await;
    let anchors = product.anchors(&key).await;
    let sequences: Vec<_> = anchors.iter().map(|anchor| anchor["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [head.sequence + 1, head.sequence]);
    let report = product.proof_by_anchors(&key).await;
    is_whole(&report);
    assert_eq!(report.anchors, (2, 2));
    let files = product.anchor_files();
    let files: Vec<_> = files.iter().map(|(_, file)| Anchor::read(file).unwrap()).collect();
    assert_eq!(files[1].previous.as_ref().unwrap().root, files[0].root, "anchors are a chain");
    // a page at a time, and by time
    let page = product.get(&format!("{ANCHORS}?limit=1"), &key).await;
    let next = page.text("/next_cursor");
    let next = product.get(&format!("{ANCHORS}?limit=1&cursor={next}"), &key).await;
    assert_eq!([&page.body["items"][0], &next.body["items"][0]], [&anchors[0], &anchors[1]]);
    let [newer, older] = [0, 1].map(|at| anchors[at]["made_at"].as_str().unwrap());
    for (query, shown) in [
        (format!("from={newer}"), &anchors[..1]),
        (format!("to={older}"), &anchors[1..]),
        (format!("from={older}&to={newer}"), &anchors[..]),
        (format!("from={newer}&to={newer}"), &anchors[..1]),
    ] {
        let page = product.get(&format!("{ANCHORS}?{query}"), &key).await;
        assert_eq!(page.body["items"], json!(shown), "{query}");
    }
    let backwards = product.get(&format!("{ANCHORS}?from={newer}&to={older}"), &key).await;
    let pointer = backwards.text("/errors/0/pointer");
    assert_eq!((refused(&backwards), pointer.as_str()), ((422, "invalid_request"), "?to"));
}

/// By somebody who can write to the table, and knows how chains are made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_cut_off_or_made_anew_is_found_by_its_anchors() {
    let product = Product::start().await;
    let (ada, org, _) = reader(&product, "ada@example.com", "acme").await;
    let (_, key) = product.api_key(&ada, &["audit:read", "members:read"]).await;
    product.advance(HOUR).await;
    let log = product.audit_log(&key).await;
    let (last, before) = (&log[0], &log[1]);
    let remove = async |event: &Value| {
        let sk = format!("{}#{}", event["time"].as_str().unwrap(), event["id"].as_str().unwrap());
        set(&product, (format!("AUDIT#{org}"), sk), "", None).await;
    };
    remove(last).await;
    let known = last["sequence"].as_u64().unwrap();
    let found = product.proof_by_anchors(&key).await.findings;
    assert_eq!(found, [Finding::CutOff { last: known - 1, known }]);
    // the head as if the last had never been, from which the chain goes on
    let head = || (format!("AUDIT_HEAD#{org}"), "AUDIT_HEAD".to_owned());
    let hash = before["hash"].as_str().unwrap().to_owned();
    set(&product, head(), "sequence", Some(AttributeValue::N((known - 1).to_string()))).await;
    set(&product, head(), "hash", Some(AttributeValue::S(hash))).await;
    let ada = product.sign_in("ada@example.com").await.text("/access_token");
    let ada = product.within(&ada).await;
    product.api_key(&ada, &["org:read"]).await;
    product.api_key(&ada, &["org:read"]).await;
    product.settle().await;
    whole(&product.audit_log(&key).await);
    let found = product.proof_by_anchors(&key).await.findings;
    assert_eq!(found, [Finding::OtherChain { sequence: known }]);
    // also when the new one is anchored, as it will be
    product.advance(HOUR).await;
    assert_eq!(product.proof_by_anchors(&key).await.findings, [Finding::OtherChain { sequence: known }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_runs_at_once_all_do_no_harm() {
    let product = Product::crowded().await;
    let mut keys = Vec::new();
    for slug in ["acme", "beta", "gamma"] {
        keys.push(reader(&product, &format!("ada@{slug}.example"), slug).await.2);
    }
    let runs = futures::join!(product.anchor(), product.anchor(), product.anchor());
    let runs = [runs.0, runs.1, runs.2];
    let made: u64 = runs.iter().map(|run| run["anchors"].as_u64().unwrap()).sum();
    assert!(made >= 1, "{runs:?}");
    assert!(product.anchor_files().len() as u64 >= made, "{runs:?}");
    let again = product.anchor().await;
    product.settle().await;
    let last = product.anchor().await;
    assert_eq!((&last["anchors"], &last["anchored"]), (&json!(0), &json!(0)), "{again} {last}");
    for key in &keys {
        is_whole(&product.proof_by_anchors(key).await);
        let head = whole(&product.audit_log(key).await);
        assert_eq!(product.anchors(key).await[0]["sequence"], json!(head.sequence));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_goes_on_during_a_run_is_anchored_by_it_and_by_the_next() {
    // the first transaction says which anchor is the newest
    let (product, held) = Product::held(CRON, 1).await;
    let (ada, _, key) = reader(&product, "ada@example.com", "acme").await;
    let before = whole(&product.audit_log(&ada).await);
    let goes_on = held.meanwhile(async {
        product.api_key(&ada, &["org:read"]).await;
        // not by settling: that would wait for the run
        while product.audit_log(&ada).await.iter().any(|event| event["sequence"].is_null()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let (run, ()) = futures::join!(product.anchor(), goes_on);
    assert_eq!((&run["anchored"], &run["moved"]), (&json!(1), &json!(1)), "{run}");
    product.settle().await;
    assert_eq!(product.anchors(&key).await[0]["sequence"], json!(before.sequence));
    is_whole(&product.proof_by_anchors(&key).await);
    let run = product.anchor().await;
    assert_eq!((&run["anchored"], &run["moved"]), (&json!(1), &json!(0)), "{run}");
    product.settle().await;
    let sequences: Vec<_> =
        product.anchors(&key).await.into_iter().map(|anchor| anchor["sequence"].clone()).collect();
    assert_eq!(sequences, [json!(before.sequence + 1), json!(before.sequence)]);
    is_whole(&product.proof_by_anchors(&key).await);
    assert_eq!(product.anchor().await["anchors"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_that_is_erased_during_a_run_gets_no_row() {
    let (product, held) = Product::held(CRON, 1).await;
    let (_, org, _) = reader(&product, "ada@example.com", "acme").await;
    let goes = held.meanwhile(async {
        set(&product, (format!("AUDIT_HEAD#{org}"), "AUDIT_HEAD".to_owned()), "", None).await;
    });
    let (run, ()) = futures::join!(product.anchor(), goes);
    assert_eq!((&run["failed"], &run["complete"]), (&json!(0), &json!(true)), "{run}");
    let rows = product.stored_audit().await.into_iter().filter(|item| item["kind"] == "audit_anchor");
    assert_eq!(rows.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_another_s_anchors_nor_whose_chains_are_in_a_file() {
    let product = Product::start().await;
    let (_, acme, ada) = reader(&product, "ada@example.com", "acme").await;
    let (_, beta, bob) = reader(&product, "bob@example.com", "beta").await;
    product.advance(HOUR).await;
    for (key, org) in [(&ada, &acme), (&bob, &beta)] {
        let anchors = product.anchors(key).await;
        assert_eq!(anchors.len(), 1);
        assert!(anchors.iter().all(|anchor| anchor["org_id"] == *org), "{anchors:?}");
        assert_eq!(anchors[0]["leaves"], 64, "nobody counts who is in it");
        is_whole(&product.proof_by_anchors(key).await);
    }
    let files = product.anchor_files();
    assert_eq!(files.len(), 1);
    let text = String::from_utf8(files[0].1.clone()).unwrap();
    for secret in [&acme, &beta, &product.anchors(&ada).await[0]["hash"].as_str().unwrap().to_owned()] {
        assert!(!text.contains(secret.as_str()), "{text}");
    }
    let foreign = json!({ "items": product.anchors(&bob).await }).to_string();
    let found = against(&product.audit_log(&ada).await, Anchors::read(&foreign, &files)).findings;
    assert_eq!(found, [Finding::OtherAnchors]);
}

/// What a bucket with Object Lock does:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_an_anchor_out_of_the_bucket_before_its_time() {
    let product = Product::start().await;
    let (_, _, key) = reader(&product, "ada@example.com", "acme").await;
    product.advance(HOUR).await;
    let (name, file) = product.anchor_files().remove(0);
    let (client, bucket) = (product.host(CRON).objects(), product.anchor_bucket());
    // put over it, and deleted: it is there as an older version
    let other = client.put_object().bucket(&bucket).key(&name).content_md5("1B2M2Y8AsgTpgAmY7PhCfg==");
    other.body(ByteStream::from_static(b"")).send().await.unwrap();
    client.delete_object().bucket(&bucket).key(&name).send().await.unwrap();
    let gone = client.get_object().bucket(&bucket).key(&name).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchKey"));
    let listed = client.list_object_versions().bucket(&bucket).send().await.unwrap();
    let first = listed.versions().last().unwrap().version_id().unwrap().to_owned();
    assert_eq!((listed.versions().len(), listed.delete_markers().len()), (2, 1));
    let get = client.get_object().bucket(&bucket).key(&name).version_id(&first).send().await.unwrap();
    assert_eq!(get.object_lock_mode().unwrap().as_str(), "COMPLIANCE");
    assert_eq!(get.body.collect().await.unwrap().to_vec(), file);
    let delete = || client.delete_object().bucket(&bucket).key(&name).version_id(&first).send();
    let refused = delete().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
    // whoever has all versions sees that somebody put something over it, and has the right one
    let found = product.proof_by_anchors(&key).await.findings;
    assert!(matches!(found[..], [Finding::File { .. }, ..]), "{found:?}");
    product.jump(SignedDuration::from_hours(24 * 366)).await;
    delete().await.unwrap();
    assert!(!product.anchor_files().iter().any(|(_, content)| *content == file));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_the_log_is_proved_by_the_anchors_in_it() {
    let product = Product::start().await;
    reader(&product, "ada@example.com", "acme").await;
    product.advance(HOUR).await;
    let token = product.sign_in("ada@example.com").await.text("/access_token");
    let ada = product.within(&token).await;
    let job = product.exported("/v1/audit/exports", &ada, &json!({})).await;
    let files = product.files(&job, &ada).await;
    let anchors = Anchors::read(&files["audit_anchors.jsonl"], &product.anchor_files());
    let evidence = Evidence { anchors, ..Evidence::default() };
    let report = prove(files["audit_events.jsonl"].as_bytes(), &evidence).unwrap();
    is_whole(&report);
    assert_eq!(report.anchors, (1, 1));
    // of a part that cannot be proved there are none
    let part = product.exported("/v1/audit/exports", &ada, &json!({ "action": "member" })).await;
    let names: Vec<String> = product.files(&part, &ada).await.into_keys().collect();
    assert_eq!(names, ["audit_events.jsonl", "manifest.json"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_is_kept_longer_than_the_rows_before_it() {
    let product = Product::start().await;
    let (_, _, key) = reader(&product, "ada@example.com", "acme").await;
    let mut environment = product.cloud.template().functions[CRON].environment.clone();
    environment.insert("AUDIT_RETENTION_DAYS".to_owned(), "90".to_owned());
    let clock = primitives::Clock::fixed(product.cloud.clock().now());
    let (_, function) = local::functions::build(CRON, environment, clock, None).await.unwrap();
    let run = function.invoke(LambdaEvent::new(json!({}), Context::default())).await.unwrap();
    assert_eq!(run["anchored"], 1, "{run}");
    product.settle().await;
    let stored = product.stored_audit().await;
    let row = stored.iter().find(|item| item["kind"] == "audit_anchor").unwrap();
    let made_at: jiff::Timestamp =
        product.anchors(&key).await[0]["made_at"].as_str().unwrap().parse().unwrap();
    let expires_at = (made_at + SignedDuration::from_hours(24 * 120)).as_second();
    assert_eq!(row["expires_at"].to_string().trim_matches('"'), expires_at.to_string());
}

/// More than one anchor takes: so many organizations that did something in an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_chains_are_in_several_anchors_and_what_there_is_no_time_for_is_in_the_next() {
    const MANY: usize = 4_500;
    let product = Product::start().await;
    // functions are at work, and nothing is in it that has a chain
    product.sign_in("ada@example.com").await;
    let (client, table) = product.database();
    let (now, client, table) = (product.cloud.clock().now(), &client, &table);
    let put = |number: usize| async move {
        let org_id: OrgId = Ids::unguessable();
        let due = audit::keys::ANCHOR.due(now, &org_id);
        let text = |text: String| AttributeValue::S(text);
        let put = client.put_item().table_name(table).item("pk", text(format!("AUDIT_HEAD#{org_id}")));
        let put = put.item("sk", text("AUDIT_HEAD".into())).item("kind", text("audit_head".into()));
        let put = put.item("org_id", text(org_id.to_string())).item("hash", text(format!("{number:064x}")));
        let put = put.item("due_pk", text(due.pk)).item("due_sk", text(due.sk));
        let put = put
            .item("sequence", AttributeValue::N("1".into()))
            .item("version", AttributeValue::N("1".into()));
        put.item("moved_at", text(now.to_string())).send().await.unwrap();
    };
    stream::iter(0..MANY).map(put).buffer_unordered(20).collect::<Vec<_>>().await;
    // a run that has a second and a half for it, and then as many as there need to be
    let environment = product.cloud.template().functions[CRON].environment.clone();
    let clock = primitives::Clock::fixed(now);
    let (_, function) = local::functions::build(CRON, environment, clock, None).await.unwrap();
    let mut context = Context::default();
    let deadline = primitives::Clock::system().now() + SignedDuration::from_millis(26_500);
    context.deadline = deadline.as_millisecond().unsigned_abs();
    let run = function.invoke(LambdaEvent::new(json!({}), context)).await;
    assert!(format!("{run:?}").contains("complete: false"), "{run:?}");
    let run = product.anchor().await;
    assert_eq!((&run["complete"], &run["failed"]), (&json!(true), &json!(0)), "{run}");
    let stored = product.stored_audit().await;
    let rows = stored.iter().filter(|item| item["kind"] == "audit_anchor").count();
    assert_eq!(rows, MANY);
    assert!(stored.iter().all(|item| item.get("due_pk").is_none()));
    let files = product.anchor_files();
    assert!(files.len() >= 2, "{run}");
    let files: Vec<_> = files.iter().map(|(_, file)| Anchor::read(file).unwrap()).collect();
    assert!(files.iter().all(|file| file.size <= 4_096));
    assert!(files.windows(2).all(|two| two[1].previous.as_ref().unwrap().root == two[0].root));
}
