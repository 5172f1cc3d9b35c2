use primitives::{Fault, FaultKind};
use push_client::PushError;
use table::{CommitError, StoreError};

/// A device was not registered, listed or removed.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The push service did not take the token.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The change could not be stored.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The table could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for DeviceError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Push(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Push(error) => error.code(),
            Self::Commit(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Push(error) => error.retry_after(),
            Self::Commit(error) => error.retry_after(),
            Self::Store(error) => error.retry_after(),
        }
    }
}

/// An event was not turned into deliveries to its end. It is begun again where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum FanOutError {
    /// The invocation's time is up.
    #[error("the time is up after {parts} parts; the rest follows with the next attempt")]
    OutOfTime {
        /// How many parts are in the delivery queue.
        parts: u32,
    },
    /// The delivery queue did not take all messages.
    #[error("the delivery queue did not take {left} messages ({code})")]
    Queue {
        /// How many it did not take.
        left: usize,
        /// The queue's name for the error, or how the call failed.
        code: String,
        /// Everything that is known, for the log.
        detail: String,
    },
    /// The progress could not be stored.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The table could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for FanOutError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::OutOfTime { .. } | Self::Queue { .. } => FaultKind::Unavailable,
            Self::Commit(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::OutOfTime { .. } => "out_of_time",
            Self::Queue { .. } => "queue_unavailable",
            Self::Commit(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// A part of a fan-out was not delivered to its end.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Another worker delivers this part at the moment.
    #[error("this part is being delivered by another worker")]
    InFlight,
    /// The invocation's time is up; the next attempt is about those who were not told.
    #[error("the time is up; the rest follows with the next attempt")]
    OutOfTime,
    /// Some devices could not be told; the next attempt is about them alone.
    #[error("{failed} devices could not be told")]
    Incomplete {
        /// How many.
        failed: usize,
        /// What happened with the first of them.
        #[source]
        first: Box<DeviceError>,
    },
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for DeliveryError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::InFlight | Self::OutOfTime => FaultKind::Unavailable,
            Self::Incomplete { first, .. } => first.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::OutOfTime => "out_of_time",
            Self::Incomplete { first, .. } => first.code(),
            Self::Store(error) => error.code(),
        }
    }
}
