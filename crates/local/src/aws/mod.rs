//! The AWS services on the wire, as far as the functions use them: SQS, SNS, EventBridge, SES,
//! S3, Secrets Manager and calls of functions on one endpoint.
//!
//! The real SDK clients talk to it (`AWS_ENDPOINT_URL`). Credentials are not checked, but by S3; everything
//! else follows the services' documentation, errors included. An operation that is not here is
//! answered with `UnknownOperationException` and a log line, never with a guess.

mod eventbridge;
mod feedback;
mod lambda;
mod s3;
mod secrets;
mod ses;
mod sns;
mod sqs;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use s3s::service::S3Service;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::state::random_id;

pub(crate) use s3::CREDENTIALS;
pub(crate) use secrets::{PUNCTUATION, prepare as prepare_secrets};
pub(crate) use ses::MailQuota;

/// Random letters and digits.
pub(crate) fn random_text(length: usize) -> Result<String, getrandom::Error> {
    secrets::random_text(length, PUNCTUATION)
}

/// Largest request: a batch of SQS messages or events is 1 MiB, a raw mail 40 MB.
pub(crate) const BODY_LIMIT: usize = 40 * 1024 * 1024;

/// An error of a service: its code, its message, its status.
#[derive(Debug)]
pub(crate) struct ServiceError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ServiceError {
    /// A mistake of the caller.
    fn sender(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn unknown_operation(operation: &str) -> Self {
        tracing::error!(operation, "the local cloud does not have this operation of AWS");
        Self::sender(
            "UnknownOperationException",
            format!("the local cloud does not have the operation {operation}"),
        )
    }
}

/// An answer of a service that speaks JSON.
type Answer = Result<Value, ServiceError>;

/// The router of the endpoint.
pub(crate) fn router(engine: Arc<Engine>) -> axum::Router {
    axum::Router::new()
        .fallback(handle)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::Extension(s3::service(Arc::clone(&engine))))
        .with_state(engine)
}

/// Operations after which nothing is lost, even if the process is killed before the state is
/// written by itself. What others change happens again: a message that was deleted, or received,
/// comes once more.
const KEPT: &[&str] = &[
    "SendMessage",
    "SendMessageBatch",
    "PutEvents",
    "PutSecretValue",
    "UpdateSecretVersionStage",
    "Publish",
    "CreatePlatformEndpoint",
    "SetEndpointAttributes",
    "DeleteEndpoint",
];

async fn handle(
    Shared(engine): Shared<Arc<Engine>>,
    axum::Extension(files): axum::Extension<S3Service>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(target) = headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let (service, operation) = target.split_once('.').unwrap_or(("", target));
        let (version, answer) = match (service, parse_json(&body)) {
            (_, Err(error)) => ("1.0", Err(error)),
            ("AmazonSQS", Ok(request)) => ("1.0", sqs::call(&engine, operation, &request).await),
            ("AWSEvents", Ok(request)) => ("1.1", eventbridge::call(&engine, operation, &request)),
            ("secretsmanager", Ok(request)) => ("1.1", secrets::call(&engine, operation, &request).await),
            _ => ("1.0", Err(ServiceError::unknown_operation(target))),
        };
        if KEPT.contains(&operation) {
            engine.store.settle().await;
        }
        return json_response(answer, version);
    }
    if s3::is_about(&engine, uri.path()) {
        return s3::respond(&files, (method, uri, headers), body).await;
    }
    if uri.path().starts_with(lambda::FUNCTIONS) {
        return lambda::respond(&engine, &method, uri.path(), &headers, &body).await;
    }
    if uri.path().starts_with("/v2/email/") {
        let answer = ses::call(&engine, uri.path(), &body);
        engine.store.settle().await;
        return rest_response(answer);
    }
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !is_form {
        return rest_response(Err(ServiceError::unknown_operation(uri.path())));
    }
    let form: std::collections::BTreeMap<String, String> =
        form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let response = sns::respond(&engine, &form);
    if form.get("Action").is_some_and(|action| KEPT.contains(&action.as_str())) {
        engine.store.settle().await;
    }
    response
}

fn parse_json(body: &[u8]) -> Answer {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        ServiceError::sender("SerializationException", format!("the request is not JSON: {error}"))
    })
}

fn json_response(answer: Answer, version: &str) -> Response {
    let content_type = format!("application/x-amz-json-{version}");
    match answer {
        Ok(body) => response(StatusCode::OK, &content_type, None, body.to_string()),
        Err(error) => {
            let body = json!({ "__type": error.code, "message": error.message }).to_string();
            let mut response = response(error.status, &content_type, Some(error.code), body);
            if let Ok(code) = HeaderValue::try_from(format!("{};Sender", query_code(error.code))) {
                response.headers_mut().insert("x-amzn-query-error", code);
            }
            response
        }
    }
}

/// Code of an error in SQS's older protocol, by which clients still tell errors apart.
fn query_code(code: &str) -> String {
    match code.split_once('#') {
        Some((_, "QueueDoesNotExist")) => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        Some((_, name @ ("ResourceNotFoundException" | "ReceiptHandleIsInvalid"))) => name.to_owned(),
        Some((_, name)) => format!("AWS.SimpleQueueService.{name}"),
        None => code.to_owned(),
    }
}

fn rest_response(answer: Answer) -> Response {
    match answer {
        Ok(body) => response(StatusCode::OK, "application/json", None, body.to_string()),
        Err(error) => {
            let body = json!({ "message": error.message }).to_string();
            response(error.status, "application/json", Some(error.code), body)
        }
    }
}

fn response(status: StatusCode, content_type: &str, error: Option<&'static str>, body: String) -> Response {
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header("x-amzn-requestid", random_id());
    if let Some(code) = error {
        response = response.header("x-amzn-errortype", code);
    }
    // All parts are made here of valid characters.
    response.body(Body::from(body)).unwrap_or_default()
}

/// MD5 in hex, which SQS gives so that senders can compare.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

/// A text member of a request.
fn text<'a>(request: &'a Value, name: &str) -> &'a str {
    request[name].as_str().unwrap_or_default()
}

/// A text member that must be there.
fn required<'a>(request: &'a Value, name: &str) -> Result<&'a str, ServiceError> {
    request[name].as_str().filter(|value| !value.is_empty()).ok_or_else(|| {
        ServiceError::sender("ValidationException", format!("The request must contain the parameter {name}."))
    })
}
