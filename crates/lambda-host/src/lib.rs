//! What a function has around its own code: configuration, telemetry, AWS clients, and the shapes
//! of invocation: queue, table stream, schedule, rotation of a secret, command. HTTP is
//! `http-host`'s, which builds on this crate: a worker links neither HTTP nor JWT.
//!
//! The only crate that reads the environment, and with `functions/*` the only one that knows
//! Lambda. A function is a value ([`Function`]): the same one runs in Lambda, in the local cloud
//! and in tests, always on the real JSON event.

mod bus;
mod clients;
mod command;
mod connections;
mod environment;
mod function;
mod host;
mod metrics;
mod queue;
mod rotation;
mod schedule;
mod secrets;
mod stream;
mod telemetry;

pub use aws_sdk_dynamodb::config::SharedHttpClient;
pub use bus::{Bus, Outgoing, Sent};
pub use clients::LONGEST_SEND;
pub use environment::{ConfigurationError, Environment, Stage};
pub use function::{Function, run, trace_header};
pub use host::Host;
pub use lambda_runtime::{Context, Error, LambdaEvent};
pub use queue::Intake;
pub use rotation::{RotationEvent, RotationStep};
pub use secrets::{Rotating, SecretError, key};
pub use stream::{Record, StreamOutcome};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[SecretError::CODES];
