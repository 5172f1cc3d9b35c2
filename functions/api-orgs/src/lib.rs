//! HTTP function api-orgs.
