//! Errors in Stripe's form (<https://docs.stripe.com/api/errors>).

use http::StatusCode;
use serde_json::{Value, json};

/// What a call comes to.
pub(super) type Answer<T = Value> = Result<T, Refusal>;

/// An error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: Value,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: &str, message: &str) -> Self {
        Self { status, error: json!({ "type": kind, "message": message }) }
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(super) fn code(mut self, code: &str) -> Self {
        self.error["code"] = json!(code);
        self.error["doc_url"] =
            json!(format!("https://docs.stripe.com/error-codes/{}", code.replace('_', "-")));
        self
    }

    pub(super) fn param(mut self, name: &str) -> Self {
        self.error["param"] = json!(name);
        self
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.error[name] = value;
        self
    }

    /// There is no such object: 404 where it is what the URL names, else 400.
    pub(super) fn missing(kind: &str, id: &str, parameter: &str) -> Self {
        let kind = kind.rsplit('.').next().unwrap_or(kind);
        let status = if parameter == "id" { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
        Self::new(status, "invalid_request_error", &format!("No such {kind}: '{id}'"))
            .code("resource_missing")
            .param(parameter)
    }

    pub(super) fn required(parameter: &str) -> Self {
        Self::invalid(&format!("Missing required param: {parameter}."))
            .code("parameter_missing")
            .param(parameter)
    }

    pub(super) fn unknown(parameter: &str) -> Self {
        Self::invalid(&format!("Received unknown parameter: {parameter}"))
            .code("parameter_unknown")
            .param(parameter)
    }

    /// Whether the call was refused for its parameters, before anything was done.
    pub(super) fn is_of_parameters(&self) -> bool {
        self.error["type"] == "invalid_request_error"
    }
}
