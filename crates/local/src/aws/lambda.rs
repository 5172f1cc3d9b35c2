//! Lambda, as far as people call functions by hand: `Invoke`, waited for.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{ServiceError, response, rest_response};
use crate::engine::{Engine, InvokeError, Trigger};

/// What comes before the name of the function in the path.
pub(super) const FUNCTIONS: &str = "/2015-03-31/functions/";

/// Answers `POST /2015-03-31/functions/{name}/invocations`. The name is the package's, with or without an
/// alias.
pub(super) async fn respond(engine: &Arc<Engine>, path: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let named = path.strip_prefix(FUNCTIONS).and_then(|rest| rest.strip_suffix("/invocations"));
    let waits = headers.get("x-amz-invocation-type").is_none_or(|kind| kind == "RequestResponse");
    let Some(name) = named.filter(|_| waits).and_then(|name| name.split([':', '%']).next()) else {
        return rest_response(Err(ServiceError::unknown_operation(path)));
    };
    let event: Value = match serde_json::from_slice(if body.is_empty() { b"{}" } else { body }) {
        Ok(event) => event,
        Err(error) => {
            let refused = ServiceError::sender("InvalidRequestContentException", error.to_string());
            return rest_response(Err(refused));
        }
    };
    let answer = match engine.functions.try_permit(name) {
        Ok(permit) => engine.invoke(name, event, Trigger::Direct, permit).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => response(StatusCode::OK, "application/json", None, answer.to_string()),
        Err(error @ InvokeError::Throttled) => {
            let refused = ServiceError::sender("TooManyRequestsException", error.to_string());
            rest_response(Err(refused.with_status(StatusCode::TOO_MANY_REQUESTS)))
        }
        Err(error @ InvokeError::NotStarted { .. }) => {
            let refused = ServiceError::sender("ResourceNotFoundException", error.to_string());
            rest_response(Err(refused.with_status(StatusCode::NOT_FOUND)))
        }
        Err(error) => {
            let body = json!({ "errorMessage": error.to_string(), "errorType": "Error" }).to_string();
            let mut response = response(StatusCode::OK, "application/json", None, body);
            response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
            response
        }
    }
}
