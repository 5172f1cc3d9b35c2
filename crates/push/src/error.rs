use primitives::Fault;
use push_client::PushError;
use table::{CommitError, StoreError};

/// A device was not registered, listed or removed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum DeviceError {
    /// The device has changed since it was seen.
    #[error("the device is at version {current}, which is not the one that you expect")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// At which version it is.
        current: u64,
    },
    /// The push service did not take the token.
    #[error(transparent)]
    #[fault(transparent)]
    Push(#[from] PushError),
    /// The change could not be stored.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
    /// The table could not be read.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

/// An event was not turned into deliveries to its end. It is begun again where it stopped.
#[derive(Debug, thiserror::Error, Fault)]
pub enum FanOutError {
    /// The event's data does not have the shape that its name and version promise.
    #[error("the data of the event does not fit its name")]
    #[fault(Invalid, "malformed_event")]
    Malformed(#[source] serde_json::Error),
    /// The invocation's time is up.
    #[error("the time is up after {parts} parts; the rest follows with the next attempt")]
    #[fault(Unavailable, "out_of_time")]
    OutOfTime {
        /// How many parts are in the delivery queue.
        parts: u32,
    },
    /// The delivery queue did not take all messages.
    #[error("the delivery queue did not take {left} messages ({code})")]
    #[fault(Unavailable, "queue_unavailable")]
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
    #[fault(transparent)]
    Commit(#[from] CommitError),
    /// The table could not be read.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}

/// A part of a fan-out was not delivered to its end.
#[derive(Debug, thiserror::Error, Fault)]
pub enum DeliveryError {
    /// Another worker delivers this part at the moment.
    #[error("this part is being delivered by another worker")]
    #[fault(Unavailable, "in_flight")]
    InFlight,
    /// The invocation's time is up; the next attempt is about those who were not told.
    #[error("the time is up; the rest follows with the next attempt")]
    #[fault(Unavailable, "out_of_time")]
    OutOfTime,
    /// Some devices could not be told; the next attempt is about them alone.
    #[error("{failed} devices could not be told")]
    #[fault(transparent)]
    Incomplete {
        /// How many.
        failed: usize,
        /// What happened with the first of them.
        #[source]
        first: Box<DeviceError>,
    },
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
}
