//! The events of push notifications: the devices that are reached.

use primitives::{DeviceId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

events::events! {
    /// A device of a person can be reached by push notifications.
    "device.registered" DeviceRegistered Internal {
        /// The device.
        device_id: DeviceId = "dev_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Whose it is.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// The service that reaches it.
        platform: DevicePlatform = "apns",
    }
    /// A device is no longer reached. After its session has ended nothing reaches it any more; this
    /// event follows when something is about to be sent to it.
    "device.removed" DeviceRemoved Internal {
        /// The device.
        device_id: DeviceId = "dev_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Whose it was.
        user_id: UserId = "usr_01kar8h5g0e0vsx4q1v3f6m2ah",
        /// Why: `signed_out` when its person removed it or its session ended, `replaced`, or
        /// `endpoint_disabled` when the push service said that the app is gone.
        reason: String = "endpoint_disabled",
    }
}

/// The service that carries notifications to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DevicePlatform {
    /// Apple Push Notification service.
    Apns,
    /// Firebase Cloud Messaging.
    Fcm,
}
