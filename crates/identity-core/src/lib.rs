//! What is stored of people and their sessions, and what a magic link is proved with.
//!
//! What workers need of identity: whether a session still lives, the link in a mail. It must not know the
//! tokens of sessions, nor link what makes them (JWT): that is `identity`, which builds on this crate.

mod key;
mod link;
mod live;
mod policy;
mod session;
mod user;

pub use key::{derive, mac, same};
pub use link::LinkKey;
pub use live::live_sessions;
pub use policy::Policy;
pub use session::Session;
pub use user::{EmailOwner, Life, MOST_SESSIONS, MembershipSummary, User, memberships, of_user, sessions_of};
