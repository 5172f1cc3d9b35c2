//! Signing in with an account at an identity provider: what somebody is sent there with and comes back with,
//! whose account it is, and what a person does with theirs.

mod accounts;
mod attempt;
mod sign_in;
mod sso;
mod stored;

pub use accounts::{connected_accounts, link_account, linked_before, remove_connected_account};
pub use attempt::{OAuthKey, OpenedOAuth, Purpose, SSO, StartedOAuth, open_oauth, start_oauth};
pub use sign_in::{repeated_oauth, sign_in_with_oauth};
pub use sso::{SsoComer, enter_by_sso};
pub use stored::External;

pub(crate) use accounts::without_account;
