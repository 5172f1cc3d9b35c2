//! The whole cloud in one process, from `template.yaml`.
//!
//! [`Cloud::start`] reads the template and runs it: the REST API, an embedded DynamoDB with its
//! stream, an event bus, queues with dead letters, schedules on a virtual clock, mail, SMS and push
//! captured, and a small fake Stripe. Functions are values from a [`Registry`]; only the wire
//! between them and AWS is imitated, so the real SDK clients and the real event JSON are used
//! throughout.
//!
//! Many clouds can live in one process, each on ports of its own, which is how the system tests use
//! it.

#![recursion_limit = "256"]

mod api;
mod aws;
mod client;
mod clock;
mod cloud;
mod demo;
mod dns;
mod engine;
mod folder;
mod front;
mod function;
pub mod functions;
mod issuer;
mod page;
mod pattern;
mod ports;
mod same_site;
mod scim;
mod state;
mod stripe;
mod table;
mod tasks;
pub mod template;

pub use clock::VirtualClock;
pub use cloud::{Cloud, Options, StartError};
pub use demo::{Demo, DemoInvite, DemoKey, DemoOrganization, DemoPerson, Seeded};
pub use dns::{DnsFailure, DnsName};
pub use engine::{Advance, FunctionStatistics, Invocation, InvocationLog, InvokeError, LogLine};
pub use function::{Builder, Environment, Function, Registry, Setting};
pub use pattern::{Pattern, PatternError};
pub use ports::Ports;
pub use state::{
    BusEvent, CAPTURE_LIMIT, Counts, Fifo, Mail, Message, Notification, PlatformEndpoint, Push, Queue,
    ScheduleState, Secret, SecretVersion, State, TextMessage,
};
pub use stripe::StripeState;
