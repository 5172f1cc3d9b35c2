use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use primitives::Fault;
use sends::{Failure, Verdict};

use crate::{Key, keys::Idempotency};

/// The table could not be read or written.
#[derive(Debug, thiserror::Error, Fault)]
pub enum StoreError {
    /// `DynamoDB` did not answer, or answered that it cannot now.
    #[error("the table is not available ({operation}: {code})")]
    #[fault(Unavailable, "unavailable", retry_after = 1)]
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
    #[fault(Internal, "internal")]
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
    #[fault(Internal, "internal")]
    Shape {
        kind: &'static str,
        /// What is wrong with it.
        source: serde_dynamo::Error,
    },
    /// A transaction is too large for `DynamoDB`: 100 items, 4 MB
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>).
    #[error(
        "a transaction of {items} items and {bytes} bytes is too large; the limits are 100 items and 4 MB"
    )]
    #[fault(Internal, "internal")]
    TooLarge {
        /// How many items it has.
        items: usize,
        /// About how large it is.
        bytes: usize,
    },
    /// The cursor was not made by us for this list of this tenant.
    #[error("this cursor does not belong to this list; start again without one")]
    #[fault(Invalid, "invalid_cursor")]
    ForeignCursor,
    /// A cursor for the next page could not be made: a fault of ours.
    #[error("the end of a page could not be sealed into a cursor")]
    #[fault(Internal, "internal")]
    Unsealed,
}

impl StoreError {
    pub(crate) fn shape(key: &Key, source: serde_dynamo::Error) -> Self {
        Self::Shape { kind: key.kind(), source }
    }

    /// Sorts an SDK error into "try again" and "our fault".
    pub(crate) fn from_sdk<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Failure { verdict, code, detail } = Failure::of(error);
        match verdict {
            Verdict::Refused => Self::Refused { operation, code, detail },
            Verdict::Busy | Verdict::Away | Verdict::Open => Self::Unavailable { operation, code, detail },
        }
    }
}

/// A transaction was not committed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum CommitError {
    /// The state is not what the decision was based on. Nothing was written.
    #[error("the state changed meanwhile")]
    #[fault(Conflict, "conflict")]
    Conflict {
        /// The items whose conditions did not hold.
        failed: Vec<Key>,
    },
    /// The table could not be written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

impl CommitError {
    /// Whether the condition on this item did not hold.
    pub fn failed(&self, key: &Key) -> bool {
        matches!(self, Self::Conflict { failed } if failed.contains(key))
    }

    pub(crate) fn into_failed(self) -> Vec<Key> {
        match self {
            Self::Conflict { failed } => failed,
            Self::Store(_) => Vec::new(),
        }
    }

    /// Whether loading and deciding again may help. It does not when another has taken over the
    /// request itself, by its idempotency key.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { failed } if !failed.iter().any(|key| *key.about() == Idempotency::KIND))
    }
}
