use primitives::{Fault, FieldCode, Invalid};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error, Fault)]
pub enum OrgError {
    /// Another organization has this slug.
    #[error("another organization has this slug; choose another one")]
    #[fault(Conflict, "slug_taken")]
    SlugTaken,
    /// The slug is kept for the product.
    #[error("this word is no organization's slug; choose another one")]
    #[fault(Conflict, "slug_reserved")]
    SlugReserved,
    /// The person belongs to as many organizations as one may.
    #[error("you belong to {limit} organizations, which is as many as one person may")]
    #[fault(Conflict, "too_many_memberships")]
    TooManyMemberships {
        /// How many.
        limit: u32,
    },
    /// The person is the only owner of an organization.
    #[error(
        "you are the only owner of an organization; make somebody else an owner of it first, or delete it"
    )]
    #[fault(Conflict, "last_owner")]
    LastOwner,
    /// The policy would keep out whoever sets it.
    #[error(
        "you would be out with your next request: sign in with a second factor yourself, or set `grace_ends_at`"
    )]
    #[fault(Conflict, "would_lock_out")]
    WouldLockOut,
    /// The grace of a policy is too long.
    #[error("grace ends within {days} days")]
    #[fault(Invalid, "invalid_request")]
    LongGrace {
        /// The longest.
        days: i64,
    },
    /// What is to be changed is not as the caller expects it.
    #[error("this has changed; it stands at version {current}")]
    #[fault(Conflict, "version_mismatch", status = 412)]
    VersionMismatch {
        /// Its version.
        current: u64,
    },
    /// The organization is not there.
    #[error("there is no such organization")]
    #[fault(NotFound, "not_found")]
    NotFound,
    /// The table could not be read or written.
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

/// Where it is about one part of a request.
impl Invalid for OrgError {
    fn field_code(&self) -> FieldCode {
        match self {
            Self::LongGrace { .. } => FieldCode::OutOfRange,
            _ => FieldCode::InvalidFormat,
        }
    }
}
