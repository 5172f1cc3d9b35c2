//! A small product for the local cloud's own tests: notes that are written, published and worked
//! on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::config::Credentials;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::{Error, LambdaEvent};
use local::{Cloud, Function, Options, Registry, Setting};
use primitives::{Clock, Secret};
use serde_json::{Value, json};
use stripe_client::{ApiKey, ClientOptions, Content, WebhookSecrets};
use tokio::sync::Notify;

/// The template of the small product.
pub(crate) const TEMPLATE: &str = include_str!("template.yaml");

/// What the test functions do, and what they have seen.
#[derive(Clone, Default)]
pub(crate) struct Product {
    /// Texts of notes that the worker has done.
    pub(crate) done: Arc<Mutex<Vec<String>>>,
    /// Whether the worker can do notes with the text `poison`.
    pub(crate) cured: Arc<AtomicBool>,
    /// Runs of the schedule.
    pub(crate) ticks: Arc<AtomicUsize>,
    /// Most calls of the worker at once.
    pub(crate) most: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    /// Bodies of the steps that the stepper has done.
    pub(crate) steps: Arc<Mutex<Vec<String>>>,
    /// Groups of the steps that the stepper is at.
    at: Arc<Mutex<BTreeSet<String>>>,
    /// Lets the slow function go on.
    pub(crate) gate: Arc<Notify>,
    /// Rung when the slow function has begun.
    pub(crate) begun: Arc<Notify>,
}

/// SDK configuration with everything at one endpoint.
pub(crate) async fn sdk(url: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .load()
        .await
}

fn function<F, R>(work: F) -> Function
where
    F: Fn(Value) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, Error>> + Send + 'static,
{
    Arc::new(move |event: LambdaEvent<Value>| Box::pin(work(event.payload)))
}

impl Product {
    /// Starts a cloud of its own for the product.
    pub(crate) async fn start(&self) -> Cloud {
        Cloud::start(Options::ephemeral(TEMPLATE, self.registry())).await.unwrap()
    }

    /// The functions.
    pub(crate) fn registry(&self) -> Registry {
        let (slow, worker, stepper, clock) = (self.clone(), self.clone(), self.clone(), self.clone());
        Registry::new()
            .with("notes", notes)
            .with("slow", move |_| {
                let product = slow.clone();
                async move { Ok(product.slow()) }
            })
            .with("hook", hook)
            .with("outbox", outbox)
            .with("worker", move |_| {
                let product = worker.clone();
                async move { Ok(product.worker()) }
            })
            .with("stepper", move |_| {
                let product = stepper.clone();
                async move { Ok(product.stepper()) }
            })
            .with("clock", move |_| {
                let product = clock.clone();
                async move {
                    Ok(function(move |event| {
                        assert_eq!(event["source"], "aws.scheduler");
                        product.ticks.fetch_add(1, Ordering::SeqCst);
                        async { Ok(Value::Null) }
                    }))
                }
            })
    }

    fn slow(&self) -> Function {
        let (begun, gate) = (Arc::clone(&self.begun), Arc::clone(&self.gate));
        function(move |_| {
            let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
            async move {
                begun.notify_one();
                gate.notified().await;
                Ok(json!({ "statusCode": 204 }))
            }
        })
    }

    fn worker(&self) -> Function {
        let product = self.clone();
        function(move |event| {
            let product = product.clone();
            async move {
                let running = product.running.fetch_add(1, Ordering::SeqCst) + 1;
                product.most.fetch_max(running, Ordering::SeqCst);
                let mut failures = Vec::new();
                for record in event["Records"].as_array().unwrap() {
                    let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
                    let text = body["detail"]["text"].as_str().unwrap().to_owned();
                    if text == "poison" && !product.cured.load(Ordering::SeqCst) {
                        tracing::warn!(text, "this note cannot be worked on");
                        failures.push(json!({ "itemIdentifier": record["messageId"] }));
                    } else {
                        product.done.lock().unwrap().push(text);
                    }
                }
                product.running.fetch_sub(1, Ordering::SeqCst);
                Ok(json!({ "batchItemFailures": failures }))
            }
        })
    }

    /// Does steps until one of the group fails, as those after it must wait.
    fn stepper(&self) -> Function {
        let product = self.clone();
        function(move |event| {
            let product = product.clone();
            async move {
                let records = event["Records"].as_array().unwrap();
                let group =
                    |record: &Value| record["attributes"]["MessageGroupId"].as_str().unwrap().to_owned();
                let groups: BTreeSet<String> = records.iter().map(group).collect();
                for group in &groups {
                    assert!(product.at.lock().unwrap().insert(group.clone()), "{group} is worked on twice");
                }
                tokio::task::yield_now().await;
                let (mut failed, mut failures) = (BTreeSet::new(), Vec::new());
                for record in records {
                    let text = record["body"].as_str().unwrap();
                    if text == "poison" && !product.cured.load(Ordering::SeqCst) {
                        failed.insert(group(record));
                    }
                    if failed.contains(&group(record)) {
                        failures.push(json!({ "itemIdentifier": record["messageId"] }));
                    } else {
                        product.steps.lock().unwrap().push(text.to_owned());
                    }
                }
                for group in &groups {
                    product.at.lock().unwrap().remove(group);
                }
                Ok(json!({ "batchItemFailures": failures }))
            }
        })
    }
}

/// Puts the body of a POST into the table; answers a GET with its own event.
async fn notes(setting: Setting) -> Result<Function, Error> {
    let client = aws_sdk_dynamodb::Client::new(&sdk(&setting.environment["AWS_ENDPOINT_URL_DYNAMODB"]).await);
    let table = setting.environment["TABLE_NAME"].clone();
    Ok(function(move |event| {
        let (client, table) = (client.clone(), table.clone());
        async move {
            match event["httpMethod"].as_str() {
                Some("POST") => {
                    let text = event["body"].as_str().unwrap_or_default().to_owned();
                    let id = event["requestContext"]["requestId"].as_str().unwrap_or_default().to_owned();
                    client
                        .put_item()
                        .table_name(table)
                        .item("pk", AttributeValue::S(format!("NOTE#{id}")))
                        .item("sk", AttributeValue::S("NOTE".into()))
                        .item("text", AttributeValue::S(text))
                        .send()
                        .await?;
                    Ok(json!({ "statusCode": 202, "body": "" }))
                }
                Some("DELETE") => Ok(json!("not an answer")),
                Some("PATCH") => panic!("the function breaks"),
                _ => Ok(json!({ "statusCode": 200, "body": event.to_string() })),
            }
        }
    }))
}

/// Takes webhooks of Stripe: checks the signature, reads the subscription again.
async fn hook(setting: Setting) -> Result<Function, Error> {
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk(&setting.environment["AWS_ENDPOINT_URL"]).await);
    let arn = &setting.environment["STRIPE_SECRET_ARN"];
    let secret = secrets.get_secret_value().secret_id(arn).send().await?.secret_string.unwrap();
    let secret: Value = serde_json::from_str(&secret)?;
    let keys = secret["webhook_secrets"].as_array().unwrap();
    let keys = keys.iter().map(|key| Secret::new(key.as_str().unwrap().to_owned())).collect();
    let keys = Arc::new(WebhookSecrets::new(keys)?);
    let options =
        ClientOptions { base_url: setting.environment["STRIPE_API_URL"].clone(), ..ClientOptions::default() };
    let key = secret["api_key"].as_str().unwrap().to_owned();
    let client = stripe_client::Client::new(ApiKey::new(Secret::new(key))?, options);
    let clock = Clock::shifted(setting.clock_offset_milliseconds);
    Ok(function(move |event| {
        let (keys, client, clock) = (Arc::clone(&keys), client.clone(), clock.clone());
        async move {
            let body = event["body"].as_str().unwrap();
            let header = event["headers"]["Stripe-Signature"].as_str().unwrap_or_default();
            if stripe_client::verify(body.as_bytes(), header, &keys, clock.now()).is_err() {
                return Ok(json!({ "statusCode": 400 }));
            }
            let status = match stripe_client::Event::parse(body.as_bytes())?.read()? {
                Content::Subscription(_, told) => {
                    let read = client.subscription(&told.id).await?;
                    format!("{:?}", read.status)
                }
                _ => String::new(),
            };
            Ok(json!({ "statusCode": 200, "body": status }))
        }
    }))
}

/// Publishes every note; a note with the text `unpublishable` fails.
async fn outbox(setting: Setting) -> Result<Function, Error> {
    let client = aws_sdk_eventbridge::Client::new(&sdk(&setting.environment["AWS_ENDPOINT_URL"]).await);
    let bus = setting.environment["BUS_NAME"].clone();
    Ok(function(move |event| {
        let (client, bus) = (client.clone(), bus.clone());
        async move {
            for record in event["Records"].as_array().unwrap() {
                let text = record["dynamodb"]["NewImage"]["text"]["S"].as_str().unwrap();
                if text == "unpublishable" {
                    return Err("this note cannot be published".into());
                }
            }
            for record in event["Records"].as_array().unwrap() {
                let text = &record["dynamodb"]["NewImage"]["text"]["S"];
                let entry = PutEventsRequestEntry::builder()
                    .event_bus_name(&bus)
                    .source("test")
                    .detail_type("note.created")
                    .detail(json!({ "text": text }).to_string())
                    .build();
                let answer = client.put_events().entries(entry).send().await?;
                assert_eq!(answer.failed_entry_count(), 0);
            }
            Ok(json!({ "batchItemFailures": [] }))
        }
    }))
}

/// An answer of an HTTP endpoint.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Headers by their name in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends a request.
pub(crate) async fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Reply {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.request(request.body(Full::new(body.into().into())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Reply { status: parts.status.as_u16(), headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
}

/// Calls the local API with JSON.
pub(crate) async fn local_api(cloud: &Cloud, method: &str, path: &str, body: Value) -> Reply {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let url = format!("{}/_local/api{path}", cloud.api_url());
    send(method, &url, &[("content-type", "application/json")], body).await
}
