use primitives::{Fault, FaultKind};
use table::{CommitError, StoreError};

/// An operation of this domain failed.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// Another organization has this slug.
    #[error("another organization has this slug; choose another one")]
    SlugTaken,
    /// The slug is kept for the product.
    #[error("this word is no organization's slug; choose another one")]
    SlugReserved,
    /// The person belongs to as many organizations as one may.
    #[error("you belong to {limit} organizations, which is as many as one person may")]
    TooManyMemberships {
        /// How many.
        limit: u32,
    },
    /// The organization is not there.
    #[error("there is no such organization")]
    NotFound,
    /// The table could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transaction failed for no reason that the operation knows.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Fault for OrgError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::SlugTaken | Self::SlugReserved | Self::TooManyMemberships { .. } => FaultKind::Conflict,
            Self::NotFound => FaultKind::NotFound,
            Self::Store(error) => error.kind(),
            Self::Commit(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::SlugTaken => "slug_taken",
            Self::SlugReserved => "slug_reserved",
            Self::TooManyMemberships { .. } => "too_many_memberships",
            Self::NotFound => "not_found",
            Self::Store(error) => error.code(),
            Self::Commit(error) => error.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Store(error) => error.retry_after(),
            Self::Commit(error) => error.retry_after(),
            _ => None,
        }
    }
}
