use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use primitives::{Fault, FaultKind};

/// SNS did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// SNS did not answer, or does nothing more at the moment: try again.
    #[error("the push service is not available ({operation}: {code})")]
    Unavailable {
        /// The call.
        operation: &'static str,
        /// SNS's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// What was given, a token as a rule, is refused: the same will be refused again.
    #[error("the push service refuses this device's token")]
    Rejected {
        /// The call.
        operation: &'static str,
        /// SNS's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// SNS refuses us: a platform application is missing or disabled, or a permission is.
    #[error("the push service refuses the call ({operation}: {code}); check the platform applications")]
    Refused {
        /// The call.
        operation: &'static str,
        /// SNS's name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
}

impl PushError {
    pub(crate) fn sort<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let code = match &error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown").to_owned(),
            SdkError::TimeoutError(_) => "timeout".to_owned(),
            SdkError::DispatchFailure(_) => "no connection".to_owned(),
            _ => "bad answer".to_owned(),
        };
        let detail = DisplayErrorContext(error).to_string();
        match code.as_str() {
            "InvalidParameter" | "ParameterValueInvalid" | "ValidationException" => {
                Self::Rejected { operation, code, detail }
            }
            "NotFound"
            | "AuthorizationError"
            | "AccessDenied"
            | "InvalidSecurity"
            | "PlatformApplicationDisabled" => Self::Refused { operation, code, detail },
            _ => Self::Unavailable { operation, code, detail },
        }
    }
}

impl Fault for PushError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unavailable { .. } => FaultKind::Unavailable,
            Self::Rejected { .. } => FaultKind::Invalid,
            Self::Refused { .. } => FaultKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "push_unavailable",
            Self::Rejected { .. } => "invalid_push_token",
            Self::Refused { .. } => "internal",
        }
    }

    fn retry_after(&self) -> Option<u64> {
        matches!(self, Self::Unavailable { .. }).then_some(5)
    }
}
