//! Functions behind API Gateway: what they have around `http-api` in Lambda.
//!
//! Joins the edge of HTTP with who a token stands for and what a new one is made with, and reads the
//! gateway's events. Only
//! functions that answer HTTP use it; what every function has is `lambda-host`'s.

mod event;
mod function;
mod host;
mod issuers;
mod mail;
mod passkeys;
mod sign_in;
mod sms;

pub use function::function;
pub use host::HttpHost;
pub use issuers::Issuers;
pub use mail::{MagicLinkRequested, admit_mail};
pub use passkeys::{AuthenticationCredential, PasskeyOptions, RegistrationCredential};
pub use sign_in::{Challenge, Method, SignIn, SignInStatus, Tokens};
pub use sms::{admit_sms, is_right_sms};
