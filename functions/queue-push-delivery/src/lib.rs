//! Event function queue-push-delivery.
