//! The kinds of items of push notifications.

use primitives::{DeviceId, EventId, UserId};

table::kinds! {
    /// A device of a person. Written by register, remove, and push delivery (when it is gone, or
    /// its session has ended); read by register, list, remove, push delivery.
    "device" Device(user: UserId; device: DeviceId) "DEVICE#<user>" "DEVICE#<device>" {
        store: Main, most_kb: 2, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Which devices a person has, at most 20: a roster. Written and read by register, remove, push
    /// delivery.
    "devices" Devices(user: UserId;) "DEVICE#<user>" "DEVICES" {
        store: Main, most_kb: 2, kept: ForGood, owner: Person, erased: Partition,
    }
    /// Which device a push token is, by the token's hash: keeps tokens unique. Written and read by
    /// register, remove, push delivery.
    "device_token" DeviceToken(hash: String;) "DEVICE_TOKEN#<hash>" "DEVICE_TOKEN" {
        store: Main, most_kb: 1, kept: Until("a day after no device holds the token any more"),
        owner: Person, erased: NamedIn("device"),
    }
    /// How far the fan-out of one event has come. Written and read by `queue-push-fanout`.
    "fan_out" FanOut(event: EventId;) "PUSH#<event>" "FAN_OUT" {
        store: Traffic, most_kb: 1, kept: Days(30, "30 days"), owner: Nobody, erased: Expires,
    }
    /// That one part of a fan-out was delivered. Written and read by `queue-push-delivery`.
    "push_delivery" PushDelivery(event: EventId; part: String) "PUSH#<event>" "DELIVERY#<part>" {
        store: Traffic, most_kb: 24, kept: Days(30, "30 days"), owner: Nobody, erased: Expires,
    }
}
