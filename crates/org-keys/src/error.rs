use access::{AccessError, Scope};
use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum ApiKeyError {
    /// The organization has no such key.
    #[error("there is no such key")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The key was taken back, and stays so.
    #[error("this key was taken back; make another one")]
    #[fault(Conflict, "key_revoked")]
    Revoked,
    /// The time of a key is over that is to be rotated.
    #[error("the time of this key is over; give it another end first")]
    #[fault(Conflict, "key_expired")]
    Expired,
    /// It has changed since it was read.
    #[error("this has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// The version it has now.
        current: u64,
    },
    /// The organization has as many keys as it may.
    #[error("an organization has {most} keys at most; take one back")]
    #[fault(Conflict, "too_many_api_keys")]
    TooMany {
        /// How many.
        most: u32,
    },
    /// Nobody gives a key what they may not do themselves.
    #[error("you may not do this yourself, so no key of yours may")]
    #[fault(Invalid, "invalid_request")]
    ScopeNotHeld {
        /// Which of the scopes it is.
        place: usize,
        /// The scope.
        scope: Scope,
    },
    /// A key may do one thing at least.
    #[error("name 1 to {most} scopes")]
    #[fault(Invalid, "invalid_request")]
    ScopeCount {
        /// How many at most.
        most: usize,
    },
    /// Too many ranges of addresses.
    #[error("name {most} ranges of addresses at most")]
    #[fault(Invalid, "invalid_request")]
    NetworkCount {
        /// How many at most.
        most: usize,
    },
    /// The text before would work for too long.
    #[error("use 0 to {most} seconds")]
    #[fault(Invalid, "invalid_request")]
    LongOverlap {
        /// The longest, seconds.
        most: i64,
    },
    /// No key ends in the past.
    #[error("use a time to come")]
    #[fault(Invalid, "invalid_request")]
    EndsInThePast,
    /// Whoever asks is no member any more, or may not do what the key may.
    #[error(transparent)]
    #[fault(transparent)]
    Access(#[from] AccessError),
    /// It could not be read.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// It could not be stored.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

impl Invalid for ApiKeyError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::ScopeNotHeld { .. } => FieldCode::ScopeNotHeld,
            _ => FieldCode::OutOfRange,
        }
    }
}
