//! Devices and fan-out on a real engine, with services beside it that speak AWS's protocols.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::large_futures, reason = "an operation is dropped where it stands, whole")]

mod devices;
mod fan_out;
mod support;
