use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{Database, TABLE_NAME, database::TRAFFIC_TABLE_NAME};

/// One notification that was given to the push service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publication {
    /// The endpoint.
    pub endpoint: String,
    /// The collapse id.
    pub notification_id: String,
}

#[derive(Debug, Default)]
struct Seen {
    endpoints: BTreeMap<String, (String, bool)>,
    publications: Vec<Publication>,
    texts: Vec<Fields>,
    messages: Vec<(String, String)>,
    mails: Vec<Value>,
    events: Vec<Value>,
    refusals: HashMap<String, usize>,
    failing_entries: HashMap<String, Vec<usize>>,
    rejected: BTreeSet<String>,
    held: HashMap<String, Gate>,
    /// The versions of each secret, the current one last.
    secrets: HashMap<String, Vec<String>>,
    next_secrets: HashMap<String, String>,
    secret_reads: usize,
    late: HashMap<String, Duration>,
    failing: Option<StatusCode>,
    /// The queue, the receipt, and for how many seconds its message is hidden from now on.
    hidden: Vec<(String, String, u64)>,
    /// What SES answers about mails to these addresses.
    bad_addresses: HashMap<String, (u16, &'static str)>,
    /// Every call, taken or refused, by operation.
    calls: HashMap<String, usize>,
}

/// Where calls of one operation wait.
#[derive(Clone, Debug)]
struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

/// The AWS services beside the database, as far as functions call them: push, queues, mail, the event bus and
/// secrets, on one address and over their real protocols. They keep what they are given, and refuse on
/// demand. They live as long as the value.
#[derive(Debug)]
pub struct Services {
    /// Where they listen.
    pub url: String,
    seen: Arc<Mutex<Seen>>,
    server: tokio::task::JoinHandle<()>,
}

type Fields = HashMap<String, String>;

impl Services {
    /// Starts them.
    ///
    /// # Panics
    /// When the machine gives no port.
    #[expect(clippy::expect_used, reason = "a test cannot go on without its services")]
    #[expect(clippy::disallowed_methods, reason = "the server is stopped when the value is dropped")]
    pub async fn start() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("a server");
        });
        Self { url, seen, server }
    }

    /// The environment of a function that uses this database and these services.
    pub fn environment(&self, database: &Database) -> Vec<(String, String)> {
        let variables = [
            ("GANTRY_ENVIRONMENT", "local"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_ENDPOINT_URL_DYNAMODB", &database.url),
            ("TABLE_NAME", TABLE_NAME),
            ("TRAFFIC_TABLE_NAME", TRAFFIC_TABLE_NAME),
            ("EVENT_BUS_NAME", "gantry"),
            ("PUBLIC_API_URL", "http://localhost:3000"),
            ("APP_URL", "http://localhost:5173"),
            ("ALLOWED_ORIGINS", "http://localhost:5173"),
            ("TRUSTED_PROXY_HOPS", "0"),
            ("SESSION_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:000000000000:secret:session"),
            ("LINK_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:000000000000:secret:link"),
            ("CURSOR_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:000000000000:secret:cursor"),
            ("FACTOR_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:000000000000:secret:factor"),
            ("MAIL_FROM", "hello@example.com"),
            ("PRODUCT_NAME", "Gantry"),
            ("BRAND_COLOUR", "#1d4ed8"),
            // mails of one test need not wait for each other
            ("MAIL_SEND_RATE", "1000"),
            ("MAIL_QUEUE_URL", "http://queues.example.com/mail"),
            ("SMS_COUNTRIES", "AT,DE,GB"),
            ("SMS_PER_DAY", "1000"),
            ("SIGN_IN_MAIL_QUEUE_URL", "http://queues.example.com/sign-in-mail"),
            ("MAIL_FEEDBACK_QUEUE_URL", "http://queues.example.com/MailFeedbackQueue"),
            ("PUSH_PLATFORM_APPLICATION_APNS", "arn:aws:sns:eu-central-1:000000000000:app/APNS/gantry"),
            ("PUSH_PLATFORM_APPLICATION_FCM", "arn:aws:sns:eu-central-1:000000000000:app/GCM/gantry"),
            ("PUSH_DELIVERY_QUEUE_URL", "http://queues.example.com/push-delivery"),
            ("OUTBOX_PARKED_QUEUE_URL", "http://queues.example.com/outbox-parked"),
            ("AUDIT_QUEUE_URL", "http://queues.example.com/audit.fifo"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Gives a secret a new version. The one before stays readable as such.
    pub fn put_secret(&self, arn: &str, text: impl Into<String>) {
        self.seen().secrets.entry(arn.to_owned()).or_default().push(text.into());
    }

    /// Gives a secret a new version as soon as it has been read once more: a rotation between two reads.
    pub fn put_secret_after_a_read(&self, arn: &str, text: impl Into<String>) {
        self.seen().next_secrets.insert(arn.to_owned(), text.into());
    }

    /// How often secrets were read.
    pub fn secret_reads(&self) -> usize {
        self.seen().secret_reads
    }

    /// The text of every secret that was not set: `{"key": "…"}` with this key.
    pub const SECRET_KEY: &str = "a secret of tests, which protects nothing";

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// What was published, in order.
    pub fn publications(&self) -> Vec<Publication> {
        self.seen().publications.clone()
    }

    /// The messages to phones, in order, as SNS was asked for them.
    pub fn texts(&self) -> Vec<HashMap<String, String>> {
        self.seen().texts.clone()
    }

    /// The push endpoints: ARN, token, and whether enabled.
    pub fn endpoints(&self) -> Vec<(String, String, bool)> {
        let seen = self.seen();
        seen.endpoints.iter().map(|(arn, (token, enabled))| (arn.clone(), token.clone(), *enabled)).collect()
    }

    /// Makes a push endpoint without its application.
    pub fn add_endpoint(&self, arn: &str) {
        self.seen().endpoints.insert(arn.to_owned(), (String::new(), true));
    }

    /// Lets the push service find an app gone.
    pub fn disable_endpoint(&self, arn: &str) {
        self.seen().endpoints.insert(arn.to_owned(), (String::new(), false));
    }

    /// Lets SNS refuse whatever is sent to this endpoint, or number, for good.
    pub fn reject_endpoint(&self, arn: &str) {
        self.seen().rejected.insert(arn.to_owned());
    }

    /// Lets calls of this operation wait, before they have any effect, until [`Services::release`].
    pub fn hold(&self, operation: &str) {
        let gate = Gate { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) };
        self.seen().held.insert(operation.to_owned(), gate);
    }

    /// Waits until a call of the held operation has come.
    ///
    /// # Panics
    /// When the operation is not held.
    #[expect(clippy::expect_used, reason = "a mistake in a test ends it")]
    pub async fn arrived(&self, operation: &str) {
        let gate = self.seen().held.get(operation).cloned().expect("a held operation");
        gate.arrived.acquire().await.expect("a semaphore that is never closed").forget();
    }

    /// Lets the calls of this operation go on.
    pub fn release(&self, operation: &str) {
        if let Some(gate) = self.seen().held.remove(operation) {
            gate.open.add_permits(Semaphore::MAX_PERMITS);
        }
    }

    /// The bodies of the messages sent to the queue whose URL ends in `queue`, in order.
    pub fn messages(&self, queue: &str) -> Vec<String> {
        let seen = self.seen();
        seen.messages.iter().filter(|(url, _)| url.ends_with(queue)).map(|(_, body)| body.clone()).collect()
    }

    /// For how many seconds messages of the queue whose URL ends in `queue` were hidden, in order.
    pub fn hidden(&self, queue: &str) -> Vec<u64> {
        let seen = self.seen();
        seen.hidden.iter().filter(|(url, ..)| url.ends_with(queue)).map(|(_, _, seconds)| *seconds).collect()
    }

    /// The requests to send mail, in order.
    pub fn mails(&self) -> Vec<Value> {
        self.seen().mails.clone()
    }

    /// The entries that the bus accepted, in order.
    pub fn events(&self) -> Vec<Value> {
        self.seen().events.clone()
    }

    /// Refuses the next `times` calls of this operation, as a throttled service does.
    pub fn refuse(&self, operation: &str, times: usize) {
        self.seen().refusals.insert(operation.to_owned(), times);
    }

    /// Takes the calls of this operation as ever, and answers each of them so much later.
    pub fn answer_late(&self, operation: &str, by: Duration) {
        self.seen().late.insert(operation.to_owned(), by);
    }

    /// Answers mails to this address with this error.
    pub fn refuse_mails_to(&self, address: &str, status: u16, error: &'static str) {
        self.seen().bad_addresses.insert(address.to_owned(), (status, error));
    }

    /// Answers every call with this status, as a broken service does.
    ///
    /// # Panics
    /// When there is no such status.
    #[expect(clippy::expect_used, reason = "a test names a status that there is")]
    pub fn fail_all(&self, status: u16) {
        self.seen().failing = Some(StatusCode::from_u16(status).expect("a status"));
    }

    /// How often this operation was called, refused calls included.
    pub fn calls(&self, operation: &str) -> usize {
        self.seen().calls.get(operation).copied().unwrap_or_default()
    }

    /// Lets the entry at each of these positions fail, counted over all batches of this operation from now
    /// on.
    pub fn fail_entries(&self, operation: &str, positions: impl IntoIterator<Item = usize>) {
        self.seen().failing_entries.insert(operation.to_owned(), positions.into_iter().collect());
    }

    /// Forgets what it was given, but not the endpoints.
    pub fn clear(&self) {
        let mut seen = self.seen();
        let endpoints = std::mem::take(&mut seen.endpoints);
        *seen = Seen { endpoints, ..Seen::default() };
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    fn refuses(&mut self, operation: &str) -> bool {
        match self.refusals.get_mut(operation) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Whether the next entry of a batch fails.
    fn entry_fails(&mut self, operation: &str) -> bool {
        let Some(positions) = self.failing_entries.get_mut(operation) else { return false };
        let fails = positions.contains(&0);
        *positions = positions.iter().filter_map(|position| position.checked_sub(1)).collect();
        fails
    }
}

async fn answer(State(seen): State<Arc<Mutex<Seen>>>, request: Request<Body>) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let target = target.and_then(|target| target.rsplit('.').next()).map(str::to_owned);
    let is_mail = request.uri().path() == "/v2/email/outbound-emails";
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
    let json = || serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let form = || form_urlencoded::parse(&body).into_owned().collect::<Fields>();
    let operation = match &target {
        Some(operation) => operation.clone(),
        None if is_mail => "SendEmail".to_owned(),
        None => form().remove("Action").unwrap_or_default(),
    };
    let gate = lock(&seen).held.get(&operation).cloned();
    if let Some(gate) = gate {
        gate.arrived.add_permits(1);
        let _passed = gate.open.acquire().await;
    }
    let (response, late) = {
        let mut seen = lock(&seen);
        *seen.calls.entry(operation.clone()).or_default() += 1;
        let response = match target {
            _ if seen.failing.is_some() => json_error(seen.failing.unwrap_or_default(), "Failure"),
            Some(operation) if seen.refuses(&operation) => throttled_json(),
            Some(operation) => in_json(&mut seen, &operation, &json()),
            None if is_mail => mail(&mut seen, json()),
            None => push(&mut seen, &form()),
        };
        (response, seen.late.get(&operation).copied())
    };
    if let Some(late) = late {
        tokio::time::sleep(late).await;
    }
    response
}

fn mail(seen: &mut Seen, request: Value) -> Response {
    if seen.refuses("SendEmail") {
        return throttled_json();
    }
    let address = request["Destination"]["ToAddresses"][0].as_str().unwrap_or_default();
    if let Some((status, name)) = seen.bad_addresses.get(address) {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return json_error(status, name);
    }
    seen.mails.push(request);
    axum::Json(json!({ "MessageId": format!("mail-{}", seen.mails.len()) })).into_response()
}

fn throttled_json() -> Response {
    json_error(StatusCode::TOO_MANY_REQUESTS, "ThrottlingException")
}

fn json_error(status: StatusCode, name: &'static str) -> Response {
    let body = axum::Json(json!({ "__type": name, "message": "refused" }));
    (status, [("x-amzn-errortype", name)], body).into_response()
}

/// A secret's version by its label; a secret that was not set has a first version.
fn secret(seen: &mut Seen, request: &Value) -> Option<Value> {
    let arn = request["SecretId"].as_str().unwrap_or_default();
    seen.secret_reads += 1;
    let first = || vec![json!({ "key": Services::SECRET_KEY }).to_string()];
    let versions = seen.secrets.entry(arn.to_owned()).or_insert_with(first);
    let place = if request["VersionStage"] == "AWSPREVIOUS" { 2 } else { 1 };
    let at = versions.len().checked_sub(place)?;
    let answer =
        json!({ "ARN": arn, "Name": "secret", "VersionId": at.to_string(), "SecretString": versions[at] });
    versions.extend(seen.next_secrets.remove(arn));
    Some(answer)
}

fn in_json(seen: &mut Seen, operation: &str, request: &Value) -> Response {
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    let answer = match operation {
        "SendMessage" => {
            let body = request["MessageBody"].as_str().unwrap_or_default().to_owned();
            seen.messages.push((request["QueueUrl"].as_str().unwrap_or_default().to_owned(), body));
            json!({ "MessageId": "message" })
        }
        "ChangeMessageVisibility" => {
            let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
            let seconds = request["VisibilityTimeout"].as_u64().unwrap_or_default();
            seen.hidden.push((text("QueueUrl"), text("ReceiptHandle"), seconds));
            json!({})
        }
        "SendMessageBatch" => {
            let (mut successful, mut failed) = (Vec::new(), Vec::new());
            for entry in entries {
                if seen.entry_fails(operation) {
                    failed.push(json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false }));
                    continue;
                }
                let body = entry["MessageBody"].as_str().unwrap_or_default().to_owned();
                seen.messages.push((request["QueueUrl"].as_str().unwrap_or_default().to_owned(), body));
                successful.push(json!({ "Id": entry["Id"], "MessageId": "message", "MD5OfMessageBody": "" }));
            }
            json!({ "Successful": successful, "Failed": failed })
        }
        "PutEvents" => {
            let mut results = Vec::new();
            for entry in entries {
                if seen.entry_fails(operation) {
                    results.push(json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "slow down" }));
                    continue;
                }
                seen.events.push(entry);
                results.push(json!({ "EventId": format!("event-{}", seen.events.len()) }));
            }
            let failed = results.iter().filter(|result| result["ErrorCode"].is_string()).count();
            json!({ "FailedEntryCount": failed, "Entries": results })
        }
        "GetSecretValue" => match secret(seen, request) {
            Some(answer) => answer,
            None => return json_error(StatusCode::BAD_REQUEST, "ResourceNotFoundException"),
        },
        _ => return StatusCode::NOT_IMPLEMENTED.into_response(),
    };
    axum::Json(answer).into_response()
}

/// SNS speaks the query protocol: forms in, XML out.
fn push(seen: &mut Seen, fields: &Fields) -> Response {
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let action = field("Action");
    if seen.refuses(&action) {
        return xml_error(400, "Throttling", "Rate exceeded");
    }
    let result = match action.as_str() {
        "CreatePlatformEndpoint" => {
            let (application, token) = (field("PlatformApplicationArn"), field("Token"));
            let arn = format!("{}/{token}", application.replace(":app/", ":endpoint/"));
            let (_, enabled) = seen.endpoints.entry(arn.clone()).or_insert((token, true));
            if !*enabled {
                let message = format!(
                    "Invalid parameter: Token Reason: Endpoint {arn} already exists with the same Token, but different attributes."
                );
                return xml_error(400, "InvalidParameter", &message);
            }
            format!("<EndpointArn>{arn}</EndpointArn>")
        }
        "GetEndpointAttributes" => {
            let Some((token, enabled)) = seen.endpoints.get(&field("EndpointArn")) else {
                return xml_error(404, "NotFound", "Endpoint does not exist");
            };
            format!(
                "<Attributes><entry><key>Token</key><value>{token}</value></entry><entry><key>Enabled</key><value>{enabled}</value></entry></Attributes>"
            )
        }
        "SetEndpointAttributes" => {
            let arn = field("EndpointArn");
            let token = arn.rsplit('/').next().unwrap_or_default().to_owned();
            seen.endpoints.insert(arn, (token, true));
            String::new()
        }
        "DeleteEndpoint" => {
            seen.endpoints.remove(&field("EndpointArn"));
            String::new()
        }
        "Publish" if fields.contains_key("PhoneNumber") => {
            if seen.rejected.contains(&field("PhoneNumber")) {
                return xml_error(400, "InvalidParameter", "Invalid parameter: PhoneNumber");
            }
            seen.texts.push(fields.clone());
            "<MessageId>message</MessageId>".to_owned()
        }
        "Publish" => {
            let endpoint = field("TargetArn");
            if seen.rejected.contains(&endpoint) {
                return xml_error(400, "InvalidParameter", "Invalid parameter: Message Reason: Invalid");
            }
            match seen.endpoints.get(&endpoint) {
                Some((_, false)) => return xml_error(400, "EndpointDisabled", "Endpoint is disabled"),
                None => return xml_error(404, "NotFound", "Endpoint does not exist"),
                Some(_) => {}
            }
            let collapse_id = (1..=2).find(|n| {
                field(&format!("MessageAttributes.entry.{n}.Name")) == "AWS.SNS.MOBILE.APNS.COLLAPSE_ID"
            });
            let notification_id = collapse_id
                .map(|n| field(&format!("MessageAttributes.entry.{n}.Value.StringValue")))
                .unwrap_or_default();
            seen.publications.push(Publication { endpoint, notification_id });
            "<MessageId>message</MessageId>".to_owned()
        }
        _ => return StatusCode::NOT_IMPLEMENTED.into_response(),
    };
    format!("<{action}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{action}Result>{result}</{action}Result></{action}Response>").into_response()
}

fn xml_error(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"),
    )
        .into_response()
}
