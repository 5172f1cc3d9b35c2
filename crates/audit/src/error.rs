use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum AuditError {
    /// The organization's log has no such event.
    #[error("there is no such event")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The time that is asked for ends before it begins.
    #[error("use a moment that is not before `from`")]
    #[fault(Invalid, "invalid_request")]
    Backwards,
    /// A row of the log is not of the form that it was written in.
    #[error("an audit row cannot be shown: {0}")]
    #[fault(Internal, "internal")]
    Row(#[from] serde_json::Error),
    /// It could not be read.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// It could not be stored.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

impl Invalid for AuditError {
    fn field_code(&self) -> FieldCode {
        FieldCode::OutOfRange
    }
}
