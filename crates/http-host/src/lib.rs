//! Functions behind API Gateway: what they have around `http-api` in Lambda.
//!
//! Joins the edge of HTTP with who a token stands for, and reads the gateway's events. Only
//! functions that answer HTTP use it; what every function has is `lambda-host`'s.

mod event;
mod function;
mod host;
mod passkeys;

pub use function::function;
pub use host::HttpHost;
pub use passkeys::PasskeyOptions;
