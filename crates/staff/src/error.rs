use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum StaffError {
    /// The account is one that only an operator acts on, or one's own, on which nobody does.
    #[error("this is the account of one of the staff: only an operator acts on it, and nobody on their own")]
    #[fault(Conflict, "staff_target")]
    Target,
    /// Somebody has to be an operator.
    #[error("this is the last operator; make somebody else one first")]
    #[fault(Conflict, "last_operator")]
    LastOperator,
    /// There are as many operators as there may be.
    #[error("there are {most} operators, which is the most; give one of them another role first")]
    #[fault(Conflict, "conflict")]
    TooManyOperators {
        /// How many.
        most: usize,
    },
    /// Nobody acts in somebody's name for so long.
    #[error("use 1 to {most} minutes")]
    #[fault(Invalid, "invalid_request")]
    Minutes {
        /// The longest.
        most: u8,
    },
    /// The ticket says nothing.
    #[error("say where more is said about it, in characters that are seen")]
    #[fault(Invalid, "invalid_request")]
    Ticket,
    /// The person is not there.
    #[error("there is no such person")]
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

/// Where it is about one part of a request.
impl Invalid for StaffError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::Ticket => FieldCode::TooShort,
            _ => FieldCode::OutOfRange,
        }
    }
}
