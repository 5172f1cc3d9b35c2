use email_client::{SendError, TextError};
use lambda_host::SecretError;
use primitives::Fault;
use push_client::TextSendError;
use table::StoreError;

/// An event's mails were not all sent.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum MailError {
    /// Another worker sends them at the moment.
    #[error("the mails of this event are being sent by another worker")]
    #[fault(Unavailable, "in_flight", retry_after = 5)]
    InFlight,
    /// The invocation's time is up.
    #[error("the time is up; the rest follows with the next attempt")]
    #[fault(Unavailable, "out_of_time", retry_after = 1)]
    OutOfTime,
    /// SES takes no more at the moment.
    #[error("the mail service takes no more mails at the moment")]
    #[fault(Limited, "mail_throttled", retry_after = *retry_after)]
    Throttled {
        /// When it is worth another attempt, seconds.
        retry_after: u64,
    },
    /// The event's data does not have the shape that its name and version promise.
    #[error("the data of the event does not fit its name: {0}")]
    #[fault(Invalid, "malformed_event")]
    Malformed(String),
    /// The event's data lacks what the mail says of it.
    #[error(transparent)]
    #[fault(Invalid, "malformed_event")]
    Text(#[from] TextError),
    /// The event is about what the table does not know: it did not come from the table.
    #[error("the event is not about what is in the table: {0}")]
    #[fault(Invalid, "foreign_event")]
    Foreign(&'static str),
    /// The organization has nobody to write to, as far as the index knows.
    #[error("no owner is found")]
    #[fault(Unavailable, "no_owner", retry_after = 2)]
    NoOwner,
    /// Some mails could not be sent; the next attempt is about them alone.
    #[error("{failed} mails could not be sent")]
    #[fault(transparent, retry_after = 5)]
    Incomplete {
        /// How many.
        failed: usize,
        /// What happened with the first of them.
        #[source]
        first: SendError,
    },
    /// A code could not be sent to a phone.
    #[error("a code could not be sent to a phone")]
    #[fault(Unavailable, "sms_unsent", retry_after = 2)]
    Phone {
        /// What happened.
        source: TextSendError,
    },
    /// The key of magic links could not be had.
    #[error(transparent)]
    #[fault(transparent, retry_after = 2)]
    Secret(#[from] SecretError),
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent, retry_after = 2)]
    Store(#[from] StoreError),
}
