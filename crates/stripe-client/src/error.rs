use std::{error::Error, fmt::Display};

use primitives::{Fault, FaultKind};
use stripe_client_core::StripeClientErr;

/// A call to Stripe gave no usable answer. Never holds Stripe's message, which may quote personal data.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// Stripe answered with an error.
    #[error(
        "Stripe refused the call with status {status}, code {}; look up request {} in the Stripe dashboard",
        code.as_deref().unwrap_or("none"),
        request_id.as_deref().unwrap_or("unknown")
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stripe's error code, such as `resource_missing`.
        code: Option<String>,
        /// Stripe's name for the request.
        request_id: Option<String>,
    },
    /// Stripe could not be reached, or the connection broke.
    #[error("Stripe could not be reached; the call can be repeated")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// There was no answer in time.
    #[error("Stripe did not answer in time; the call can be repeated")]
    TimedOut,
    /// The answer is not what the API documents.
    #[error("Stripe's answer could not be read: {0}")]
    Unreadable(String),
    /// The request could not be built from the configuration.
    #[error("the request to Stripe could not be built; check the Stripe API address")]
    Request(#[source] Box<dyn Error + Send + Sync>),
}

impl StripeError {
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

impl Fault for StripeError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Refused { status: 409 | 429 | 500.., .. } | Self::Unreachable(_) | Self::TimedOut => {
                FaultKind::Unavailable
            }
            Self::Refused { .. } | Self::Unreadable(_) | Self::Request(_) => FaultKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self.kind() {
            FaultKind::Unavailable => "payment_provider_unavailable",
            _ => "internal",
        }
    }
}
