//! Push devices and the fan-out of notifications.
