//! Passkeys (Web Authentication, Level 3): the rules of what is offered and taken, and what is done with it.

mod ceremony;
mod credential;
mod own;
mod relying_party;
mod second;
mod sign_in;
mod stored;

pub use ceremony::{OpenedCeremony, open_ceremony};
pub use credential::{Assertion, Attestation, InvalidCredential};
pub use own::{
    ShownPasskey, add_passkey, passkeys, remove_passkey, rename_passkey, start_passkey_registration,
};
pub use relying_party::{InvalidRelyingParty, PasskeyOptions, RelyingParty};
pub use second::{PasskeyProof, start_second_passkey};
pub use sign_in::{sign_in_with_passkey, start_passkey_sign_in};

pub(crate) use ceremony::Purpose;
pub(crate) use own::without_passkey;
pub(crate) use second::Shelf;
pub(crate) use sign_in::{noting_reversal, of_person};
pub(crate) use stored::Passkey;
