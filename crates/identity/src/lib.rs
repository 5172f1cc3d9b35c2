//! People, magic links and sessions.
//!
//! Owns who a person is, how they prove it, and what a session's tokens are. It must not know HTTP, nor what an
//! organization is beyond the few facts about a membership that decide whether a token still stands.

mod authority;
mod code;
mod error;
mod history;
mod key;
mod link;
mod live;
mod login;
mod policy;
mod proof;
mod session;
mod signing;
mod token;
mod user;

pub use authority::Authority;
pub use code::{Code, InvalidCode};
pub use error::{AuthenticationError, IdentityError};
pub use history::{LoginHistory, login_history};
pub use link::LinkKey;
pub use live::live_sessions;
pub use login::{RequestedLogin, request_login, verify_login};
pub use policy::Policy;
pub use proof::{OpenedProof, Proof, open_proof};
pub use session::{Issuer, Session, SessionKey, SessionTokens, refresh, sign_out, switch_org};
pub use signing::{KEY_SET_MAX_AGE, PublicKey, SIGNER_LOOKS_EVERY, SigningKeys, publish_signing_key};
pub use token::Claims;
pub use user::{MembershipSummary, User, memberships};
