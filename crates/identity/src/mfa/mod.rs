//! Second factors: codes of an authenticator app, recovery codes, and what is done with them.

mod enrollment;
mod proof;
mod recovery;
mod seal;
mod stored;
mod totp;

pub use enrollment::{
    Confirmation, ConfirmedFactor, Enroller, Factors, StartedFactor, confirm_factor, factor_required_by,
    factors, generate_recovery_codes, remove_factor, start_factor,
};
pub use proof::{
    SecondAttempt, SecondProof, StepUp, challenge, complete_sign_in, step_up, verify_second_factor,
};
pub use recovery::{InvalidRecoveryCode, RecoveryCode};
pub use seal::SealKey;

pub(crate) use enrollment::{With, added, removed, require_factor, unless_staff_has_none};
pub(crate) use stored::{SecondFactors, SmsFactor};
