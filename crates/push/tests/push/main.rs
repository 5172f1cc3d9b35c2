//! Devices and fan-out on a real engine, with services beside it that speak AWS's protocols.
#![expect(clippy::unwrap_used, reason = "tests")]

mod devices;
mod fan_out;
mod support;
