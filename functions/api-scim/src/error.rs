use http_api::Problem;
use orgs::OrgError;
use primitives::Fault;
use scim::ScimError;
use table::{CommitError, StoreError};

/// A request of an identity provider's is refused.
#[derive(Debug, thiserror::Error, Fault)]
pub(crate) enum Refused {
    /// The body has another type.
    #[error("send JSON in UTF-8, as `application/scim+json` or `application/json`")]
    #[fault(Invalid, "unsupported_media_type", status = 415)]
    MediaType,
    #[error(transparent)]
    #[fault(transparent)]
    Scim(#[from] ScimError),
    #[error(transparent)]
    #[fault(transparent)]
    Orgs(#[from] OrgError),
    #[error(transparent)]
    #[fault(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    #[fault(transparent)]
    Commit(#[from] CommitError),
}

/// As the client is told: one that was ahead of it is told where it stands.
pub(crate) fn answered(refused: Refused) -> Problem {
    match refused {
        Refused::Scim(ScimError::VersionMismatch { current }) => Problem::from(refused).standing_at(current),
        refused => refused.into(),
    }
}
