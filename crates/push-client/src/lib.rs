//! Push notifications through SNS platform endpoints.
