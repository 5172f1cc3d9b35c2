//! HTTP function api-billing.
