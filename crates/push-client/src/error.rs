use aws_sdk_sns::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use primitives::Fault;
use sends::{Failure, Verdict};

/// SNS did not do what was asked.
#[derive(Debug, thiserror::Error, Fault)]
pub enum PushError {
    /// SNS did not answer, or does nothing more at the moment: try again.
    #[error("the push service is not available ({operation}: {code})")]
    #[fault(Unavailable, "unavailable", retry_after = 5)]
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
    #[fault(Invalid, "invalid_request")]
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
    #[fault(Internal, "internal")]
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
    pub(crate) fn sort<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Failure { verdict, code, detail } = Failure::of(error);
        match (code.as_str(), verdict) {
            // What we give to SNS is a token, and the rest is ours and right.
            ("InvalidParameter" | "ParameterValueInvalid" | "ValidationException", _) => {
                Self::Rejected { operation, code, detail }
            }
            (_, Verdict::Refused) => Self::Refused { operation, code, detail },
            _ => Self::Unavailable { operation, code, detail },
        }
    }
}
