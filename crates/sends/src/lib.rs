//! What a failed call to AWS means, and which calls may be made again.
//!
//! [`Failure`] sorts the SDK's errors, for all services alike. Calls that send something and carry
//! no idempotency key (SES's `SendEmail`, SNS's `Publish`, `PutEvents`, SQS's `SendMessage`) need
//! more care: made again, such a call is a second mail, push or event whenever the first one was
//! taken and only its answer is missing. So it is made again only after an answer, or a failure,
//! that says that nothing was taken: [`OnlyIfNotTaken`] makes the SDK's own attempts follow that.
//! This crate must not know what is sent.

mod failure;

use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    orchestrator::OrchestratorError,
    retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority},
};

pub use failure::{Failure, Verdict, verdict};

use failure::{never_connected, says_no};

/// Forbids the SDK to repeat a call that may have been taken. The rest is left to the SDK's own
/// classifiers: a throttled call, one that the service says it is not available for (503), and one
/// for which there was no connection, are repeated.
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
