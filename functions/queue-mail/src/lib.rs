//! Event function queue-mail.
