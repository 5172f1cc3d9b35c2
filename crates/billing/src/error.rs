use primitives::Fault;
use stripe_client::StripeError;
use table::{CommitError, StoreError};

/// An operation on an organization's account did not succeed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum BillingError {
    /// The organization has no account.
    #[error("there is no subscription here")]
    #[fault(NotFound, "not_found")]
    NoAccount,
    /// There is a subscription that nobody has cancelled.
    #[error("this organization has a subscription that goes on; cancel it first")]
    #[fault(Conflict, "subscription_active")]
    SubscriptionActive,
    /// The account changed under our hands again and again.
    #[error("the account is being changed by others; try again")]
    #[fault(Unavailable, "unavailable", retry_after = 1)]
    Contended,
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// Stripe, which has to be asked, gave no usable answer.
    #[error(transparent)]
    #[fault(transparent)]
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
