//! HTTP function api-devices.
