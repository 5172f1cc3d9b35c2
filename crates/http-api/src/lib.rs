//! The HTTP edge: everything between API Gateway and a handler's own code.
//!
//! Owns problem documents, extractors, limits, idempotency keys, headers and the `OpenAPI` conventions. It must not know
//! Lambda, nor any domain: who a token stands for is asked through [`Authenticate`].

mod body;
mod caller;
mod edge;
mod idempotency;
mod limits;
mod middleware;
mod openapi;
mod problem;

pub use body::{BODY_LIMIT, Command, Parameters, RawBody, parses};
pub use caller::{Caller, Client, Member, Peer};
pub use edge::{Authenticate, Edge, EdgeSettings};
pub use idempotency::Answer;
pub use limits::Limiter;
pub use openapi::Problems;
pub use problem::{FieldError, Problem, ProblemDocument, not_found};

pub use axum::{
    self,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
pub use http::{self, StatusCode};
pub use utoipa::ToSchema;
pub use utoipa_axum::{router::OpenApiRouter, routes};
