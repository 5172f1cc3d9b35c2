use primitives::{Fault, FaultKind};
use stripe_client::StripeError;
use table::{CommitError, StoreError};

/// An operation on an organization's account did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// The organization has no account.
    #[error("there is no subscription here")]
    NoAccount,
    /// The account changed under our hands again and again.
    #[error("the account is being changed by others; try again")]
    Contended,
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stripe, which has to be asked, gave no usable answer.
    #[error(transparent)]
    Stripe(#[from] StripeError),
}

impl From<CommitError> for BillingError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Contended,
            CommitError::Store(error) => Self::Store(error),
        }
    }
}

impl Fault for BillingError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoAccount => FaultKind::NotFound,
            Self::Contended => FaultKind::Unavailable,
            Self::Store(error) => error.kind(),
            Self::Stripe(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoAccount => "not_found",
            Self::Contended => "unavailable",
            Self::Store(error) => error.code(),
            Self::Stripe(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Contended => Some(1),
            Self::Store(error) => error.retry_after(),
            Self::Stripe(error) => error.retry_after(),
            Self::NoAccount => None,
        }
    }
}
