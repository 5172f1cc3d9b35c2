//! HTTP function api-auth.
