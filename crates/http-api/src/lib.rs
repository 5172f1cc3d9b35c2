//! The HTTP edge: everything between API Gateway and a handler's own code.
//!
//! Owns problem documents, extractors, limits, idempotency keys, headers and the `OpenAPI` conventions. It
//! must not know Lambda, nor any domain: who a token stands for is asked through [`Authenticate`].

mod addresses;
mod answer;
mod body;
mod cached;
mod caller;
mod change;
mod cloud_events;
mod described;
mod edge;
mod etag;
mod fields;
mod form;
mod idempotency;
mod limits;
mod middleware;
mod needs;
mod openapi;
mod paged;
mod preconditions;
mod problem;
mod program;
mod refusal;
mod staff;
mod wrapped;

pub use addresses::{Addresses, InvalidAddresses, StaffEntry};
pub use answer::Answer;
pub use body::{BODY_LIMIT, Command, PathParameter, PathParameters, RawBody, Repeatable};
pub use cached::Cached;
pub use caller::{
    Caller, Client, Departing, Enrolling, Fresh, HalfSession, InPerson, Looking, Malformed, Member, Peer,
};
pub use change::Change;
pub use cloud_events::{CloudEvent, CloudEvents};
pub use edge::{Authenticate, AuthenticateKey, Edge, EdgeSettings};
pub use form::Form;
pub use limits::Limiter;
pub use middleware::SECURITY_HEADERS;
pub use needs::{NEEDS, Needs, needing};
pub use openapi::Problems;
pub use paged::{Paged, Searched};
pub use preconditions::IfMatch;
pub use problem::{FieldError, Problem, ProblemDocument, answer, not_found, title};
pub use program::{MemberOrKey, Program};
pub use staff::Staff;

pub use axum::{
    self,
    extract::State,
    response::{IntoResponse, Response},
};
pub use http::{self, StatusCode};
pub use utoipa::ToSchema;
pub use utoipa_axum::{self, router::OpenApiRouter};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[refusal::Refusal::CODES];
