use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use primitives::{Fault, FaultKind};

use crate::Key;

/// The table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `DynamoDB` did not answer, or answered that it cannot now.
    #[error("the table is not available ({operation}: {code})")]
    Unavailable {
        /// The call.
        operation: &'static str,
        /// `DynamoDB`'s name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// `DynamoDB` refuses the call: a fault of ours.
    #[error("the table refuses the call ({operation}: {code})")]
    Refused {
        /// The call.
        operation: &'static str,
        /// `DynamoDB`'s name for the error.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// An item does not have the shape its kind should have.
    #[error("an item of kind {kind} does not have the expected shape")]
    Shape {
        /// The kind.
        kind: &'static str,
        /// What is wrong with it.
        source: serde_dynamo::Error,
    },
    /// A transaction is too large for `DynamoDB`: 100 items, 4 MB
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>).
    #[error(
        "a transaction of {items} items and {bytes} bytes is too large; the limits are 100 items and 4 MB"
    )]
    TooLarge {
        /// How many items it has.
        items: usize,
        /// About how large it is.
        bytes: usize,
    },
    /// The cursor was not made by us for this list of this tenant.
    #[error("this cursor does not belong to this list; start again without one")]
    ForeignCursor,
    /// A cursor for the next page could not be made: a fault of ours.
    #[error("the end of a page could not be sealed into a cursor")]
    Unsealed,
}

impl StoreError {
    pub(crate) fn shape(key: &Key, source: serde_dynamo::Error) -> Self {
        Self::Shape { kind: key.kind(), source }
    }

    /// Sorts an SDK error into "try again" and "our fault".
    pub(crate) fn from_sdk<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
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
        let ours = matches!(
            code.as_str(),
            "ValidationException"
                | "ResourceNotFoundException"
                | "AccessDeniedException"
                | "SerializationException"
        );
        let detail = DisplayErrorContext(error).to_string();
        if ours {
            Self::Refused { operation, code, detail }
        } else {
            Self::Unavailable { operation, code, detail }
        }
    }
}

impl Fault for StoreError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unavailable { .. } => FaultKind::Unavailable,
            Self::ForeignCursor => FaultKind::Invalid,
            Self::Refused { .. } | Self::Shape { .. } | Self::TooLarge { .. } | Self::Unsealed => {
                FaultKind::Internal
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::ForeignCursor => "invalid_cursor",
            Self::Refused { .. } | Self::Shape { .. } | Self::TooLarge { .. } | Self::Unsealed => "internal",
        }
    }

    fn retry_after(&self) -> Option<u64> {
        matches!(self, Self::Unavailable { .. }).then_some(1)
    }
}

/// A transaction was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The state is not what the decision was based on. Nothing was written.
    #[error("the state changed meanwhile")]
    Conflict {
        /// The items whose conditions did not hold.
        failed: Vec<Key>,
    },
    /// The table could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommitError {
    /// Whether the condition on this item did not hold.
    pub fn failed(&self, key: &Key) -> bool {
        matches!(self, Self::Conflict { failed } if failed.contains(key))
    }

    /// Whether loading and deciding again may help. It does not when another has taken over the request itself,
    /// by its idempotency key.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { failed } if !failed.iter().any(|key| matches!(key, Key::Idempotency(..))))
    }
}

impl Fault for CommitError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Conflict { .. } => FaultKind::Conflict,
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::Store(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Conflict { .. } => None,
            Self::Store(error) => error.retry_after(),
        }
    }
}
