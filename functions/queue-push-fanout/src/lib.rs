//! Event function queue-push-fanout.
