use std::{error::Error, fmt::Display};

use primitives::Fault;
use stripe_client_core::StripeClientErr;

/// A call to Stripe gave no usable answer. Never holds Stripe's message, which may quote personal
/// data.
#[derive(Debug, thiserror::Error, Fault)]
pub enum StripeError {
    /// Stripe answered with an error that the same call would meet again.
    #[error(
        "Stripe refused the call with status {status}, code {}; look up request {} in the Stripe dashboard",
        code.as_deref().unwrap_or("none"),
        request_id.as_deref().unwrap_or("unknown")
    )]
    #[fault(Internal, "internal")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's error code, such as `resource_missing`.
        code: Option<String>,
        /// Stripe's name for the request.
        request_id: Option<String>,
    },
    /// Stripe answered that it cannot now.
    #[error(
        "Stripe cannot answer now: status {status}, code {}; look up request {} in the Stripe dashboard",
        code.as_deref().unwrap_or("none"),
        request_id.as_deref().unwrap_or("unknown")
    )]
    #[fault(Unavailable, "unavailable")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// Stripe's error code, such as `lock_timeout`.
        code: Option<String>,
        /// Stripe's name for the request.
        request_id: Option<String>,
    },
    /// Stripe could not be reached, or the connection broke.
    #[error("Stripe could not be reached; the call can be repeated")]
    #[fault(Unavailable, "unavailable")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// There was no answer in time.
    #[error("Stripe did not answer in time; the call can be repeated")]
    #[fault(Unavailable, "unavailable")]
    TimedOut,
    /// The answer is not what the API documents.
    #[error("Stripe's answer could not be read: {0}")]
    #[fault(Internal, "internal")]
    Unreadable(String),
    /// The request could not be built from the configuration.
    #[error("the request to Stripe could not be built; check the Stripe API address")]
    #[fault(Internal, "internal")]
    Request(#[source] Box<dyn Error + Send + Sync>),
}

impl StripeError {
    pub(crate) fn answer(status: u16, code: Option<String>, request_id: Option<String>) -> Self {
        if matches!(status, 409 | 429 | 500..) {
            Self::Unavailable { status, code, request_id }
        } else {
            Self::Refused { status, code, request_id }
        }
    }

    /// Whether Stripe says that the object does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl StripeClientErr for StripeError {
    fn deserialize_err(message: impl Display) -> Self {
        Self::Unreadable(message.to_string())
    }
}
