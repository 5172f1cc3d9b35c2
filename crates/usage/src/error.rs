use primitives::{Fault, FieldCode, Invalid, Time};
use stripe_client::StripeError;
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum UsageError {
    /// So much is not left.
    #[error("so much of {meter} is not left: {free} are; more come {resets_at}, or with a larger plan")]
    #[fault(Unpaid, "quota_exceeded")]
    QuotaExceeded {
        /// Which meter.
        meter: &'static str,
        /// How much is left.
        free: u64,
        /// When the next month begins.
        resets_at: Time,
    },
    /// Too many reservations are open at once.
    #[error("too many reservations are open; settle or release some, or wait until they expire")]
    #[fault(Limited, "too_many_at_once", retry_after = 5)]
    TooManyAtOnce,
    /// It is settled or released.
    #[error("the reservation is closed already, in another way")]
    #[fault(Conflict, "reservation_closed")]
    Closed,
    /// Its time is over, and what it had set aside is free again.
    #[error("the reservation has expired: what it had set aside is free again")]
    #[fault(Conflict, "reservation_expired", status = 410)]
    Expired,
    /// It is not there, or another's.
    #[error("there is no such reservation")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// No meter has this name, or none of which anything can be set aside.
    #[error("there is no such meter, or none that can be reserved of")]
    #[fault(Invalid, "invalid_request")]
    UnknownMeter,
    /// More is said to be used than was set aside.
    #[error("it is more than the {reserved} that were reserved; report what was used beyond as an event")]
    #[fault(Invalid, "invalid_request")]
    MoreThanReserved {
        /// How much was set aside.
        reserved: u64,
    },
    /// What is asked for is too long, or ends before it begins.
    #[error("ask for at most {most} {window}s, and for an end behind the beginning")]
    #[fault(Invalid, "invalid_request")]
    Range {
        /// How many of them.
        most: i64,
        /// Of what.
        window: &'static str,
    },
    /// Nobody knows whether Stripe was told something.
    #[error(
        "whether Stripe was told {identifier} is not known any more: compare the meter's events there, and delete `pending` of the item or the item"
    )]
    #[fault(Internal, "internal")]
    Untold {
        /// What Stripe would know it by.
        identifier: String,
    },
    /// How Stripe is told could not be found out.
    #[error("the account at Stripe cannot be read: {0}")]
    #[fault(Unavailable, "unavailable")]
    NoAccount(Box<dyn std::error::Error + Send + Sync>),
    /// Stripe could not be told.
    #[error(transparent)]
    #[fault(transparent)]
    Stripe(#[from] StripeError),
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

impl Invalid for UsageError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::UnknownMeter => FieldCode::UnknownMeter,
            _ => FieldCode::OutOfRange,
        }
    }
}
