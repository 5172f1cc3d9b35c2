use std::error::Error;

use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use hyper_util::client::legacy::Error as HttpError;

/// A call to AWS that failed: one sorter for all services. What a name means to one service alone
/// (a push token that is refused, a condition that does not hold) its client looks for before it
/// asks for the verdict.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What a caller can do about it.
    pub verdict: Verdict,
    /// AWS's name for the error, or how the call failed: `timeout`, `no connection`, `bad answer`.
    pub code: String,
    /// Everything that is known, for the log.
    pub detail: String,
}

/// What a caller can do about a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The service refuses the call, and will again: a name, a right or an argument of ours is
    /// wrong.
    Refused,
    /// The service takes no more at the moment: again, and slower.
    Busy,
    /// The service was not reached, or says that it cannot now. It did nothing.
    Away,
    /// The service may have done it: it timed out, its answer was lost or cannot be read, or it
    /// failed while it worked on it.
    Open,
}

/// Names that AWS gives to refusals for good, over all services that we call.
const REFUSALS: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AccountSuspendedException",
    "AuthorizationError",
    "IdempotentParameterMismatchException",
    "InvalidSecurity",
    "MailFromDomainNotVerifiedException",
    "NotFound",
    "NotFoundException",
    "PlatformApplicationDisabled",
    "ResourceNotFoundException",
    "SerializationException",
    "ValidationException",
];

/// Names for a rate, or a quota, that is used up.
const THROTTLES: &[&str] = &[
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

impl Failure {
    /// Sorts an error of the SDK's.
    pub fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let code = match &error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown"),
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(_) => "no connection",
            SdkError::ConstructionFailure(_) => "incomplete",
            _ => "bad answer",
        };
        Self {
            verdict: verdict(&error),
            code: code.to_owned(),
            detail: DisplayErrorContext(error).to_string(),
        }
    }
}

/// The verdict alone, for whoever goes on with the error.
pub fn verdict<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Verdict {
    match error {
        SdkError::ConstructionFailure(_) => Verdict::Refused,
        SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(never_connected) => {
            Verdict::Away
        }
        SdkError::ServiceError(answer) => {
            let (code, status) = (answer.err().code().unwrap_or_default(), answer.raw().status().as_u16());
            match status {
                _ if !says_no(status) => Verdict::Open,
                429 => Verdict::Busy,
                _ if THROTTLES.contains(&code) => Verdict::Busy,
                _ if REFUSALS.contains(&code) => Verdict::Refused,
                _ => Verdict::Away,
            }
        }
        _ => Verdict::Open,
    }
}

/// Whether an answer that is an error says by its status that the service did not begin.
pub(crate) fn says_no(status: u16) -> bool {
    (400..500).contains(&status) || status == 503
}

/// Whether the call failed before there was a connection that it could have been sent over.
pub(crate) fn never_connected(error: &ConnectorError) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<HttpError>().is_some_and(HttpError::is_connect) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};

    use super::*;

    fn answer(status: u16, code: &str) -> SdkError<ErrorMetadata, HttpResponse> {
        let status = StatusCode::try_from(status).unwrap();
        let metadata = ErrorMetadata::builder().code(code).build();
        SdkError::service_error(metadata, HttpResponse::new(status, SdkBody::empty()))
    }

    #[test]
    fn an_answer_is_sorted_by_its_name_and_its_status() {
        for (status, code, expected) in [
            (400, "ValidationException", Verdict::Refused),
            (404, "NotFound", Verdict::Refused),
            (400, "ProvisionedThroughputExceededException", Verdict::Busy),
            (429, "SomethingNew", Verdict::Busy),
            (503, "ServiceUnavailable", Verdict::Away),
            // What nobody has sorted yet did nothing, and may be asked again.
            (400, "ExpiredTokenException", Verdict::Away),
            (500, "InternalServerError", Verdict::Open),
        ] {
            let failure = Failure::of(answer(status, code));
            assert_eq!((failure.verdict, failure.code.as_str()), (expected, code));
            assert!(failure.detail.contains(code), "{}", failure.detail);
        }
    }

    #[test]
    fn a_call_without_an_answer_may_have_been_done_unless_it_was_never_made() {
        let of = |error| {
            let failure = Failure::of::<ErrorMetadata>(error);
            (failure.verdict, failure.code)
        };
        assert_eq!(of(SdkError::timeout_error("late")), (Verdict::Open, "timeout".to_owned()));
        assert_eq!(of(SdkError::construction_failure("half")), (Verdict::Refused, "incomplete".to_owned()));
        let lost = ConnectorError::io("the connection broke".into());
        assert_eq!(of(SdkError::dispatch_failure(lost)), (Verdict::Open, "no connection".to_owned()));
    }
}
