//! People, magic links and sessions.
//!
//! Owns how a person proves who they are, and what a session's tokens are. What is stored of people and
//! sessions is `identity-core`'s, for workers that must not link what tokens take. It must not know HTTP, nor
//! what an organization is beyond the few facts about a membership that decide whether a token still stands.

mod account;
mod attempt;
mod authority;
mod browsers;
mod code;
mod deletion;
mod device_link;
mod email_change;
mod entry;
mod error;
mod failure;
mod history;
mod impersonation;
mod login;
mod mfa;
mod oauth;
mod passkeys;
mod password;
mod phone;
mod profile;
mod proof;
mod sealed;
mod session;
mod session_key;
mod sessions;
mod signer;
mod signing;
mod started;
mod step_up;
mod switch;
mod token;
mod voiding;

pub use account::{Account, FactorRef, NoFactor, people, people_with_email, person_with_email};
pub use authority::{Authority, Live};
pub use browsers::{remove_trusted_browser, trusted_browsers};
pub use code::{Code, InvalidCode};
pub use deletion::{refused_to_staff, request_deletion, restore};
pub use device_link::{StartedLink, redeem_device_link, start_device_link};
pub use email_change::{
    ChangeOutcome, MOST_ITEMS_OF_UNDO, Readdressing, cancel_email_change, confirm_email_change,
    open_change_link, request_email_change, undo_email_change,
};
pub use entry::{Challenge, Entrance, Home, Missing, SignedIn};
pub use error::{AuthenticationError, IdentityError};
pub use failure::{FailedLogin, Guessed, note_failure};
pub use history::{LoginHistory, login_history};
pub use identity_core::Impersonation;
pub use identity_core::{
    ChangeState, ChangeStep, ConnectedAccount, EmailChange, LinkKey, Membership, Method, Policy, Session,
    ShownBrowser, ShownHalf, TrustedBrowser, User, events, keys, live_sessions, memberships, suspension,
};
pub use impersonation::{
    Begun, ImpersonationAsked, ImpersonationFilter, begin_impersonation, end_impersonation, impersonation,
};
pub use login::{RequestedLogin, request_login, verify_login};
pub use mfa::{
    Confirmation, ConfirmedFactor, Enroller, Factors, InvalidRecoveryCode, RecoveryCode, SealKey,
    SecondAttempt, SecondProof, StartedFactor, StepUp, challenge, complete_sign_in, confirm_factor,
    factor_required_by, factors, generate_recovery_codes, remove_factor, start_factor, step_up,
    verify_second_factor,
};
pub use oauth::{
    External, OAuthKey, OpenedOAuth, Purpose, SSO, SsoComer, StartedOAuth, connected_accounts, enter_by_sso,
    link_account, linked_before, open_oauth, remove_connected_account, repeated_oauth, sign_in_with_oauth,
    start_oauth,
};
pub use passkeys::{
    Assertion, Attestation, InvalidCredential, InvalidRelyingParty, OpenedCeremony, PasskeyOptions,
    PasskeyProof, RelyingParty, ShownPasskey, add_passkey, open_ceremony, passkeys, remove_passkey,
    rename_passkey, sign_in_with_passkey, start_passkey_registration, start_passkey_sign_in,
    start_second_passkey,
};
pub use password::{
    InvalidPassword, Password, PasswordAttempt, PasswordLogin, RequestedReset, register, remove_password,
    request_reset, reset_password, set_password, sign_in_with_password,
};
pub use phone::{
    CodeSent, Compared, Countries, InvalidPhone, SmsProof, SmsRequest, SmsStep, confirm_sms_factor,
    mobile_number, remove_phone, verify_phone,
};
pub use profile::update_profile;
pub use proof::{OpenedProof, Proof, open_proof};
pub use session::{Issuer, SessionTokens, refresh, sign_out};
pub use session_key::SessionKey;
pub use sessions::{Scope, end_session, end_sessions, sessions};
pub use signing::{KEY_SET_MAX_AGE, PublicKey, SIGNER_LOOKS_EVERY, SigningKeys, publish_signing_key};
pub use step_up::{FirstProof, FirstStepUp, StepUpOffer, step_up_first};
pub use switch::switch_org;
pub use token::{Act, Claims};

use primitives::{Fault, FaultCode};

/// The codes of this crate's errors.
pub const FAULTS: &[&[FaultCode]] = &[AuthenticationError::CODES, IdentityError::CODES];
