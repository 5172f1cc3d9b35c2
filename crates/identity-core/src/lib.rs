//! What is stored of people and their sessions, what a request is allowed by, and what a magic link is
//! proved with.
//!
//! What workers need of identity: whether a session still lives, the link in a mail. It must not know the
//! tokens of sessions, nor link what makes them (JWT): that is `identity`, which builds on this crate.

mod address_hash;
mod api_key;
mod bearer;
mod browser;
mod connected;
mod device;
mod device_link;
mod email_change;
mod erasure;
pub mod events;
mod half;
mod impersonation;
mod key;
pub mod key_text;
pub mod keys;
mod link;
mod live;
mod membership;
mod password;
mod phone;
mod policy;
pub mod sealed;
mod session;
mod sso;
mod suppression;
pub mod suspension;
mod user;

pub use address_hash::{AddressHash, InvalidAddressHash, SuppressionReason};
pub use api_key::{ApiKey, MOST_API_KEYS, MadeKeys, ShownKey};
pub use bearer::{Bearer, Borne, HALF_SESSION_TOKEN};
pub use browser::{MOST_TRUSTED_BROWSERS, ShownBrowser, TrustedBrowser, TrustedBrowsers};
pub use connected::{ConnectedAccount, ConnectedAccounts, MOST_CONNECTED_ACCOUNTS, OAuthOwner};
pub use device::{Device, KnownDevice};
pub use device_link::{DeviceLink, ShownLink, SignedInTo};
pub use email_change::{ChangeState, EmailChange};
pub use erasure::{addresses, begin_erasure, empty, end_erasure};
pub use half::{HalfSession, ShownHalf, Used};
pub use impersonation::{Impersonation, InTheName};
pub use key::{derive, mac, same};
pub use link::{ChangeStep, InviteProof, LinkKey};
pub use live::live_sessions;
pub use membership::{KnownIn, Membership, known_in, memberships};
pub use password::{PasswordHash, PasswordReset};
pub use phone::{Phone, SmsCode, SmsPlace};
pub use policy::Policy;
pub use session::{MailCode, Method, Session};
pub use sso::{SsoLink, SsoSubject};
pub use suppression::{
    ListedSuppression, MailSuppression, Suppressed, lift_suppression, list_suppressed, mail_suppression,
    note_undelivered, suppressed, suppression_lifted,
};
pub use user::{EmailOwner, Life, MOST_PASSKEYS, MOST_SESSIONS, User, sessions_of};

use primitives::SignedDuration;

/// For how long a request that comes once more is answered as before, since its answer was lost. A function
/// may use its whole ten seconds before it says that it was cut off, and clients pause before they repeat.
pub const REPEATED: SignedDuration = SignedDuration::from_secs(60);
