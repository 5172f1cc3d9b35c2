//! Event function stream-outbox.
