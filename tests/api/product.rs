//! The running product, and a person who uses it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    Client as Database,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use jiff::SignedDuration;
use lambda_host::{Host, SharedHttpClient};
use local::{
    Cloud, InvocationLog, Options, State,
    functions::{Hosts, registry_over},
};
use primitives::Secret;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::{answer::Answer, template};
use test_support::{Conflicts, Recorder, Replicas, meanwhile};
use tokio::sync::Notify;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{least_privilege::secrets::Spoken, torn_stream::torn};

/// The longest that a worker waits which found an index behind.
const COMES_BACK_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// A transaction that waits.
#[derive(Clone, Default)]
pub(crate) struct Held {
    reached: Arc<Notify>,
    go: Arc<Notify>,
}

impl Held {
    /// Does this when the transaction is reached, and then lets it go.
    pub(crate) async fn meanwhile(&self, work: impl Future<Output = ()>) {
        self.reached.notified().await;
        work.await;
        self.go.notify_one();
    }
}

/// The product, in memory, on ports of its own. Its stream is torn, and what its functions read eventually
/// through an HTTP client of `test-support` is late, until the product settles.
pub(crate) struct Product {
    pub(crate) cloud: Cloud,
    replicas: Replicas,
    hosts: Hosts,
    http: Client,
    /// What was said, where somebody wants to know.
    spoken: Option<Mutex<Spoken>>,
}

impl Product {
    pub(crate) async fn start() -> Self {
        Self::over(|_| None).await
    }

    /// One whose functions' calls to AWS are written down.
    pub(crate) async fn recorded(recorder: &Recorder) -> Self {
        let recorder = recorder.clone();
        // another test may have been first
        let _set = tracing_subscriber::registry().with(InvocationLog).try_init();
        let product = Self::over(move |function| Some(recorder.http_client(function))).await;
        Self { spoken: Some(Mutex::default()), ..product }
    }

    /// Where secrets lie that went over the wire: in these items, which are all, in what workers were handed,
    /// or in logs.
    pub(crate) fn lying_about(&self, items: &[Value]) -> Vec<String> {
        let spoken = self.spoken.as_ref().unwrap();
        let mut spoken = spoken.lock().unwrap();
        spoken.listen(&self.cloud);
        let missing = spoken.unseen();
        assert!(missing.is_empty(), "nobody said any {missing:?}: then nobody looked for it");
        spoken.lying_about(items)
    }

    /// One whose functions find others at the items that they write, now and then, and replicas behind: one
    /// write of eight is refused once because of another transaction, and each is missed by the eventual
    /// reads that come first. The embedded engine does neither by itself.
    pub(crate) async fn crowded() -> Self {
        let conflicts = Conflicts::of(12, 20_261_123);
        Self::over(move |_| Some(conflicts.http_client())).await
    }

    /// One whose functions meet replicas behind and nobody at the items that they write: what a request costs
    /// by itself, the same each time.
    pub(crate) async fn alone() -> Self {
        let conflicts = Conflicts::of(0, 0);
        Self::over(move |_| Some(conflicts.http_client())).await
    }

    pub(crate) async fn over(
        http_client: impl Fn(&str) -> Option<SharedHttpClient> + Send + Sync + 'static,
    ) -> Self {
        Self::with(http_client, |options| options).await
    }

    /// One in which a transaction of this function, after so many others of it, waits for what is done
    /// meanwhile.
    pub(crate) async fn held(function: &'static str, after: usize) -> (Self, Held) {
        let held = Held::default();
        let Held { reached, go } = held.clone();
        let product = Self::over(move |name| {
            let (reached, go) = (Arc::clone(&reached), Arc::clone(&go));
            let waits = async move {
                reached.notify_one();
                go.notified().await;
            };
            (name == function).then(|| meanwhile("TransactWriteItems", after, waits))
        });
        (product.await, held)
    }

    /// One in a cloud with other options.
    pub(crate) async fn with(
        http_client: impl Fn(&str) -> Option<SharedHttpClient> + Send + Sync + 'static,
        options: impl FnOnce(Options) -> Options,
    ) -> Self {
        let hosts = Hosts::default();
        let functions = torn(registry_over(&hosts, http_client));
        let cloud = Cloud::start(options(Options::ephemeral(template::text(), functions))).await.unwrap();
        let replicas = Replicas::of(cloud.database(), cloud.dynamodb_url());
        Self { cloud, replicas, hosts, http: Client::new(), spoken: None }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.cloud.api_url()))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::to(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).bearer_auth(token)).await
    }

    /// Null is no body.
    pub(crate) async fn post_as(&self, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).bearer_auth(token);
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// A POST without a body.
    pub(crate) async fn post_nothing(&self, path: &str, token: &str) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token)).await
    }

    /// The local page's API.
    pub(crate) async fn local(&self, path: &str) -> Value {
        self.send(self.request(Method::GET, &format!("/_local/api{path}"))).await.body
    }

    pub(crate) async fn local_post(&self, path: &str, body: &Value) -> Value {
        self.post(&format!("/_local/api{path}"), body).await.body
    }

    /// Waits until everything that was set off has happened and can be seen everywhere.
    pub(crate) async fn settle(&self) {
        loop {
            assert!(self.cloud.drain().await, "the product does not come to rest");
            self.replicas.settle();
            let now = self.cloud.clock().now();
            let hidden =
                |state: &State| state.queues.values().filter_map(|queue| queue.next_visible_at(now)).min();
            let comes_back = self.cloud.inspect(hidden).map(|at| at.duration_since(now));
            if let Some(spoken) = &self.spoken {
                spoken.lock().unwrap().listen(&self.cloud);
            }
            match comes_back.filter(|wait| self.replicas.late() > 0 && *wait < COMES_BACK_WITHIN) {
                Some(wait) => self.cloud.advance(wait).await,
                None => return,
            };
        }
    }

    pub(crate) async fn advance(&self, by: SignedDuration) {
        self.cloud.advance(by).await;
        self.settle().await;
    }

    /// Moves the clock over days, where a test does not ask what hourly runs do on the way: each schedule
    /// runs once, at the last of its times.
    pub(crate) async fn jump(&self, by: SignedDuration) {
        self.cloud.jump(by).await;
        self.settle().await;
    }

    /// Days pass, one at a time, each with one run of each schedule.
    pub(crate) async fn days(&self, count: usize) {
        for _ in 0..count {
            self.jump(SignedDuration::from_hours(24)).await;
        }
    }

    /// Subjects of the mails to this address, oldest first.
    pub(crate) async fn subjects(&self, email: &str) -> Vec<String> {
        let mails = self.mails(email).await;
        mails.iter().rev().map(|mail| mail["subject"].as_str().unwrap().to_owned()).collect()
    }

    /// The mails to this address, newest first.
    pub(crate) async fn mails(&self, email: &str) -> Vec<Value> {
        let mails = self.local("/mails").await;
        let items = mails["items"].as_array().unwrap();
        items.iter().filter(|mail| mail["to"][0] == email).cloned().collect()
    }

    /// The names of the events on the bus, oldest first.
    pub(crate) async fn events(&self) -> Vec<String> {
        let events = self.local("/events").await;
        let items = events["items"].as_array().unwrap();
        items.iter().rev().map(|event| event["detail_type"].as_str().unwrap().to_owned()).collect()
    }

    /// How many proofs were wrong, and how many limits were reached by that: as the bus was told.
    pub(crate) async fn failures(&self) -> (usize, usize) {
        self.settle().await;
        let events = self.events().await;
        let count = |name: &str| events.iter().filter(|event| *event == name).count();
        (count("login.failed"), count("login.limit_reached"))
    }

    pub(crate) fn database(&self) -> (Database, String) {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(self.cloud.dynamodb_url())
            .build();
        let table = self.host("api-auth").environment().required("TABLE_NAME").unwrap().to_owned();
        (Database::from_conf(config), table)
    }

    /// Lets the events that were put aside look as if an older version had not understood them.
    pub(crate) async fn misunderstand_parked_events(&self) {
        let (client, table) = self.database();
        let rows = client.scan().table_name(&table).into_paginator().items().send();
        let rows = rows.collect::<Result<Vec<_>, _>>().await.unwrap();
        let kind = AttributeValue::S("parked_stripe_event".to_owned());
        for mut row in rows.into_iter().filter(|row| row.get("kind") == Some(&kind)) {
            let (pk, sk) = (row["pk"].clone(), row["sk"].clone());
            let mut summary: Value = serde_json::from_str(row["summary"].as_s().unwrap()).unwrap();
            for name in ["waits_for", "reason"] {
                summary[name] = "unreadable".into();
                row.insert(name.to_owned(), AttributeValue::S("unreadable".to_owned()));
            }
            row.insert("pk".to_owned(), AttributeValue::S("STRIPE_PARKED#unreadable".to_owned()));
            row.insert("summary".to_owned(), AttributeValue::S(summary.to_string()));
            client.put_item().table_name(&table).set_item(Some(row)).send().await.unwrap();
            client.delete_item().table_name(&table).key("pk", pk).key("sk", sk).send().await.unwrap();
        }
    }

    /// Lets the rows of these events look as if nobody had published them, as after a restore.
    pub(crate) async fn unpublish(&self, kind: &str) {
        let (client, table) = self.database();
        let rows = client.scan().table_name(&table).into_paginator().items().send();
        let rows = rows.collect::<Result<Vec<_>, _>>().await.unwrap();
        let wanted = |row: &&HashMap<String, AttributeValue>| {
            let text = row.get("envelope").and_then(|envelope| envelope.as_s().ok());
            text.is_some_and(|text| text.contains(kind))
        };
        for row in rows.iter().filter(wanted) {
            let update = client.update_item().table_name(&table).update_expression("REMOVE expires_at");
            update.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.unwrap();
        }
    }

    /// What a function is built from; it must have been called.
    pub(crate) fn host(&self, function: &str) -> Host {
        self.hosts.get(function).unwrap()
    }

    /// The token of the link in the last mail to this address.
    pub(crate) async fn link(&self, email: &str) -> String {
        let mail = self.mails(email).await.remove(0);
        let text = mail["text"].as_str().unwrap();
        text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    /// The link's token and the code in the last mail to this address.
    pub(crate) async fn proof(&self, email: &str) -> (String, String) {
        (self.link(email).await, self.mailed_code(email).await)
    }

    /// The code in the last mail to this address.
    pub(crate) async fn mailed_code(&self, email: &str) -> String {
        let mail = self.mails(email).await.remove(0);
        let text = mail["text"].as_str().unwrap();
        text.split(|letter: char| !letter.is_ascii_digit()).find(|part| part.len() == 6).unwrap().to_owned()
    }

    /// A person with a session, in no organization: its tokens.
    pub(crate) async fn sign_in(&self, email: &str) -> Answer {
        // A mail under way must not come behind the one that is asked for now.
        self.settle().await;
        let asked = self.post("/v1/auth/magic-links", &json!({ "email": email })).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
        self.settle().await;
        let (token, _) = self.proof(email).await;
        let browser_token = asked.text("/browser_token");
        let body = json!({ "token": token, "browser_token": browser_token });
        let answer = self.post("/v1/auth/magic-links/verify", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.tokens()
    }

    /// A person who owns an organization and is in it: the access token and the organization's id.
    pub(crate) async fn owner(&self, email: &str, slug: &str) -> (String, String) {
        let token = self.sign_in(email).await.text("/access_token");
        let org = self.post_as("/v1/orgs", &token, &json!({ "name": slug, "slug": slug })).await;
        assert_eq!(org.status, StatusCode::CREATED, "{org:?}");
        let id = org.text("/id");
        let session = self.post_as("/v1/auth/switch-org", &token, &json!({ "org_id": id })).await;
        assert_eq!(session.status, StatusCode::OK, "{session:?}");
        self.settle().await;
        (session.tokens().text("/access_token"), id)
    }

    /// Delivers an event of Stripe, signed.
    pub(crate) async fn hook(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = stripe_client::sign(body.as_bytes(), &self.stripe_secret(), self.cloud.clock().now());
        let request = self.request(Method::POST, "/hooks/stripe").header("stripe-signature", signature);
        self.send(request.body(body)).await
    }

    /// The secret that Stripe signs with.
    pub(crate) fn stripe_secret(&self) -> Secret<String> {
        let arn = self.cloud.environment()["STRIPE_SECRET_ARN"].clone();
        let text = self.cloud.inspect(|state| state.secrets[&arn].current().map(str::to_owned)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        Secret::new(document["webhook_secrets"][0].as_str().unwrap().to_owned())
    }
}
