use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

use crate::api::JobKind;

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum JobError {
    /// One at a time.
    #[error("there is such an export already, which is not done; wait for it, or cancel it")]
    #[fault(Conflict, "export_running")]
    Running {
        /// What is under way.
        kind: JobKind,
    },
    /// What is at its end cannot be canceled.
    #[error("the job is at its end already")]
    #[fault(Conflict, "job_finished")]
    Finished,
    /// What is asked for ends before it begins.
    #[error("it ends before it begins")]
    #[fault(Invalid, "invalid_request")]
    Backwards,
    /// It is not there, or another's.
    #[error("there is no such job")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

impl Invalid for JobError {
    fn field_code(&self) -> FieldCode {
        FieldCode::OutOfRange
    }
}
