//! The deployed product, with faults between its functions and AWS.
//!
//! It has a stack of its own, whose functions reach AWS through the proxy. The faults are for all
//! of the stack, so its tests take turns.

mod api;
mod events;
mod observer;
mod proxy;
mod queues;

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use aws_sdk_sqs::types::QueueAttributeName;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use system_tests::answer::Answer;
use tokio::sync::{Mutex, MutexGuard};
use xtask::{
    cloud::{Settings, free_port},
    process::workspace_root,
};

use crate::product::{Deployment, Product};
use proxy::Proxy;

/// How long the product may take for an answer: the functions' time.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// How long what a test has set off may take when nothing fails.
const LONGEST_WORK: Duration = Duration::from_secs(20);

struct Faulty {
    deployment: Deployment,
    proxy: Proxy,
}

impl Faulty {
    fn start() -> Result<Self, String> {
        let port = free_port().map_err(|error| format!("{error:#}"))?;
        let proxy = Proxy::start(&workspace_root(), port)?;
        let function_endpoint = Some(proxy.url());
        let settings = Settings { name: "faults".to_owned(), port: Some(port), function_endpoint };
        Ok(Self { deployment: Deployment::start(&settings)?, proxy })
    }
}

/// A test's turn: nobody else injects faults meanwhile.
pub(crate) struct Turn {
    pub(crate) product: Product,
    pub(crate) proxy: &'static Proxy,
    _turn: MutexGuard<'static, ()>,
}

/// The queues whose messages come again when a worker fails.
const QUEUES: [&str; 4] = ["SignInMailQueue", "MailQueue", "PushFanoutQueue", "PushDeliveryQueue"];

/// Waits for the turn, and for the end of what the test before has set off: no other's message
/// meets the faults of this one. The faults that a failed test left behind are gone.
pub(crate) async fn turn() -> Turn {
    static TURN: Mutex<()> = Mutex::const_new(());
    static SHARED: OnceLock<Result<Faulty, String>> = OnceLock::new();
    let turn = TURN.lock().await;
    let faulty = SHARED.get_or_init(Faulty::start).as_ref().unwrap_or_else(|error| panic!("{error}"));
    let product = Product::of(&faulty.deployment).await;
    faulty.proxy.heal_all().await;
    // A message that failed comes again in seconds here, not in minutes.
    for queue in QUEUES {
        hide_messages_for(&product, queue, 10).await;
    }
    let idle = async {
        while !is_idle(&product).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // What failed often comes again in minutes only. Nobody waits for it any more.
    if tokio::time::timeout(LONGEST_WORK, idle).await.is_err() {
        purge(&product).await;
    }
    Turn { product, proxy: &faulty.proxy, _turn: turn }
}

/// Whether no message waits, is being worked on or will come again.
async fn is_idle(product: &Product) -> bool {
    let messages = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    for queue in QUEUES {
        for name in &messages {
            if events::attribute(product, queue, name.clone()).await != "0" {
                return false;
            }
        }
    }
    true
}

/// Throws away all messages.
async fn purge(product: &Product) {
    let queues = aws_sdk_sqs::Client::new(&product.sdk);
    for queue in QUEUES {
        queues.purge_queue().queue_url(product.stack.resource(queue)).send().await.unwrap();
    }
}

/// How long a message stays hidden after it was received.
async fn hide_messages_for(product: &Product, queue: &str, seconds: u8) {
    let queues = aws_sdk_sqs::Client::new(&product.sdk);
    let set = queues.set_queue_attributes().queue_url(product.stack.resource(queue));
    set.attributes(QueueAttributeName::VisibilityTimeout, seconds.to_string()).send().await.unwrap();
}

/// Sends a request as a client does that obeys `Retry-After`. Whatever goes wrong behind the API,
/// the answer is one of its own, in time, and says that it can be tried again.
pub(crate) async fn persist(product: &Product, request: impl Fn() -> RequestBuilder) -> Answer {
    loop {
        let answer = in_time(product, request()).await;
        let in_use = answer.status == StatusCode::CONFLICT && answer.problem() == "idempotency_key_in_use";
        if answer.status != StatusCode::SERVICE_UNAVAILABLE && !in_use {
            return answer;
        }
        until_retry(&answer).await;
    }
}

/// Waits for as long as the answer says.
pub(crate) async fn until_retry(answer: &Answer) {
    let seconds = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Sends a request; the answer must come in time, and must be no other failure of the server's than
/// 503.
pub(crate) async fn in_time(product: &Product, request: RequestBuilder) -> Answer {
    let began = Instant::now();
    let answer = product.send(request).await;
    let took = began.elapsed();
    assert!(took < LONGEST_ANSWER, "{took:?} for {answer:?}");
    if answer.status.is_server_error() {
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            "{answer:?}"
        );
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    answer
}

/// A request with a key, so that it can be repeated.
pub(crate) fn keyed(product: &Product, path: &str, token: &str, body: &Value) -> RequestBuilder {
    let request = product.request(Method::POST, path).bearer_auth(token).json(body);
    request.header("idempotency-key", format!("{path}{body}").replace(' ', "_"))
}

/// Creates an organization with a device in it, however often it takes, and gives its id and the
/// owner's token in it.
pub(crate) async fn company(product: &Product, token: &str, slug: &str) -> (String, String) {
    let body = json!({ "name": slug, "slug": slug });
    let org = persist(product, || keyed(product, "/v1/orgs", token, &body)).await;
    assert_eq!(org.status, StatusCode::CREATED, "{org:?}");
    let id = org.text("/id");
    let body = json!({ "org_id": id });
    let switch = || product.request(Method::POST, "/v1/auth/switch-org").bearer_auth(token).json(&body);
    let session = persist(product, switch).await;
    assert_eq!(session.status, StatusCode::OK, "{session:?}");
    (id, session.tokens().text("/access_token"))
}

/// What happens, once each, when an organization is created.
pub(crate) const CREATION: [&str; 3] = ["member.added", "organization.created", "trial.started"];
