//! Passwords: what one may be ([`Password`]), how it is kept, and what is done with it.

mod hash;
mod operations;
mod rules;

pub(crate) use hash::verify;
pub use operations::{
    PasswordAttempt, PasswordLogin, RequestedReset, register, remove_password, request_reset, reset_password,
    set_password, sign_in_with_password,
};
pub use rules::{InvalidPassword, Password};
