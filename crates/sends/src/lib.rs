//! Calls to AWS that send something and carry no idempotency key: SES's `SendEmail`, SNS's `Publish`, `PutEvents`, SQS's `SendMessage`.
//!
//! Made again, such a call is a second mail, push or event whenever the first one was taken and only its answer is missing. So it is
//! made again only after an answer, or a failure, that says that nothing was taken. Owns that one judgement: [`OnlyIfNotTaken`] makes
//! the SDK's own attempts follow it, [`may_be_taken`] tells callers. It must not know what is sent.

use std::error::Error;

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    orchestrator::{HttpResponse, OrchestratorError},
    result::{ConnectorError, SdkError},
    retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
};
use hyper_util::client::legacy::Error as HttpError;

/// Forbids the SDK to repeat a call that may have been taken. The rest is left to the SDK's own classifiers: a throttled call, one
/// that the service says it is not available for (503), and one for which there was no connection, are repeated.
#[derive(Clone, Copy, Debug)]
pub struct OnlyIfNotTaken;

impl ClassifyRetry for OnlyIfNotTaken {
    fn classify_retry(&self, ctx: &InterceptorContext) -> RetryAction {
        let status = ctx.response().map(|answer| answer.status().as_u16());
        match ctx.output_or_error() {
            Some(Err(error)) if is_open(error, status) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "only what was not taken"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

fn is_open<E>(error: &OrchestratorError<E>, status: Option<u16>) -> bool {
    match error.as_connector_error() {
        Some(error) => !never_connected(error),
        None => !(error.is_operation_error() && status.is_some_and(says_no)),
    }
}

/// Whether the service may have taken what a failed call was to send: it timed out, its answer was lost or cannot be read, or the
/// service failed while it worked on it.
pub fn may_be_taken<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::DispatchFailure(failure) => !failure.as_connector_error().is_some_and(never_connected),
        SdkError::ServiceError(answer) => !says_no(answer.raw().status().as_u16()),
        _ => true,
    }
}

/// Whether an answer that is an error says by its status that the service did not begin.
fn says_no(status: u16) -> bool {
    (400..500).contains(&status) || status == 503
}

/// Whether the call failed before there was a connection that it could have been sent over.
fn never_connected(error: &ConnectorError) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<HttpError>().is_some_and(HttpError::is_connect) {
            return true;
        }
        cause = error.source();
    }
    false
}
