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
    /// The event's data does not have the shape that its name and version promise.
    #[error("the data of the event does not fit its name: {0}")]
    Malformed(String),
    /// SES did not take a mail.
    #[error(transparent)]
    Send(#[from] SendError),
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
            Self::InFlight => FaultKind::Unavailable,
            Self::Malformed(_) => FaultKind::Invalid,
            Self::Send(error) => error.kind(),
            Self::Secret(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Malformed(_) => "malformed_event",
            Self::Send(error) => error.code(),
            Self::Secret(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}
