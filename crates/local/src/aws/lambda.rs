//! Lambda, as far as people call functions by hand: `Invoke`, waited for.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{ServiceError, response, rest_response};
use crate::engine::{Engine, InvokeError, Trigger};

/// What comes before the name of the function in the path.
pub(super) const FUNCTIONS: &str = "/2015-03-31/functions/";

/// Largest event of a call that is waited for.
const EVENT_LIMIT: usize = 6 * 1024 * 1024;

/// Answers `POST /2015-03-31/functions/{name}/invocations`. The name is the package's, or an ARN
/// that ends in it, with or without an alias.
pub(super) async fn respond(
    engine: &Arc<Engine>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let waits = headers.get("x-amz-invocation-type").is_none_or(|kind| kind == "RequestResponse");
    let Some(name) = function_name(path).filter(|_| waits && method == Method::POST) else {
        return rest_response(Err(ServiceError::unknown_operation(path)));
    };
    match invoke(engine, &name, body).await {
        Ok(Ok(answer)) => response(StatusCode::OK, "application/json", None, answer.to_string()),
        Ok(Err(failure)) => {
            let body = json!({ "errorMessage": failure.to_string(), "errorType": error_type(&failure) });
            let mut response = response(StatusCode::OK, "application/json", None, body.to_string());
            response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
            response
        }
        Err(refused) => rest_response(Err(refused)),
    }
}

/// The function that a path of `Invoke` names.
fn function_name(path: &str) -> Option<String> {
    let named = path.strip_prefix(FUNCTIONS)?.strip_suffix("/invocations")?;
    let named = percent_decode_str(named).decode_utf8().ok()?;
    let named = named.rsplit_once(":function:").map_or(&*named, |(_, name)| name);
    named.split(':').next().map(ToOwned::to_owned)
}

/// Calls the function: what the service refuses is the outer error, what the function fails with
/// the inner one.
async fn invoke(
    engine: &Arc<Engine>,
    name: &str,
    body: &[u8],
) -> Result<Result<Value, InvokeError>, ServiceError> {
    if body.len() > EVENT_LIMIT {
        let problem = format!("{} byte payload is too large (limit {EVENT_LIMIT} bytes)", body.len());
        let refused = ServiceError::sender("RequestTooLargeException", problem);
        return Err(refused.with_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    if !engine.template.functions.contains_key(name) {
        let refused =
            ServiceError::sender("ResourceNotFoundException", format!("Function not found: {name}"));
        return Err(refused.with_status(StatusCode::NOT_FOUND));
    }
    let event: Value = serde_json::from_slice(if body.is_empty() { b"{}" } else { body })
        .map_err(|error| ServiceError::sender("InvalidRequestContentException", error.to_string()))?;
    let answer = match engine.functions.try_permit(name) {
        Ok(permit) => engine.invoke(name, event, Trigger::Direct, permit).await,
        Err(error) => Err(error),
    };
    if let Err(error @ InvokeError::Throttled) = answer {
        let refused = ServiceError::sender("TooManyRequestsException", error.to_string());
        return Err(refused.with_status(StatusCode::TOO_MANY_REQUESTS));
    }
    Ok(answer)
}

/// How Lambda calls what went wrong; the words for a function's own error are its runtime's.
fn error_type(failure: &InvokeError) -> &'static str {
    match failure {
        InvokeError::TimedOut(_) => "Sandbox.Timedout",
        InvokeError::NotStarted { .. } => "Runtime.ExitError",
        InvokeError::Failed(_) | InvokeError::Panicked(_) | InvokeError::CutOff | InvokeError::Throttled => {
            "Error"
        }
    }
}
