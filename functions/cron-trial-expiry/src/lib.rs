//! Event function cron-trial-expiry.
