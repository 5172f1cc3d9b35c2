use primitives::{Fault, FieldCode, Invalid};
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
    /// There is no such thing in the organization.
    #[error("there is nothing here")]
    #[fault(NotFound, "not_found")]
    NotThere,
    /// There is a subscription, or one is just beginning.
    #[error("this organization has a subscription; change that one")]
    #[fault(Conflict, "already_subscribed")]
    AlreadySubscribed,
    /// The trial was extended as often as may be.
    #[error("this trial was extended as often as may be")]
    #[fault(Conflict, "trial_extension_limit")]
    TrialExtensionLimit,
    /// There is no subscription that lives.
    #[error("this organization has no subscription")]
    #[fault(Conflict, "no_subscription")]
    NoSubscription,
    /// It has ended, and does not go on.
    #[error("this subscription has ended; begin another one")]
    #[fault(Conflict, "subscription_ended")]
    SubscriptionEnded,
    /// Nobody is known at Stripe who pays.
    #[error("nobody pays for this organization yet; subscribe first")]
    #[fault(Conflict, "no_customer")]
    NoCustomer,
    /// More people are there, or invited, than the plan has seats for.
    #[error("the plan {plan} is for {most} people, and {used} are here or invited; take some out first")]
    #[fault(Conflict, "too_many_seats")]
    TooManySeats {
        /// The plan's name for people.
        plan: &'static str,
        /// For how many people it is.
        most: u32,
        /// How many there are.
        used: u32,
    },
    /// What has to be paid was not.
    #[error("the payment was refused; try another means of payment")]
    #[fault(Unpaid, "payment_failed")]
    PaymentFailed,
    /// Nobody has paid yet.
    #[error("this is not paid yet; finish the payment first")]
    #[fault(Conflict, "payment_incomplete")]
    PaymentIncomplete,
    /// No such code is in use.
    #[error("no promotion of this code is running")]
    #[fault(Invalid, "invalid_request")]
    UnknownPromotionCode,
    /// Nobody sells that.
    #[error("there is no plan of this name for this interval")]
    #[fault(Invalid, "invalid_request")]
    UnknownPlan,
    /// It is no id of this kind.
    #[error("no tax id of this kind is written like that")]
    #[fault(Invalid, "invalid_request")]
    InvalidTaxId,
    /// The list does not go on behind this.
    #[error("this cursor is of another list, or of none")]
    #[fault(Invalid, "invalid_cursor")]
    InvalidCursor,
    /// Stripe refuses what we ask for, or answers what cannot be read: people have to look at it.
    #[error("the payment service does not do what we ask of it: {0}")]
    #[fault(Unavailable, "upstream_unavailable")]
    Upstream(String),
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

impl BillingError {
    /// What a failed call to Stripe means to whoever asked for it. Whatever Stripe refuses for good is no
    /// fault of the caller's, but for money that is not there: a price that was never made, a key that may
    /// not do this. It is logged under a word of its own.
    pub(crate) fn of_call(error: StripeError) -> Self {
        match error {
            StripeError::Refused { status: 402, .. } => Self::PaymentFailed,
            StripeError::Refused { .. } | StripeError::Unreadable(_) | StripeError::Request(_) => {
                tracing::error!(
                    code = "stripe_refused",
                    error = &error as &dyn std::error::Error,
                    "a call to Stripe"
                );
                Self::Upstream(error.to_string())
            }
            StripeError::Unavailable { .. } | StripeError::Unreachable(_) | StripeError::TimedOut => {
                Self::Stripe(error)
            }
        }
    }

    /// Whether the same call would meet the same again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::PaymentFailed | Self::Upstream(_) | Self::AlreadySubscribed)
    }
}

impl Invalid for BillingError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::UnknownPromotionCode | Self::UnknownPlan => FieldCode::UnknownValue,
            Self::InvalidTaxId => FieldCode::InvalidTaxId,
            _ => FieldCode::InvalidFormat,
        }
    }
}

impl From<CommitError> for BillingError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Self::Contended,
            CommitError::Store(error) => Self::Store(error),
        }
    }
}
