use email_client::SendError;
use lambda_host::SecretError;
use primitives::{Fault, FaultKind};
use table::StoreError;

/// An event's mails were not all sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// Another worker sends them at the moment.
    #[error("the mails of this event are being sent by another worker")]
    InFlight,
    /// The invocation's time is up.
    #[error("the time is up; the rest follows with the next attempt")]
    OutOfTime,
    /// SES takes no more at the moment.
    #[error("the mail service takes no more mails at the moment")]
    Throttled {
        /// When it is worth another attempt, seconds.
        retry_after: u64,
    },
    /// The event's data does not have the shape that its name and version promise.
    #[error("the data of the event does not fit its name: {0}")]
    Malformed(String),
    /// The event is about what the table does not know: it did not come from the table.
    #[error("the event is not about what is in the table: {0}")]
    Foreign(&'static str),
    /// The organization has nobody to write to, as far as the index knows.
    #[error("no owner is found")]
    NoOwner,
    /// Some mails could not be sent; the next attempt is about them alone.
    #[error("{failed} mails could not be sent")]
    Incomplete {
        /// How many.
        failed: usize,
        /// What happened with the first of them.
        #[source]
        first: SendError,
    },
    /// The key of magic links could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for MailError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::InFlight | Self::OutOfTime | Self::NoOwner => FaultKind::Unavailable,
            Self::Throttled { .. } => FaultKind::Limited,
            Self::Malformed(_) | Self::Foreign(_) => FaultKind::Invalid,
            Self::Incomplete { first, .. } => first.kind(),
            Self::Secret(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::OutOfTime => "out_of_time",
            Self::Throttled { .. } => "mail_throttled",
            Self::Malformed(_) => "malformed_event",
            Self::Foreign(_) => "foreign_event",
            Self::NoOwner => "no_owner",
            Self::Incomplete { first, .. } => first.code(),
            Self::Secret(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// When the message comes again after its first receive; later after each further one.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::OutOfTime => Some(1),
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::NoOwner | Self::Secret(_) | Self::Store(_) => Some(2),
            Self::InFlight | Self::Incomplete { .. } => Some(5),
            Self::Malformed(_) | Self::Foreign(_) => None,
        }
    }
}
